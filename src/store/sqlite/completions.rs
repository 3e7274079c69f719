//! Who may complete a goal from outside (semantics 4.11): digests of tokens, never tokens.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::failure::Doing;
use super::writer::{Done, Write};
use crate::model::{GoalKey, GoalSetId};
use crate::ports::AttemptRef;
use crate::ports::store::StoreError;

pub(super) async fn completion(
    readers: &SqlitePool,
    set: GoalSetId,
    goal: &GoalKey,
) -> Result<Option<(AttemptRef, String)>, StoreError> {
    const READING: &str = "read who may complete a goal";
    let found = sqlx::query(
        "SELECT attempt, epoch, digest FROM completions WHERE goal_set = ? AND unique_name = ? AND environment = ?",
    )
    .bind(set.to_string())
    .bind(goal.unique_name.as_str())
    .bind(&goal.environment)
    .fetch_optional(readers)
    .await
    .doing(READING)?;
    let Some(row) = found else { return Ok(None) };
    let attempt = AttemptRef {
        goal_set: set,
        goal: goal.clone(),
        attempt: row.try_get("attempt").doing(READING)?,
        epoch: row.try_get::<i64, _>("epoch").doing(READING)?.cast_unsigned(),
    };
    Ok(Some((attempt, row.try_get("digest").doing(READING)?)))
}

/// The digest of the token that is given away for an attempt.
pub(super) struct SaveCompletion {
    pub(super) attempt: AttemptRef,
    pub(super) digest: String,
}

#[async_trait]
impl Write for SaveCompletion {
    type Answer = ();
    const DOING: &'static str = "keep who may complete a goal";

    async fn write(&self, connection: &mut SqliteConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT OR REPLACE INTO completions (goal_set, unique_name, environment, attempt, epoch, digest)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(self.attempt.goal_set.to_string())
        .bind(self.attempt.goal.unique_name.as_str())
        .bind(&self.attempt.goal.environment)
        .bind(self.attempt.attempt)
        .bind(self.attempt.epoch.cast_signed())
        .bind(&self.digest)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
