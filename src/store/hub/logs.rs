//! Logs of goals: rows of how they stand, and their parts, here or by their place in a file.

use async_trait::async_trait;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Row, SqlSafeStr};

use super::SqlHub;
use super::statement::{Doing, composed, moment};
use crate::model::Timestamp;
use crate::ports::hub::{
    FilePlace, GoalLogs, HubStoreError, LogContent, LogName, LogPart, LogState, NewLogPart,
};

/// Which log a statement is about; its first three values.
const THIS: &str = "workspace = $1 AND goal = $2 AND attempt = $3";

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &AnyRow, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn state(row: &AnyRow) -> Result<LogState, sqlx::Error> {
    Ok(LogState {
        end: number(row, "log_end")?,
        kept: number(row, "kept")?,
        dropped: number(row, "dropped")?,
        is_complete: number(row, "is_complete")? != 0,
        changed: moment(row, "changed")?,
    })
}

fn name(row: &AnyRow) -> Result<LogName, sqlx::Error> {
    Ok(LogName {
        workspace: row.try_get("workspace")?,
        goal: row.try_get("goal")?,
        attempt: u32::try_from(number(row, "attempt")?).unwrap_or(u32::MAX),
    })
}

fn part(row: &AnyRow) -> Result<LogPart, sqlx::Error> {
    let place = FilePlace {
        at: number(row, "file_at")?,
        length: number(row, "file_length")?,
    };
    let content = match place.length {
        0 => LogContent::Here(row.try_get("content")?),
        _ => LogContent::InFile(place),
    };
    Ok(LogPart {
        start: number(row, "part_start")?,
        end: number(row, "part_end")?,
        content,
    })
}

/// How a log is after a part, and where the part begins; `None` when it does not fit.
fn grown(known: &LogState, part: &NewLogPart, most: u64) -> Option<(LogState, bool)> {
    let (start, end) = match part.start {
        Some(start) => (start, part.end),
        None => (known.end, known.end.saturating_add(part.end)),
    };
    let fits = start == known.end;
    let is_news = end > known.end || (part.is_complete && !known.is_complete);
    if !fits || end < start || !is_news {
        return None;
    }
    let size = part.content.len() as u64;
    let has_room = known.kept.saturating_add(size) <= most && known.dropped == 0;
    let is_kept = has_room && size > 0;
    let grown = LogState {
        end,
        kept: known.kept + if is_kept { size } else { 0 },
        dropped: known.dropped + if has_room { 0 } else { end - known.end },
        is_complete: known.is_complete || part.is_complete,
        changed: part.at,
    };
    Some((grown, is_kept))
}

/// A statement with `$1`, `$2` and `$3` of [`THIS`].
fn about(statement: impl SqlSafeStr, name: &LogName) -> Query<'static, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(name.workspace.clone())
        .bind(name.goal.clone())
        .bind(i64::from(name.attempt))
}

async fn read_state(
    connection: &mut AnyConnection,
    name: &LogName,
) -> Result<Option<LogState>, HubStoreError> {
    const DOING: &str = "see how a log stands";
    let statement =
        format!("SELECT log_end, kept, dropped, is_complete, changed FROM hub_goal_log WHERE {THIS}");
    let row = about(composed(statement), name)
        .fetch_optional(connection)
        .await
        .doing(DOING)?;
    row.as_ref().map(state).transpose().doing(DOING)
}

async fn make(connection: &mut AnyConnection, name: &LogName, at: Timestamp) -> Result<(), HubStoreError> {
    const MAKE: &str = "INSERT INTO hub_goal_log \
        (workspace, goal, attempt, log_end, kept, dropped, is_complete, is_filed, changed) \
        VALUES ($1, $2, $3, 0, 0, 0, 0, 0, $4) ON CONFLICT (workspace, goal, attempt) DO NOTHING";
    about(MAKE, name)
        .bind(at.as_micros())
        .execute(connection)
        .await
        .map(|_| ())
        .doing("begin a log")
}

/// Writes how a log stands; `false` when somebody else was faster.
async fn move_on(
    connection: &mut AnyConnection,
    name: &LogName,
    (from, to): (&LogState, &LogState),
) -> Result<bool, HubStoreError> {
    let statement = format!(
        "UPDATE hub_goal_log SET log_end = $4, kept = $5, dropped = $6, is_complete = $7, is_filed = 0, changed = $8 \
         WHERE {THIS} AND log_end = $9"
    );
    let done = about(composed(statement), name)
        .bind(stored(to.end))
        .bind(stored(to.kept))
        .bind(stored(to.dropped))
        .bind(i64::from(to.is_complete))
        .bind(to.changed.as_micros())
        .bind(stored(from.end))
        .execute(connection)
        .await
        .doing("keep a part of a log")?;
    Ok(done.rows_affected() > 0)
}

async fn keep(
    connection: &mut AnyConnection,
    name: &LogName,
    (start, end): (u64, u64),
    content: &str,
) -> Result<(), HubStoreError> {
    const KEEP: &str = "INSERT INTO hub_goal_log_part \
        (workspace, goal, attempt, part_start, part_end, content, file_at, file_length) \
        VALUES ($1, $2, $3, $4, $5, $6, 0, 0)";
    about(KEEP, name)
        .bind(stored(start))
        .bind(stored(end))
        .bind(content)
        .execute(connection)
        .await
        .map(|_| ())
        .doing("keep a part of a log")
}

#[async_trait]
impl GoalLogs for SqlHub {
    async fn append_log(
        &self,
        name: &LogName,
        part: &NewLogPart,
        most: u64,
    ) -> Result<LogState, HubStoreError> {
        let mut transaction = self.transaction().await?;
        make(&mut transaction, name, part.at).await?;
        let known = read_state(&mut transaction, name).await?.unwrap_or_default();
        let Some((grown, is_kept)) = grown(&known, part, most) else {
            return Ok(known);
        };
        if !move_on(&mut transaction, name, (&known, &grown)).await? {
            drop(transaction);
            return Ok(self.log_state(name).await?.unwrap_or_default());
        }
        if is_kept {
            keep(&mut transaction, name, (known.end, grown.end), &part.content).await?;
        }
        transaction.commit().await.doing("keep a part of a log")?;
        Ok(grown)
    }

    async fn log_state(&self, name: &LogName) -> Result<Option<LogState>, HubStoreError> {
        let mut connection = self.reading().await?;
        read_state(&mut connection, name).await
    }

    async fn logged_attempts(&self, workspace: &str, goal: &str) -> Result<Vec<u32>, HubStoreError> {
        const DOING: &str = "list the logs of a goal";
        const LIST: &str =
            "SELECT attempt FROM hub_goal_log WHERE workspace = $1 AND goal = $2 ORDER BY attempt";
        let rows = sqlx::query(LIST)
            .bind(workspace)
            .bind(goal)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let attempts: Result<Vec<u64>, _> = rows.iter().map(|row| number(row, "attempt")).collect();
        let attempts = attempts.doing(DOING)?;
        Ok(attempts
            .into_iter()
            .filter_map(|attempt| u32::try_from(attempt).ok())
            .collect())
    }

    async fn log_parts(&self, name: &LogName, from: u64, limit: u32) -> Result<Vec<LogPart>, HubStoreError> {
        const DOING: &str = "read a log";
        let statement = format!(
            "SELECT part_start, part_end, content, file_at, file_length FROM hub_goal_log_part \
             WHERE {THIS} AND part_end > $4 ORDER BY part_start LIMIT $5"
        );
        let rows = about(composed(statement), name)
            .bind(stored(from))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let parts: Result<Vec<LogPart>, _> = rows.iter().map(part).collect();
        parts.doing(DOING)
    }

    async fn rested_logs(&self, since: Timestamp, limit: u32) -> Result<Vec<LogName>, HubStoreError> {
        const LIST: &str = "SELECT workspace, goal, attempt FROM hub_goal_log \
            WHERE is_filed = 0 AND changed <= $1 ORDER BY changed LIMIT $2";
        self.listed_logs(LIST, since, limit).await
    }

    async fn file_log(
        &self,
        name: &LogName,
        end: u64,
        places: &[(u64, FilePlace)],
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "note the file of a log";
        let mut transaction = self.transaction().await?;
        let statement =
            format!("UPDATE hub_goal_log SET is_filed = 1 WHERE {THIS} AND log_end = $4 AND is_filed = 0");
        let done = about(composed(statement), name)
            .bind(stored(end))
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let statement = format!(
            "UPDATE hub_goal_log_part SET content = '', file_at = $4, file_length = $5 WHERE {THIS} AND part_start = $6"
        );
        for (start, place) in places {
            about(composed(statement.clone()), name)
                .bind(stored(place.at))
                .bind(stored(place.length))
                .bind(stored(*start))
                .execute(&mut *transaction)
                .await
                .doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(true)
    }

    async fn old_logs(&self, since: Timestamp, limit: u32) -> Result<Vec<LogName>, HubStoreError> {
        const LIST: &str = "SELECT workspace, goal, attempt FROM hub_goal_log \
            WHERE changed <= $1 ORDER BY changed LIMIT $2";
        self.listed_logs(LIST, since, limit).await
    }

    async fn drop_log(&self, name: &LogName) -> Result<(), HubStoreError> {
        const DOING: &str = "forget a log";
        let mut transaction = self.transaction().await?;
        for table in ["hub_goal_log_part", "hub_goal_log"] {
            let statement = format!("DELETE FROM {table} WHERE {THIS}");
            about(composed(statement), name)
                .execute(&mut *transaction)
                .await
                .doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)
    }
}

impl SqlHub {
    async fn listed_logs(
        &self,
        statement: &'static str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<LogName>, HubStoreError> {
        const DOING: &str = "list logs";
        let rows = sqlx::query(statement)
            .bind(since.as_micros())
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let names: Result<Vec<LogName>, _> = rows.iter().map(name).collect();
        names.doing(DOING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: Option<u64>, end: u64, content: &str) -> NewLogPart {
        NewLogPart {
            start,
            end,
            content: content.to_owned(),
            is_complete: false,
            at: Timestamp::from_micros(7),
        }
    }

    #[test]
    fn e8_only_what_begins_at_the_end_is_taken() {
        let known = LogState {
            end: 10,
            kept: 3,
            ..LogState::default()
        };
        let taken = |part: NewLogPart| grown(&known, &part, 100).map(|(state, _)| state.end);
        assert_eq!(taken(part(Some(10), 20, "[1]")), Some(20));
        assert_eq!(taken(part(None, 5, "[1]")), Some(15));
        for wrong in [
            (Some(0), 10),
            (Some(5), 20),
            (Some(11), 20),
            (Some(10), 9),
            (Some(10), 10),
        ] {
            assert_eq!(taken(part(wrong.0, wrong.1, "[1]")), None, "{wrong:?}");
        }
        let end = NewLogPart {
            is_complete: true,
            ..part(Some(10), 10, "")
        };
        assert!(grown(&known, &end, 100).is_some_and(|(state, is_kept)| state.is_complete && !is_kept));
    }

    #[test]
    fn e7_what_is_too_much_is_counted_and_nothing_follows_it() {
        let known = LogState::default();
        let (full, is_kept) = grown(&known, &part(Some(0), 10, "[1, 2]"), 5).unwrap();
        assert!(!is_kept && full.dropped == 10 && full.kept == 0);
        let (further, is_kept) = grown(&full, &part(Some(10), 11, "[]"), 5).unwrap();
        assert!(
            !is_kept && further.dropped == 11,
            "a small part behind a gap would mislead"
        );
    }
}
