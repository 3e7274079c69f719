//! Goals by state, as the scheduler looks for them.

use sqlx::sqlite::SqlitePool;

use super::failure::Doing;
use super::rows::{self, to_json};
use crate::model::{StateName, Timestamp};
use crate::ports::store::{GoalLocation, StoreError};

type Row = (String, String, String, i64, Option<i64>);

pub(super) async fn goals_in(
    readers: &SqlitePool,
    states: &[StateName],
) -> Result<Vec<GoalLocation>, StoreError> {
    let found: Vec<Row> = sqlx::query_as(
        "SELECT goal_set, unique_name, environment, since, not_before FROM goals
         WHERE state IN (SELECT value FROM json_each(?)) ORDER BY since, goal_set, unique_name, environment",
    )
    .bind(to_json(&states))
    .fetch_all(readers)
    .await
    .doing("read goals by state")?;
    found.iter().map(location).collect()
}

fn location((set, unique_name, environment, since, not_before): &Row) -> Result<GoalLocation, StoreError> {
    Ok(GoalLocation {
        goal_set: rows::goal_set_id("goal", set)?,
        goal: rows::goal_key("goal", unique_name, environment)?,
        since: Timestamp::from_micros(*since),
        not_before: not_before.map(Timestamp::from_micros),
    })
}
