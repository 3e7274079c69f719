//! Logs that a hub has not taken to their end.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlStore;
use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::ports::store::StoreError;
use crate::ports::team_logs::{LogOnItsWay, LogsOnTheirWay};

/// Most logs of one answer.
const PAGE: u32 = 1_000;

/// A row: goal set, environment, goal, attempt, workspace, taken.
type Row = (String, String, String, i64, String, i64);

#[async_trait]
impl LogsOnTheirWay for SqlStore {
    async fn logs_on_their_way(&self, limit: u32) -> Result<Vec<LogOnItsWay>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT goal_set, environment, goal, attempt, workspace, taken FROM logs_on_their_way l
             WHERE NOT EXISTS (SELECT 1 FROM attempt_places p
                               WHERE p.goal_set = l.goal_set AND p.unique_name = l.goal AND p.environment = l.environment
                                 AND p.attempt = l.attempt AND p.replica <> $2
                                 AND EXISTS (SELECT 1 FROM goal_sets WHERE goal_sets.id = l.goal_set))
             ORDER BY goal_set, environment, goal, attempt LIMIT $1",
        )
        .bind(i64::from(limit.min(PAGE)))
        .bind(&self.replica)
        .fetch_all(&self.readers)
        .await
        .doing("list logs on their way")?;
        rows.into_iter().map(log).collect()
    }

    async fn log_taken(&self, log: &LogOnItsWay) -> Result<(), StoreError> {
        self.writer.write(Taken(log.clone())).await
    }

    async fn log_sent(&self, log: &LogOnItsWay) -> Result<(), StoreError> {
        self.writer.write(Sent(log.clone())).await
    }
}

fn log((set, environment, goal, attempt, workspace, taken): Row) -> Result<LogOnItsWay, StoreError> {
    const WHAT: &str = "log on its way";
    let attempt = rows::count(WHAT, attempt)?;
    Ok(LogOnItsWay {
        goal_set: rows::goal_set_id(WHAT, &set)?,
        goal: rows::goal_key(WHAT, &goal, &environment)?,
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        workspace,
        taken: rows::count(WHAT, taken)?,
    })
}

/// Logs that begin to be sent; one that is known goes on where it is.
pub(super) async fn begin(connection: &mut AnyConnection, logs: &[LogOnItsWay]) -> Result<(), StoreError> {
    for log in logs {
        sqlx::query(
            "INSERT INTO logs_on_their_way (goal_set, environment, goal, attempt, workspace, taken)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(log.goal_set.to_string())
        .bind(&log.goal.environment)
        .bind(log.goal.unique_name.as_str())
        .bind(i64::from(log.attempt))
        .bind(&log.workspace)
        .bind(rows::stored(log.taken))
        .execute(&mut *connection)
        .await
        .doing("let a log be sent")?;
    }
    Ok(())
}

/// Nothing is sent any more.
pub(super) async fn end(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM logs_on_their_way")
        .execute(connection)
        .await
        .map(|_| ())
        .doing("send no logs any more")
}

/// Which log a statement is about.
const THIS: &str = "goal_set = $1 AND environment = $2 AND goal = $3 AND attempt = $4";

struct Taken(LogOnItsWay);

#[async_trait]
impl Write for Taken {
    type Answer = ();
    const DOING: &'static str = "note how far a log was sent";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let statement = format!("UPDATE logs_on_their_way SET taken = $5 WHERE {THIS}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(self.0.goal_set.to_string())
            .bind(&self.0.goal.environment)
            .bind(self.0.goal.unique_name.as_str())
            .bind(i64::from(self.0.attempt))
            .bind(rows::stored(self.0.taken))
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

struct Sent(LogOnItsWay);

#[async_trait]
impl Write for Sent {
    type Answer = ();
    const DOING: &'static str = "note that a log was sent";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let statement = format!("DELETE FROM logs_on_their_way WHERE {THIS}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(self.0.goal_set.to_string())
            .bind(&self.0.goal.environment)
            .bind(self.0.goal.unique_name.as_str())
            .bind(i64::from(self.0.attempt))
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
