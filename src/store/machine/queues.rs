//! Queues: a semaphore owned by the store (semantics 4.9). A slot is held until its set is not active any more, or waits for
//! nothing but people where it asked for that.

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::queue::ReleaseOn;
use crate::model::{GoalSetId, Timestamp};
use crate::ports::store::StoreError;

pub(super) async fn position(
    readers: &AnyPool,
    queue: &str,
    set: GoalSetId,
) -> Result<Option<u32>, StoreError> {
    let position: Option<i64> = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM queue_slots earlier
                 WHERE earlier.queue = own.queue AND earlier.granted = 0 AND earlier.sequence <= own.sequence)
         FROM queue_slots own WHERE own.queue = $1 AND own.goal_set = $2 AND own.granted = 0",
    )
    .bind(queue)
    .bind(set.to_string())
    .fetch_optional(readers)
    .await
    .doing("read the position in a queue")?;
    position
        .map(|position| rows::small("position in a queue", position))
        .transpose()
}

/// A set asks for a slot.
pub(super) struct JoinQueue {
    pub(super) queue: String,
    pub(super) set: GoalSetId,
    pub(super) release_on: ReleaseOn,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Write for JoinQueue {
    type Answer = ();
    const DOING: &'static str = "join a queue";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let joined = sqlx::query(
            "INSERT INTO queue_slots (queue, goal_set, joined_at, until_waiting) VALUES ($1, $2, $3, $4)
             ON CONFLICT (queue, goal_set) DO NOTHING",
        )
        .bind(&self.queue)
        .bind(self.set.to_string())
        .bind(self.at.as_micros())
        .bind(i64::from(self.release_on == ReleaseOn::Waiting))
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
    async fn free(&self, connection: &mut AnyConnection) -> Result<u64, StoreError> {
        let freed = sqlx::query(
            "DELETE FROM queue_slots
             WHERE queue = $1 AND (
                 goal_set IN (SELECT id FROM goal_sets WHERE active = 0)
                 OR (granted = 1 AND until_waiting = 1 AND NOT EXISTS (
                     SELECT 1 FROM goals WHERE goals.goal_set = queue_slots.goal_set
                     AND goals.state IN ('pre_approved', 'requested', 'in_process', 'approved'))))",
        )
        .bind(&self.queue)
        .execute(connection)
        .await
        .doing("free slots of a queue")?;
        Ok(freed.rows_affected())
    }

    /// How many slots nobody holds.
    async fn free_slots(&self, connection: &mut AnyConnection) -> Result<i64, StoreError> {
        let held: i64 =
            sqlx::query_scalar("SELECT count(*) FROM queue_slots WHERE queue = $1 AND granted = 1")
                .bind(&self.queue)
                .fetch_one(connection)
                .await
                .doing("count the slots of a queue")?;
        Ok(i64::from(self.concurrent).saturating_sub(held).max(0))
    }

    async fn grant(&self, connection: &mut AnyConnection) -> Result<u64, StoreError> {
        let statement = if self.newest_first {
            "UPDATE queue_slots SET granted = 1 WHERE sequence IN (
                 SELECT sequence FROM queue_slots WHERE queue = $1 AND granted = 0 ORDER BY sequence DESC
                 LIMIT $2)"
        } else {
            "UPDATE queue_slots SET granted = 1 WHERE sequence IN (
                 SELECT sequence FROM queue_slots WHERE queue = $1 AND granted = 0 ORDER BY sequence
                 LIMIT $2)"
        };
        let query = sqlx::query(statement)
            .bind(&self.queue)
            .bind(self.free_slots(connection).await?);
        let granted = query.execute(connection).await.doing("grant slots of a queue")?;
        Ok(granted.rows_affected())
    }

    async fn holders(&self, connection: &mut AnyConnection) -> Result<Vec<GoalSetId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT goal_set FROM queue_slots WHERE queue = $1 AND granted = 1 ORDER BY sequence",
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

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Vec<GoalSetId>>, StoreError> {
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
