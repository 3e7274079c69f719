//! Who may complete a goal from outside (semantics 4.11): digests of tokens, never tokens.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{GoalKey, GoalSetId};
use crate::ports::AttemptRef;
use crate::ports::store::StoreError;

pub(super) async fn completion(
    readers: &AnyPool,
    set: GoalSetId,
    goal: &GoalKey,
) -> Result<Option<(AttemptRef, String)>, StoreError> {
    const READING: &str = "read who may complete a goal";
    let found = sqlx::query(
        "SELECT attempt, epoch, digest FROM completions WHERE goal_set = $1 AND unique_name = $2 AND environment = $3",
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
        attempt: rows::small("attempt", row.try_get("attempt").doing(READING)?)?,
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

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO completions (goal_set, unique_name, environment, attempt, epoch, digest)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (goal_set, unique_name, environment)
             DO UPDATE SET attempt = excluded.attempt, epoch = excluded.epoch, digest = excluded.digest",
        )
        .bind(self.attempt.goal_set.to_string())
        .bind(self.attempt.goal.unique_name.as_str())
        .bind(&self.attempt.goal.environment)
        .bind(i64::from(self.attempt.attempt))
        .bind(self.attempt.epoch.cast_signed())
        .bind(&self.digest)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
