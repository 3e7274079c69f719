//! Forgetting what ended long ago.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::failure::Doing;
use super::goal_sets::goal_event;
use super::writer::{Done, Write};
use super::{errands, feed, fingerprints, jobs, rows, team};
use crate::model::{GoalChange, Timestamp};
use crate::ports::AttemptRef;
use crate::ports::store::StoreError;

/// Everything that ended before a moment. A set with a lease has still somebody at work and stays, and so does one that the
/// hub has not heard all of.
pub(super) struct Prune {
    pub(super) before: Timestamp,
    /// Who forgets it, and has logs of its own.
    pub(super) replica: String,
}

impl Prune {
    async fn ended(&self, connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT id FROM goal_sets WHERE active = 0 AND changed_at < $1
             AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.goal_set = goal_sets.id)
             AND NOT EXISTS (SELECT 1 FROM events, reported
                             WHERE events.goal_set = goal_sets.id AND events.cursor > reported.cursor)
             ORDER BY sequence",
        )
        .bind(self.before.as_micros())
        .fetch_all(connection)
        .await
        .doing("find goal sets to forget")
    }

    /// Attempts that were made here of goal sets that any replica has forgotten.
    async fn left_here(&self, connection: &mut AnyConnection) -> Result<Vec<AttemptRef>, StoreError> {
        const WHAT: &str = "place of an attempt";
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "DELETE FROM attempt_places WHERE replica = $1
             AND NOT EXISTS (SELECT 1 FROM goal_sets WHERE goal_sets.id = attempt_places.goal_set)
             RETURNING goal_set, unique_name, environment, attempt",
        )
        .bind(&self.replica)
        .fetch_all(connection)
        .await
        .doing("forget where attempts were made")?;
        let attempt = |(set, name, environment, attempt): (String, String, String, i64)| {
            let goal_set = rows::goal_set_id(WHAT, &set)?;
            let goal = rows::goal_key(WHAT, &name, &environment)?;
            Ok(AttemptRef::of_any_lease(
                goal_set,
                goal,
                rows::small(WHAT, attempt)?,
            ))
        };
        rows.into_iter().map(attempt).collect()
    }

    /// Pushes without a set go too, except those that are still the head of their branch.
    async fn forget_pushes(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        const OLD: &str = "SELECT id FROM pushes p WHERE planned = 1 AND at < $1
             AND NOT EXISTS (SELECT 1 FROM goal_sets s WHERE s.push_id = p.id)
             AND NOT EXISTS (SELECT 1 FROM branch_heads h
                             WHERE h.repo_key = p.repo_key AND h.branch = p.branch AND h.sha = p.sha)";
        let ids: Vec<String> = sqlx::query_scalar(OLD)
            .bind(self.before.as_micros())
            .fetch_all(&mut *connection)
            .await
            .doing("find pushes to forget")?;
        for id in ids {
            for statement in [
                "DELETE FROM events WHERE push_id = $1",
                "DELETE FROM pushes WHERE id = $1",
            ] {
                sqlx::query(statement)
                    .bind(&id)
                    .execute(&mut *connection)
                    .await
                    .doing("forget a push")?;
            }
        }
        Ok(())
    }

    async fn forget_files(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM kept_files WHERE used_at < $1",
            "DELETE FROM successes WHERE at < $1",
        ] {
            sqlx::query(statement)
                .bind(self.before.as_micros())
                .execute(&mut *connection)
                .await
                .doing("forget kept files")?;
        }
        Ok(())
    }

    async fn forget_messages(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM events WHERE kind IN ('message', 'command', 'errand', 'event') AND at < $1")
            .bind(self.before.as_micros())
            .execute(connection)
            .await
            .doing("forget messages")?;
        Ok(())
    }
}

async fn attempts(connection: &mut AnyConnection, set: &str) -> Result<Vec<AttemptRef>, StoreError> {
    let what = format!("goal set {set}");
    let id = rows::goal_set_id(&what, set)?;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM events WHERE goal_set = $1 ORDER BY cursor")
            .bind(set)
            .fetch_all(connection)
            .await
            .doing("read the events of a goal set")?;
    let mut attempts = Vec::new();
    for body in &bodies {
        let event = goal_event(&what, id, body)?;
        if let GoalChange::Started { attempt, epoch } = event.change {
            attempts.push(AttemptRef {
                goal_set: id,
                goal: event.goal,
                attempt,
                epoch,
            });
        }
    }
    Ok(attempts)
}

#[async_trait]
impl Write for Prune {
    type Answer = Vec<AttemptRef>;
    const DOING: &'static str = "forget what ended long ago";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Vec<AttemptRef>>, StoreError> {
        let mut forgotten = Vec::new();
        feed::note_end(connection).await?;
        for set in self.ended(connection).await? {
            forgotten.extend(attempts(connection, &set).await?);
            sqlx::query("DELETE FROM goal_sets WHERE id = $1")
                .bind(&set)
                .execute(&mut *connection)
                .await
                .doing("forget a goal set")?;
        }
        forgotten.extend(self.left_here(connection).await?);
        forgotten.extend(errands::forget(connection, self.before).await?);
        jobs::forget(connection, self.before).await?;
        self.forget_pushes(connection).await?;
        self.forget_messages(connection).await?;
        self.forget_files(connection).await?;
        team::forget(connection, self.before).await?;
        fingerprints::forget(connection, self.before).await?;
        Ok(Done::Quiet(forgotten))
    }
}
