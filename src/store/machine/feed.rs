//! The log of everything that happened, and reading it by cursor.

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::dialect::Dialect;
use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{Cursor, FeedEntry, GoalKey, GoalSetId, News, PushId, Timestamp};
use crate::ports::store::StoreError;

/// Most entries of one page.
const PAGE: u32 = 10_000;

pub(super) async fn feed(readers: &AnyPool, after: Cursor, limit: u32) -> Result<Vec<FeedEntry>, StoreError> {
    let found: Vec<(i64, i64, String)> =
        sqlx::query_as("SELECT cursor, at, body FROM events WHERE cursor > $1 ORDER BY cursor LIMIT $2")
            .bind(rows::stored(after.0))
            .bind(i64::from(limit.min(PAGE)))
            .fetch_all(readers)
            .await
            .doing("read the feed")?;
    let parsed = |(cursor, at, body): (i64, i64, String)| {
        let what = format!("feed entry {cursor}");
        Ok(FeedEntry {
            cursor: Cursor(rows::count(&what, cursor)?),
            at: Timestamp::from_micros(at),
            news: rows::from_json(&what, &body)?,
        })
    };
    found.into_iter().map(parsed).collect()
}

/// The last cursor given, also when its entry was pruned.
pub(super) async fn last_cursor(readers: &AnyPool, dialect: Dialect) -> Result<Cursor, StoreError> {
    let last: i64 = sqlx::query_scalar(dialect.last_cursor())
        .fetch_one(readers)
        .await
        .doing("read the end of the feed")?;
    Ok(Cursor(rows::count("end of the feed", last)?))
}

/// Remembers the last cursor before entries are pruned, where the database does not do so by itself.
pub(super) async fn note_end(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const NOTE: &str =
        "UPDATE log_end SET cursor = events.last FROM (SELECT max(cursor) AS last FROM events) AS events
        WHERE log_end.cursor < events.last";
    match Dialect::of(connection) {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let noted = sqlx::query(NOTE).execute(connection).await;
            noted.map(|_| ()).doing("note the end of the log")
        }
    }
}

/// One entry to write.
pub(super) struct Entry {
    at: Timestamp,
    kind: &'static str,
    push: Option<PushId>,
    goal: Option<(GoalSetId, GoalKey, u32)>,
    body: String,
}

impl Entry {
    pub(super) fn new(news: &News, at: Timestamp) -> Self {
        let kind = match news {
            News::Push { .. } => "push",
            News::Planned { .. } => "planned",
            News::PlanningFailed { .. } => "planning_failed",
            News::Goal { .. } => "goal",
            News::Command { .. } => "command",
            News::Errand { .. } => "errand",
            News::Event { .. } => "event",
            News::Message { .. } => "message",
        };
        let goal = match news {
            News::Goal { goal_set, event, .. } => Some((*goal_set, event.goal.clone(), event.version)),
            News::Push { .. }
            | News::Planned { .. }
            | News::PlanningFailed { .. }
            | News::Command { .. }
            | News::Errand { .. }
            | News::Event { .. }
            | News::Message { .. } => None,
        };
        Self {
            at,
            kind,
            push: None,
            goal,
            body: rows::to_json(news),
        }
    }

    /// The same, pruned with this push.
    pub(super) fn of_push(self, push: PushId) -> Self {
        Self {
            push: Some(push),
            ..self
        }
    }

    /// Key, version, moment, body: as the statement that appends takes them.
    pub(super) fn columns(&self) -> (Option<&str>, Option<&str>, Option<u32>, i64, &str) {
        let goal = self.goal.as_ref();
        let name = goal.map(|(_, key, _)| key.unique_name.as_str());
        let environment = goal.map(|(_, key, _)| key.environment.as_str());
        let version = goal.map(|(_, _, version)| *version);
        (name, environment, version, self.at.as_micros(), &self.body)
    }

    pub(super) async fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let goal = self.goal.as_ref();
        sqlx::query(
            "INSERT INTO events (at, kind, push_id, goal_set, unique_name, environment, version, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.at.as_micros())
        .bind(self.kind)
        .bind(self.push.map(|push| push.to_string()))
        .bind(goal.map(|(set, _, _)| set.to_string()))
        .bind(goal.map(|(_, key, _)| key.unique_name.as_str()))
        .bind(goal.map(|(_, key, _)| key.environment.as_str()))
        .bind(goal.map(|(_, _, version)| i64::from(*version)))
        .bind(&self.body)
        .execute(connection)
        .await
        .doing("write to the log")?;
        Ok(())
    }
}

/// A message of the machine.
pub(super) struct Say(pub(super) Entry);

#[async_trait]
impl Write for Say {
    type Answer = ();
    const DOING: &'static str = "write a message";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        self.0.insert(connection).await?;
        Ok(Done::News(()))
    }
}
