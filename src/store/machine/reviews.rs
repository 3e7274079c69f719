//! What inspections said (semantics 4.2).

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{GoalKey, GoalSetId, Review};
use crate::ports::store::StoreError;

const READING: &str = "read the reviews of a goal set";

pub(super) async fn reviews(readers: &AnyPool, set: GoalSetId) -> Result<Vec<(GoalKey, Review)>, StoreError> {
    let found = sqlx::query("SELECT * FROM reviews WHERE goal_set = $1 ORDER BY unique_name, environment")
        .bind(set.to_string())
        .fetch_all(readers)
        .await
        .doing(READING)?;
    found.iter().map(review).collect()
}

fn review(row: &AnyRow) -> Result<(GoalKey, Review), StoreError> {
    let read = |column| row.try_get::<String, _>(column).doing(READING);
    let key = rows::goal_key("review", &read("unique_name")?, &read("environment")?)?;
    let review = rows::from_json("review", &read("body")?)?;
    Ok((key, review))
}

/// The review of a goal's latest attempt.
pub(super) struct SaveReview {
    pub(super) set: GoalSetId,
    pub(super) goal: GoalKey,
    pub(super) body: String,
}

#[async_trait]
impl Write for SaveReview {
    type Answer = ();
    const DOING: &'static str = "keep the review of a goal";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        // A set that was forgotten meanwhile has no reviews either.
        sqlx::query(
            "INSERT INTO reviews (goal_set, unique_name, environment, body)
             SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM goal_sets WHERE id = $1)
             ON CONFLICT (goal_set, unique_name, environment) DO UPDATE SET body = excluded.body",
        )
        .bind(self.set.to_string())
        .bind(self.goal.unique_name.as_str())
        .bind(&self.goal.environment)
        .bind(&self.body)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
