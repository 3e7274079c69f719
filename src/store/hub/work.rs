//! A unit of work: changes of the graph with the deliveries they cause, all or nothing.
//!
//! It holds the row of its workspace from beginning to end, so that units of one workspace follow one another and each
//! sees all that the one before it did. What it changes is written before anybody reads it, and at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use sqlx::{Any, Row, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::deliveries::insert;
use super::nodes::{by_keys, failed, linking, search};
use super::pending::{MANY, Pending};
use super::statement::Doing;
use crate::model::Timestamp;
use crate::ports::graph::{Find, GraphError, GraphReader, Node};
use crate::ports::hub::{HubStoreError, HubWork, NewDelivery};

/// Bits of a position that count within one unit of work.
const WITHIN: u32 = 20;

const CHANGE: &str = "change the graph";

/// A unit of work in a transaction.
pub(super) struct SqlWork {
    doing: Mutex<InTransaction>,
    workspace: String,
    /// Its number among those of the workspace.
    number: i64,
    /// The position of what changes next.
    position: AtomicI64,
    /// How many deliveries it has caused.
    deliveries: AtomicI64,
}

/// The transaction, and what is still to be written in it.
struct InTransaction {
    transaction: Transaction<'static, Any>,
    pending: Pending,
}

impl SqlWork {
    pub(super) async fn begin(
        mut transaction: Transaction<'static, Any>,
        workspace: &str,
    ) -> Result<Self, HubStoreError> {
        const BEGIN: &str = "INSERT INTO hub_workspace (id, changes) VALUES ($1, 1) \
            ON CONFLICT (id) DO UPDATE SET changes = hub_workspace.changes + 1 RETURNING changes";
        let row = sqlx::query(BEGIN)
            .bind(workspace)
            .fetch_one(&mut *transaction)
            .await
            .doing("begin to change the graph")?;
        let number: i64 = row.try_get(0).doing("begin to change the graph")?;
        Ok(Self {
            doing: Mutex::new(InTransaction {
                transaction,
                pending: Pending::default(),
            }),
            workspace: workspace.to_owned(),
            number,
            position: AtomicI64::new(number << WITHIN),
            deliveries: AtomicI64::new(0),
        })
    }

    /// The transaction, with everything written that was changed.
    async fn written(&self) -> Result<MutexGuard<'_, InTransaction>, sqlx::Error> {
        let mut doing = self.doing.lock().await;
        let InTransaction { transaction, pending } = &mut *doing;
        pending.write(transaction, &self.workspace).await?;
        Ok(doing)
    }
}

#[async_trait]
impl HubWork for SqlWork {
    fn graph(&self) -> &dyn GraphReader {
        self
    }

    fn number(&self) -> i64 {
        self.number
    }

    async fn put(&self, node: &Node, known: Option<&Node>, keeps_history: bool) -> Result<(), HubStoreError> {
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let mut doing = self.doing.lock().await;
        let InTransaction { transaction, pending } = &mut *doing;
        pending.add(&self.workspace, node, known, keeps_history, position);
        match pending.len() < MANY {
            true => Ok(()),
            false => pending.write(transaction, &self.workspace).await.doing(CHANGE),
        }
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), HubStoreError> {
        let mut doing = self.written().await.doing(CHANGE)?;
        for statement in [
            "DELETE FROM hub_node_key WHERE workspace = $1 AND kind = $2 AND id = $3",
            "DELETE FROM hub_node_link WHERE workspace = $1 AND kind = $2 AND id = $3",
            "DELETE FROM hub_node_value WHERE workspace = $1 AND kind = $2 AND id = $3",
            "DELETE FROM hub_node WHERE workspace = $1 AND kind = $2 AND id = $3",
        ] {
            let query = sqlx::query(statement)
                .bind(self.workspace.as_str())
                .bind(kind)
                .bind(id);
            let done = query.execute(&mut *doing.transaction).await;
            done.doing("take something out of the graph")?;
        }
        Ok(())
    }

    async fn take_in(&self, source: &str, id: &str, at: Timestamp) -> Result<bool, HubStoreError> {
        const TAKE_IN: &str = "INSERT INTO hub_received (workspace, source, id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let mut doing = self.doing.lock().await;
        let done = sqlx::query(TAKE_IN)
            .bind(self.workspace.as_str())
            .bind(source)
            .bind(id)
            .bind(at.as_micros())
            .execute(&mut *doing.transaction)
            .await
            .doing("note what came")?;
        Ok(done.rows_affected() > 0)
    }

    async fn deliver(&self, delivery: &NewDelivery) -> Result<(), HubStoreError> {
        let after = self.deliveries.fetch_add(1, Ordering::Relaxed);
        let mut doing = self.doing.lock().await;
        insert(&mut doing.transaction, delivery, after).await
    }

    async fn commit(self: Box<Self>) -> Result<(), HubStoreError> {
        let InTransaction {
            mut transaction,
            mut pending,
        } = self.doing.into_inner();
        pending
            .write(&mut transaction, &self.workspace)
            .await
            .doing(CHANGE)?;
        transaction.commit().await.doing("commit a change of the graph")
    }
}

#[async_trait]
impl GraphReader for SqlWork {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut doing = self.written().await.map_err(failed)?;
        by_keys(&mut doing.transaction, &self.workspace, kind, keys).await
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut doing = self.written().await.map_err(failed)?;
        linking(
            &mut doing.transaction,
            &self.workspace,
            (kind, field),
            keys,
            limit,
        )
        .await
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut doing = self.written().await.map_err(failed)?;
        search(&mut doing.transaction, &self.workspace, find).await
    }
}
