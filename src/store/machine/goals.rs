//! Goals by state, as the scheduler looks for them.

use sqlx::AnyPool;

use super::composed::Composed;
use super::failure::Doing;
use super::rows;
use crate::model::{StateName, Timestamp};
use crate::ports::store::{GoalLocation, StoreError};

type Row = (String, String, String, i64, Option<i64>);

pub(super) async fn goals_in(
    readers: &AnyPool,
    states: &[StateName],
) -> Result<Vec<GoalLocation>, StoreError> {
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Composed::new(
        "SELECT goal_set, unique_name, environment, since, not_before FROM goals WHERE state IN (",
    );
    query.list(states.iter().map(|state| state.as_str()));
    query.push(") ORDER BY since, goal_set, unique_name, environment");
    let found: Vec<Row> = query.rows(readers).await.doing("read goals by state")?;
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
