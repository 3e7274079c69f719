//! A unit of work: changes of the graph with the deliveries they cause, all or nothing.
//!
//! It holds the row of its workspace from beginning to end, so that units of one workspace follow one another and each
//! sees all that the one before it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, Row, Transaction};
use tokio::sync::Mutex;

use super::deliveries::insert;
use super::nodes::{INDEXED, by_keys, indexed, linking, search};
use super::statement::{Doing, composed, rows, to_json};
use crate::model::Timestamp;
use crate::ports::graph::{Find, GraphError, GraphReader, Node};
use crate::ports::hub::{HubStoreError, HubWork, NewDelivery};

/// Bits of a position that count within one unit of work.
const WITHIN: u32 = 12;

/// Most rows of one statement.
const CHUNK: usize = 200;

/// A unit of work in a transaction.
pub(super) struct SqlWork {
    transaction: Mutex<Transaction<'static, Any>>,
    workspace: String,
    /// The position of what changes next.
    position: AtomicI64,
    /// How many deliveries it has caused.
    deliveries: AtomicI64,
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
        let change: i64 = row.try_get(0).doing("begin to change the graph")?;
        Ok(Self {
            transaction: Mutex::new(transaction),
            workspace: workspace.to_owned(),
            position: AtomicI64::new(change << WITHIN),
            deliveries: AtomicI64::new(0),
        })
    }

    /// Rows of a table that all begin with workspace, kind and id.
    async fn insert(
        &self,
        transaction: &mut Transaction<'static, Any>,
        (table, columns, conflict): (&str, &str, &str),
        node: &Node,
        values: &[(&str, &str)],
    ) -> Result<(), sqlx::Error> {
        let width = columns.matches(',').count() + 1;
        for chunk in values.chunks(CHUNK) {
            let statement = format!(
                "INSERT INTO {table} ({columns}) VALUES {} ON CONFLICT {conflict}",
                rows(1, chunk.len(), width)
            );
            let mut query: Query<'_, Any, AnyArguments> = sqlx::query(composed(statement));
            for (field, value) in chunk {
                query = query
                    .bind(self.workspace.as_str())
                    .bind(node.kind.as_str())
                    .bind(node.id());
                if width == 5 {
                    query = query.bind(*field);
                }
                query = query.bind(*value);
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    async fn forget_rows(
        &self,
        transaction: &mut Transaction<'static, Any>,
        node: &Node,
    ) -> Result<(), sqlx::Error> {
        for statement in [
            "DELETE FROM hub_node_link WHERE workspace = $1 AND kind = $2 AND id = $3",
            "DELETE FROM hub_node_value WHERE workspace = $1 AND kind = $2 AND id = $3",
        ] {
            let query = sqlx::query(statement).bind(self.workspace.as_str());
            query
                .bind(node.kind.as_str())
                .bind(node.id())
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// The row of the node itself; whether it is new.
    async fn upsert(
        &self,
        transaction: &mut Transaction<'static, Any>,
        node: &Node,
        position: i64,
    ) -> Result<bool, sqlx::Error> {
        const UPSERT: &str = "INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (workspace, kind, id) DO UPDATE SET \
            keys = excluded.keys, body = excluded.body, links = excluded.links, changed = excluded.changed \
            RETURNING created";
        let row = self
            .bound(sqlx::query(UPSERT), node)
            .bind(position)
            .fetch_one(&mut **transaction)
            .await?;
        Ok(row.try_get::<i64, _>(0)? == position)
    }

    fn bound<'q>(&self, query: Query<'q, Any, AnyArguments>, node: &Node) -> Query<'q, Any, AnyArguments> {
        query
            .bind(self.workspace.clone())
            .bind(node.kind.clone())
            .bind(node.id().to_owned())
            .bind(to_json(&node.keys))
            .bind(to_json(&node.body))
            .bind(to_json(&node.links))
    }

    async fn write(&self, node: &Node, keeps_history: bool) -> Result<(), sqlx::Error> {
        const KEYS: (&str, &str, &str) = (
            "hub_node_key",
            "workspace, kind, id, key",
            "(workspace, kind, key) DO UPDATE SET id = excluded.id",
        );
        const LINKS: (&str, &str, &str) = (
            "hub_node_link",
            "workspace, kind, id, field, target",
            "DO NOTHING",
        );
        const VALUES: (&str, &str, &str) = (
            "hub_node_value",
            "workspace, kind, id, field, value",
            "DO NOTHING",
        );
        const VERSION: &str = "INSERT INTO hub_node_version (workspace, kind, id, keys, body, links, changed) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let transaction = &mut *self.transaction.lock().await;
        if !self.upsert(transaction, node, position).await? {
            self.forget_rows(transaction, node).await?;
        }
        let mut distinct: Vec<&String> = node.keys.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let keys: Vec<_> = distinct.into_iter().map(|key| ("", key.as_str())).collect();
        self.insert(transaction, KEYS, node, &keys).await?;
        let links: Vec<_> = node
            .links
            .iter()
            .flat_map(|(field, targets)| {
                targets
                    .iter()
                    .map(move |target| (field.as_str(), target.as_str()))
            })
            .collect();
        self.insert(transaction, LINKS, node, &links).await?;
        let values: Vec<(&str, String)> = INDEXED
            .iter()
            .filter_map(|field| Some((*field, indexed(node.body.get(*field)?)?)))
            .collect();
        let values: Vec<_> = values
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
            .collect();
        self.insert(transaction, VALUES, node, &values).await?;
        if keeps_history {
            let query = self.bound(sqlx::query(VERSION), node).bind(position);
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl HubWork for SqlWork {
    fn graph(&self) -> &dyn GraphReader {
        self
    }

    async fn put(&self, node: &Node, keeps_history: bool) -> Result<(), HubStoreError> {
        self.write(node, keeps_history).await.doing("change the graph")
    }

    async fn take_in(&self, source: &str, id: &str, at: Timestamp) -> Result<bool, HubStoreError> {
        const TAKE_IN: &str = "INSERT INTO hub_received (workspace, source, id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let transaction = &mut *self.transaction.lock().await;
        let done = sqlx::query(TAKE_IN)
            .bind(self.workspace.as_str())
            .bind(source)
            .bind(id)
            .bind(at.as_micros())
            .execute(&mut **transaction)
            .await
            .doing("note what came")?;
        Ok(done.rows_affected() > 0)
    }

    async fn deliver(&self, delivery: &NewDelivery) -> Result<(), HubStoreError> {
        let after = self.deliveries.fetch_add(1, Ordering::Relaxed);
        let transaction = &mut *self.transaction.lock().await;
        insert(&mut **transaction, delivery, after).await
    }

    async fn commit(self: Box<Self>) -> Result<(), HubStoreError> {
        let transaction = self.transaction.into_inner();
        transaction.commit().await.doing("commit a change of the graph")
    }
}

#[async_trait]
impl GraphReader for SqlWork {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        let transaction = &mut *self.transaction.lock().await;
        by_keys(&mut **transaction, &self.workspace, kind, keys).await
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let transaction = &mut *self.transaction.lock().await;
        linking(&mut **transaction, &self.workspace, (kind, field), keys, limit).await
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        let transaction = &mut *self.transaction.lock().await;
        search(&mut **transaction, &self.workspace, find).await
    }
}
