//! What has not changed for long.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row;

use super::SqlHub;
use super::nodes::node;
use super::statement::Doing;
use super::tidying::BATCH;
use super::work::first_position_after;
use crate::model::Timestamp;
use crate::ports::graph::Node;
use crate::ports::hub::{History, HubStoreError};

#[async_trait]
impl History for SqlHub {
    async fn note_progress(&self, now: Timestamp, since: Timestamp) -> Result<(), HubStoreError> {
        const NOTE: &str = "INSERT INTO hub_progress (workspace, at, changes) \
            SELECT w.id, CAST($1 AS BIGINT), w.changes FROM hub_workspace w \
            WHERE NOT EXISTS (SELECT 1 FROM hub_progress p WHERE p.workspace = w.id AND p.at > $2) ON CONFLICT DO NOTHING";
        sqlx::query(NOTE)
            .bind(now.as_micros())
            .bind(since.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note how far workspaces have come")
    }

    async fn progress_at(&self, workspace: &str, at: Timestamp) -> Result<Option<i64>, HubStoreError> {
        const DOING: &str = "look how far a workspace had come";
        const LAST: &str =
            "SELECT at, changes FROM hub_progress WHERE workspace = $1 AND at <= $2 ORDER BY at DESC LIMIT 1";
        let row = sqlx::query(LAST)
            .bind(workspace)
            .bind(at.as_micros())
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let Some(row) = row else {
            return Ok(None);
        };
        // Nobody asks for what was noted before it any more.
        sqlx::query("DELETE FROM hub_progress WHERE workspace = $1 AND at < $2")
            .bind(workspace)
            .bind(row.try_get::<i64, _>("at").doing(DOING)?)
            .execute(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        let changes: i64 = row.try_get("changes").doing(DOING)?;
        Ok(Some(first_position_after(changes)))
    }

    async fn unchanged(
        &self,
        workspace: &str,
        kind: &str,
        (behind, before): (i64, i64),
        limit: u32,
    ) -> Result<Vec<(i64, Arc<Node>)>, HubStoreError> {
        const DOING: &str = "look for what has not changed";
        const FIND: &str = "SELECT keys, body, links, changed FROM hub_node WHERE workspace = $1 AND kind = $2 \
            AND changed > $3 AND changed < $4 ORDER BY changed LIMIT $5";
        let rows = sqlx::query(FIND)
            .bind(workspace)
            .bind(kind)
            .bind(behind)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read = rows
            .iter()
            .map(|row| Ok((row.try_get("changed").doing(DOING)?, node(row, kind)?)));
        read.collect()
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<(), HubStoreError> {
        // Whose the name of a machine is its key says.
        let forget = format!(
            "DELETE FROM hub_key WHERE id IN (SELECT k.id FROM hub_key k \
             WHERE (k.expires < $1 OR (k.revoked > 0 AND k.revoked < $1)) \
             AND NOT EXISTS (SELECT 1 FROM hub_registration r WHERE r.principal = k.id) LIMIT {BATCH})"
        );
        let values = [before.as_micros().into()];
        self.in_batches(&forget, &values, "forget keys that have ended")
            .await
    }
}
