//! A unit of work: changes of the graph with the deliveries they cause, all or nothing.
//!
//! It holds the row of its workspace from beginning to end, so that units of one workspace follow one another and each
//! sees all that the one before it did. What it changes is written before anybody reads it, when somebody says so, and at the
//! end; meanwhile more may be changed.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use sqlx::{Any, AnyConnection, Row, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::forges::{self, pin};
use super::nodes::{by_keys, failed, in_order, linking, named, of_ids};
use super::pending::{Pending, forget};
use super::rows::{Lists, ManyRows, lists};
use super::search::{part, search, weight};
use super::statement::Doing;
use super::statistics;
use crate::model::Timestamp;
use crate::ports::graph::{Find, GraphError, GraphReader, Node, Part};
use crate::ports::hub::{HubStoreError, HubWork, NewDelivery};
use crate::ports::told_forges::{News, PinnedPlaces, ToldForges};

/// Bits of a position that count within one unit of work.
const WITHIN: u32 = 20;

const CHANGE: &str = "change the graph";

/// The first position of whatever changes after a unit of work of this number.
pub(super) const fn first_position_after(number: i64) -> i64 {
    number.saturating_add(1) << WITHIN
}

/// A unit of work in a transaction.
pub(super) struct SqlWork {
    transaction: Mutex<Transaction<'static, Any>>,
    /// What is still to be written. Whoever takes it out has the transaction, so that it is written in order.
    pending: std::sync::Mutex<Pending>,
    workspace: String,
    /// Its number among those of the workspace.
    number: i64,
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
        let number: i64 = row.try_get(0).doing("begin to change the graph")?;
        Ok(Self {
            transaction: Mutex::new(transaction),
            pending: std::sync::Mutex::default(),
            workspace: workspace.to_owned(),
            number,
            position: AtomicI64::new(number << WITHIN),
            deliveries: AtomicI64::new(0),
        })
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction, with everything written that was changed, if it is as this says.
    async fn written_if(
        &self,
        is_due: impl FnOnce(&Pending) -> bool + Send,
    ) -> Result<MutexGuard<'_, Transaction<'static, Any>>, sqlx::Error> {
        let mut transaction = self.transaction.lock().await;
        let pending = {
            let mut pending = self.pending();
            is_due(&pending).then(|| std::mem::take(&mut *pending))
        };
        if let Some(pending) = pending {
            pending.write(&mut transaction, &self.workspace).await?;
        }
        Ok(transaction)
    }

    /// The transaction, with everything written that was changed of a type.
    async fn written(&self, kind: &str) -> Result<MutexGuard<'_, Transaction<'static, Any>>, sqlx::Error> {
        self.written_if(|pending| pending.has_kind(kind)).await
    }
}

/// What of this has come before, by source and id.
async fn noted(
    connection: &mut AnyConnection,
    workspace: &str,
    came: &[(&str, &str)],
) -> Result<HashSet<(String, String)>, sqlx::Error> {
    static ASK: Lists = Lists::new(
        "SELECT id FROM hub_received WHERE workspace = $1 AND source = $2 AND id IN (",
        "",
        ")",
        3,
    );
    let mut of_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (source, id) in came {
        of_source.entry(*source).or_default().push(*id);
    }
    let mut noted = HashSet::new();
    for (source, ids) in of_source {
        for (statement, list) in lists(&ids, &ASK) {
            let query = sqlx::query(statement).bind(workspace).bind(source);
            let query = list.into_iter().fold(query, |query, id| query.bind(*id));
            for row in query.fetch_all(&mut *connection).await? {
                noted.insert((source.to_owned(), row.try_get(0)?));
            }
        }
    }
    Ok(noted)
}

#[async_trait]
impl HubWork for SqlWork {
    fn graph(&self) -> &dyn GraphReader {
        self
    }

    fn number(&self) -> i64 {
        self.number
    }

    async fn of_ids(&self, kind: &str, ids: &[String]) -> Result<Vec<Arc<Node>>, HubStoreError> {
        let mut transaction = self.transaction.lock().await;
        let mut found = of_ids(&mut transaction, &self.workspace, kind, ids).await?;
        self.pending().of_ids(kind, ids, &mut found);
        Ok(found.into_values().collect())
    }

    async fn put(
        &self,
        node: &Arc<Node>,
        known: Option<&Arc<Node>>,
        keeps_history: bool,
    ) -> Result<(), HubStoreError> {
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let is_much = {
            let mut pending = self.pending();
            pending.add(node, known, keeps_history, position);
            pending.is_much()
        };
        match is_much {
            false => Ok(()),
            true => self.write().await,
        }
    }

    async fn write(&self) -> Result<(), HubStoreError> {
        self.written_if(|_| true).await.map(|_| ()).doing(CHANGE)
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), HubStoreError> {
        const DOING: &str = "take something out of the graph";
        const REMOVE: &str = "DELETE FROM hub_node WHERE workspace = $1 AND kind = $2 AND id = $3";
        const VERSIONS: &str = "DELETE FROM hub_node_version WHERE workspace = $1 AND kind = $2 AND id = $3";
        let mut transaction = self.written(kind).await.doing(CHANGE)?;
        let connection = &mut **transaction;
        let known = by_keys(connection, &self.workspace, kind, &[id.to_owned()]).await?;
        for node in known.iter().filter(|node| node.id() == id) {
            forget(connection, &self.workspace, node).await.doing(DOING)?;
        }
        for statement in [REMOVE, VERSIONS] {
            let query = sqlx::query(statement).bind(self.workspace.as_str());
            let done = query.bind(kind).bind(id).execute(&mut *connection).await;
            done.doing(DOING)?;
        }
        Ok(())
    }

    async fn take_in(&self, came: &[(&str, &str)], at: Timestamp) -> Result<Vec<bool>, HubStoreError> {
        static TAKE_IN: ManyRows = ManyRows::new(
            "INSERT INTO hub_received (workspace, source, id, at) SELECT $1, v.* FROM",
            "WHERE v.column1 IS NOT NULL",
        );
        const DOING: &str = "note what came";
        let mut transaction = self.transaction.lock().await;
        // Most is new, so that to ask gives no rows; each row that SQLite gives wakes whoever waits for it.
        let mut noted = noted(&mut transaction, &self.workspace, came)
            .await
            .doing(DOING)?;
        // What came twice is new the first time.
        let is_new = |(source, id): &(&str, &str)| noted.insert(((*source).to_owned(), (*id).to_owned()));
        let is_new: Vec<bool> = came.iter().map(is_new).collect();
        let new = came.iter().zip(&is_new).filter(|(_, is_new)| **is_new);
        let row = |((source, id), _): (&(&str, &str), &bool)| {
            vec![(*source).into(), (*id).into(), at.as_micros().into()]
        };
        let rows = new.map(row).collect();
        let taken = TAKE_IN.execute(&mut transaction, &self.workspace, rows).await;
        taken.doing(DOING)?;
        Ok(is_new)
    }

    async fn give_back(&self, came: Option<&(String, String)>) -> Result<(), HubStoreError> {
        const GIVE_BACK: &str = "DELETE FROM hub_received WHERE workspace = $1 AND source = $2 AND id = $3";
        let Some((source, id)) = came else {
            return Ok(());
        };
        let mut transaction = self.transaction.lock().await;
        let query = sqlx::query(GIVE_BACK).bind(self.workspace.as_str());
        let done = query
            .bind(source.as_str())
            .bind(id.as_str())
            .execute(&mut **transaction)
            .await;
        done.map(|_| ()).doing("forget what came")
    }

    async fn deliver(&self, delivery: &NewDelivery) -> Result<(), HubStoreError> {
        let after = self.deliveries.fetch_add(1, Ordering::Relaxed);
        let is_much = {
            let mut pending = self.pending();
            pending.deliver(delivery, after);
            pending.is_much()
        };
        match is_much {
            false => Ok(()),
            true => self.write().await,
        }
    }

    async fn told_forges(&self) -> Result<ToldForges, HubStoreError> {
        let mut transaction = self.written("SCMProvider").await.doing(CHANGE)?;
        forges::told(&mut transaction).await.doing(forges::LIST)
    }

    async fn pin_places(&self, news: &News) -> Result<PinnedPlaces, HubStoreError> {
        // What waits to be written is among it.
        let mut transaction = self.written_if(|_| true).await.doing(CHANGE)?;
        pin(&mut transaction, news)
            .await
            .doing("put what is kept at its forge")
    }

    async fn commit(self: Box<Self>) -> Result<(), HubStoreError> {
        self.write().await?;
        let mut transaction = self.transaction.into_inner();
        statistics::count(&mut transaction, self.number)
            .await
            .doing(CHANGE)?;
        transaction.commit().await.doing("commit a change of the graph")
    }
}

#[async_trait]
impl GraphReader for SqlWork {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        // What is still to be written need not be, for that: the database does so while more is changed.
        let mut transaction = self.transaction.lock().await;
        let mut found = named(&mut transaction, &self.workspace, kind, keys).await?;
        self.pending().name(kind, keys, &mut found);
        Ok(in_order(keys, &found))
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut transaction = self.written(kind).await.map_err(failed)?;
        linking(&mut transaction, &self.workspace, (kind, field), keys, limit).await
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut transaction = self.written(&find.kind).await.map_err(failed)?;
        search(&mut transaction, &self.workspace, find).await
    }

    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError> {
        let mut transaction = self.written(&find.kind).await.map_err(failed)?;
        part(&mut transaction, &self.workspace, find, from).await
    }

    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError> {
        let mut transaction = self.written(&find.kind).await.map_err(failed)?;
        weight(&mut transaction, &self.workspace, find, most).await
    }
}
