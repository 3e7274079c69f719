//! Queues: a semaphore owned by the store (semantics 4.9). A slot is held until its set is not active any more.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{GoalSetId, Timestamp};
use crate::ports::store::StoreError;

pub(super) async fn position(
    readers: &SqlitePool,
    queue: &str,
    set: GoalSetId,
) -> Result<Option<u32>, StoreError> {
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM queue_slots earlier
                 WHERE earlier.queue = own.queue AND earlier.granted = 0 AND earlier.sequence <= own.sequence)
         FROM queue_slots own WHERE own.queue = ? AND own.goal_set = ? AND own.granted = 0",
    )
    .bind(queue)
    .bind(set.to_string())
    .fetch_optional(readers)
    .await
    .doing("read the position in a queue")
}

/// A set asks for a slot.
pub(super) struct JoinQueue {
    pub(super) queue: String,
    pub(super) set: GoalSetId,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Write for JoinQueue {
    type Answer = ();
    const DOING: &'static str = "join a queue";

    async fn write(&self, connection: &mut SqliteConnection) -> Result<Done<()>, StoreError> {
        let joined = sqlx::query(
            "INSERT INTO queue_slots (queue, goal_set, joined_at) VALUES (?, ?, ?)
             ON CONFLICT (queue, goal_set) DO NOTHING",
        )
        .bind(&self.queue)
        .bind(self.set.to_string())
        .bind(self.at.as_micros())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(if joined.rows_affected() == 1 {
            Done::News(())
        } else {
            Done::Quiet(())
        })
    }
}

/// Slots are freed and granted.
pub(super) struct GrantQueue {
    pub(super) queue: String,
    pub(super) concurrent: u32,
    pub(super) newest_first: bool,
}

impl GrantQueue {
    async fn free(&self, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
        let freed = sqlx::query(
            "DELETE FROM queue_slots
             WHERE queue = ? AND goal_set IN (SELECT id FROM goal_sets WHERE active = 0)",
        )
        .bind(&self.queue)
        .execute(connection)
        .await
        .doing("free slots of a queue")?;
        Ok(freed.rows_affected())
    }

    async fn grant(&self, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
        let statement = if self.newest_first {
            "UPDATE queue_slots SET granted = 1 WHERE sequence IN (
                 SELECT sequence FROM queue_slots WHERE queue = ?1 AND granted = 0 ORDER BY sequence DESC
                 LIMIT max(0, ?2 - (SELECT count(*) FROM queue_slots WHERE queue = ?1 AND granted = 1)))"
        } else {
            "UPDATE queue_slots SET granted = 1 WHERE sequence IN (
                 SELECT sequence FROM queue_slots WHERE queue = ?1 AND granted = 0 ORDER BY sequence
                 LIMIT max(0, ?2 - (SELECT count(*) FROM queue_slots WHERE queue = ?1 AND granted = 1)))"
        };
        let query = sqlx::query(statement).bind(&self.queue).bind(self.concurrent);
        let granted = query.execute(connection).await.doing("grant slots of a queue")?;
        Ok(granted.rows_affected())
    }

    async fn holders(&self, connection: &mut SqliteConnection) -> Result<Vec<GoalSetId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT goal_set FROM queue_slots WHERE queue = ? AND granted = 1 ORDER BY sequence",
        )
        .bind(&self.queue)
        .fetch_all(connection)
        .await
        .doing("read who holds slots of a queue")?;
        ids.iter().map(|id| rows::goal_set_id("queue slot", id)).collect()
    }
}

#[async_trait]
impl Write for GrantQueue {
    type Answer = Vec<GoalSetId>;
    const DOING: &'static str = "grant slots of a queue";

    async fn write(&self, connection: &mut SqliteConnection) -> Result<Done<Vec<GoalSetId>>, StoreError> {
        let freed = self.free(connection).await?;
        let granted = self.grant(connection).await?;
        let holders = self.holders(connection).await?;
        Ok(if freed + granted > 0 {
            Done::News(holders)
        } else {
            Done::Quiet(holders)
        })
    }
}
