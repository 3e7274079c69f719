//! Appending events to a goal set: log, projections and leases in one transaction, by compare-and-set.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::any::AnyArguments;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Row as _};

use super::dialect::Dialect;
use super::failure::{Doing, corrupt};
use super::feed::Entry;
use super::leases;
use super::rows::{self, to_json};
use super::writer::{Done, Write};
use crate::model::{Goal, GoalEvent, GoalKey, GoalSet, GoalSetId, GoalState, News, StateName, Timestamp};
use crate::ports::store::{LeaseChanges, StoreError};

/// Events with the rows they lead to.
pub(super) struct Append {
    set: SetRow,
    /// How many events the set must have.
    expected: u64,
    /// The rows of the goals and of the log as JSON arrays, and how many there are.
    goals: String,
    entries: String,
    rows: u64,
    leases: LeaseChanges,
    /// Whose the leases are that it takes.
    replica: String,
}

/// What the projection keeps of a set.
pub(super) struct SetRow {
    pub(super) id: GoalSetId,
    pub(super) state: &'static str,
    pub(super) active: bool,
    pub(super) events: u64,
    pub(super) changed_at: Timestamp,
}

impl SetRow {
    pub(super) fn of(set: &GoalSet) -> Self {
        let changed_at = set.goals().iter().map(|goal| goal.changed_at).max();
        Self {
            id: set.id,
            state: set.state().as_str(),
            active: set.is_active(),
            events: set.events,
            changed_at: changed_at.unwrap_or(Timestamp::from_micros(0)),
        }
    }
}

/// What the projection keeps of a goal.
pub(super) struct GoalRow {
    key: GoalKey,
    state: &'static str,
    version: u32,
    /// When it came into this state; `None` when it was in it before.
    since: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

impl GoalRow {
    fn of(goal: &Goal, since: Option<Timestamp>) -> Self {
        let not_before = match &goal.state {
            GoalState::Requested { not_before, .. } => *not_before,
            GoalState::Planned
            | GoalState::WaitingForPreApproval { .. }
            | GoalState::PreApproved { .. }
            | GoalState::InProcess { .. }
            | GoalState::WaitingForApproval { .. }
            | GoalState::Approved { .. }
            | GoalState::Success
            | GoalState::Failure
            | GoalState::Stopped
            | GoalState::Canceled
            | GoalState::Skipped { .. } => None,
        };
        Self {
            key: goal.key(),
            state: goal.state.name().as_str(),
            version: goal.version,
            since,
            not_before,
        }
    }

    /// Key, state, version, since, not before: as the statement takes them.
    fn columns(&self) -> (&str, &str, &str, u32, Option<i64>, Option<i64>) {
        let micros = |moment: Option<Timestamp>| moment.map(Timestamp::as_micros);
        let (name, environment) = (self.key.unique_name.as_str(), self.key.environment.as_str());
        let (since, not_before) = (micros(self.since), micros(self.not_before));
        (name, environment, self.state, self.version, since, not_before)
    }
}

/// The entries of events that take `set` to where it ends, and the rows of the goals they touch. The events are folded
/// here, so that nothing is ever stored that cannot be read back.
pub(super) fn fold_into_rows(
    set: &mut GoalSet,
    events: &[GoalEvent],
) -> Result<(Vec<Entry>, Vec<GoalRow>), StoreError> {
    let mut entries = Vec::with_capacity(events.len());
    let mut touched: BTreeMap<&GoalKey, Option<Timestamp>> = BTreeMap::new();
    for event in events {
        let state_before = set
            .goal(&event.goal)
            .filter(|goal| goal.version > 0)
            .map(|goal| goal.state.name());
        set.apply(event)
            .map_err(|error| corrupt(format!("goal set {}", set.id), &error))?;
        let goal = set
            .goal(&event.goal)
            .expect("an event of an unknown goal does not apply");
        let since = touched.entry(&event.goal).or_default();
        if state_before != Some(goal.state.name()) {
            *since = Some(event.at);
        }
        entries.push(Entry::new(&news(set, goal, event, state_before), event.at));
    }
    let row = |(key, since)| set.goal(key).map(|goal| GoalRow::of(goal, since));
    Ok((entries, touched.into_iter().filter_map(row).collect()))
}

fn news(set: &GoalSet, goal: &Goal, event: &GoalEvent, from: Option<StateName>) -> News {
    News::Goal {
        goal_set: set.id,
        name: goal.definition().name.clone(),
        state: goal.state.name(),
        from,
        attempt: goal.attempt,
        text: goal.description.clone(),
        set_state: set.state(),
        event: Box::new(event.clone()),
    }
}

impl Append {
    /// Prepares the rows.
    ///
    /// # Errors
    /// The events do not lead from `before` to `after`.
    pub(super) fn new(
        before: &GoalSet,
        after: &GoalSet,
        events: &[GoalEvent],
        leases: &LeaseChanges,
    ) -> Result<Self, StoreError> {
        let mut set = before.clone();
        let (entries, goals) = fold_into_rows(&mut set, events)?;
        if set != *after {
            return Err(corrupt(
                format!("goal set {}", after.id),
                "the events to append do not lead to the state to store",
            ));
        }
        Ok(Self {
            set: SetRow::of(after),
            expected: before.events,
            rows: (goals.len() + entries.len()) as u64,
            goals: to_json(&goals.iter().map(GoalRow::columns).collect::<Vec<_>>()),
            entries: to_json(&entries.iter().map(Entry::columns).collect::<Vec<_>>()),
            leases: leases.clone(),
            replica: String::new(),
        })
    }

    /// The same for a replica.
    pub(super) fn by(self, replica: &str) -> Self {
        Self {
            replica: replica.to_owned(),
            ..self
        }
    }

    /// All rows in one go. The compare-and-set comes first: `false` when the count of events is not the expected one.
    async fn move_all(&self, connection: &mut AnyConnection) -> Result<Moved, sqlx::Error> {
        match Dialect::of(connection) {
            Dialect::Sqlite => self.move_in_sqlite(connection).await,
            Dialect::Postgres => self.move_in_postgres(connection).await,
        }
    }

    /// Three statements in one message. A count that is not the expected one becomes NULL, which its column refuses.
    async fn move_in_sqlite(&self, connection: &mut AnyConnection) -> Result<Moved, sqlx::Error> {
        // The driver counts parameters through all statements, which only works for those without a number.
        const MOVE: &str = "
            UPDATE goal_sets SET state = ?, active = ?, changed_at = max(changed_at, ?),
                                 events = CASE events WHEN ? THEN ? END
            WHERE id = ?;
            UPDATE goals SET state = row.value ->> 2, version = row.value ->> 3,
                             since = coalesce(row.value ->> 4, since), not_before = row.value ->> 5
            FROM json_each(?) AS row
            WHERE goal_set = ? AND unique_name = row.value ->> 0 AND environment = row.value ->> 1;
            INSERT INTO events (goal_set, kind, unique_name, environment, version, at, body)
            SELECT ?, 'goal', value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
            FROM json_each(?) ORDER BY key;";
        let id = self.set.id.to_string();
        let moved = self
            .bind_set(MOVE)
            .bind(&id)
            .bind(&self.goals)
            .bind(&id)
            .bind(&id)
            .bind(&self.entries)
            .execute(connection)
            .await;
        match moved {
            Ok(moved) if moved.rows_affected() == self.rows + 1 => Ok(Moved::All),
            Ok(_) => Ok(Moved::Others),
            Err(error) if is_conflict(&error) => Ok(Moved::Nothing),
            Err(error) => Err(error),
        }
    }

    /// One statement of three parts, which see the rows as they were before.
    async fn move_in_postgres(&self, connection: &mut AnyConnection) -> Result<Moved, sqlx::Error> {
        const MOVE: &str = "
            WITH moved AS (
                UPDATE goal_sets SET state = $1, active = $2, changed_at = greatest(changed_at, $3), events = $5
                WHERE id = $6 AND events = $4 RETURNING id),
            moved_goals AS (
                UPDATE goals SET state = row.value ->> 2, version = (row.value ->> 3)::bigint,
                                 since = coalesce((row.value ->> 4)::bigint, since),
                                 not_before = (row.value ->> 5)::bigint
                FROM moved, json_array_elements($7::json) AS row (value)
                WHERE goal_set = moved.id AND unique_name = row.value ->> 0 AND environment = row.value ->> 1
                RETURNING 1),
            told AS (
                INSERT INTO events (goal_set, kind, unique_name, environment, version, at, body)
                SELECT moved.id, 'goal', row.value ->> 0, row.value ->> 1, (row.value ->> 2)::bigint,
                       (row.value ->> 3)::bigint, row.value ->> 4
                FROM moved, json_array_elements($8::json) WITH ORDINALITY AS row (value, number)
                ORDER BY row.number RETURNING 1)
            SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM moved_goals) + (SELECT count(*) FROM told)";
        let moved = self
            .bind_set(MOVE)
            .bind(self.set.id.to_string())
            .bind(&self.goals)
            .bind(&self.entries)
            .fetch_one(connection)
            .await?;
        let (sets, rows): (i64, i64) = (moved.try_get(0)?, moved.try_get(1)?);
        Ok(match (sets, u64::try_from(rows)) {
            (0, _) => Moved::Nothing,
            (_, Ok(rows)) if rows == self.rows => Moved::All,
            (_, Ok(_) | Err(_)) => Moved::Others,
        })
    }

    /// The statement with what becomes of the row of the set.
    fn bind_set(&self, statement: &'static str) -> Query<'static, Any, AnyArguments> {
        sqlx::query(statement)
            .bind(self.set.state)
            .bind(i64::from(self.set.active))
            .bind(self.set.changed_at.as_micros())
            .bind(rows::stored(self.expected))
            .bind(rows::stored(self.set.events))
    }
}

/// What came of moving the rows of a set.
enum Moved {
    /// All of them moved.
    All,
    /// The set has another count of events, or is gone.
    Nothing,
    /// The rows of its goals are not those that were expected.
    Others,
}

/// SQLite refused the count of events, or the set is gone.
fn is_conflict(error: &sqlx::Error) -> bool {
    let kind = error.as_database_error().map(DatabaseError::kind);
    matches!(
        kind,
        Some(ErrorKind::NotNullViolation | ErrorKind::ForeignKeyViolation)
    )
}

#[async_trait]
impl Write for Append {
    type Answer = ();
    const DOING: &'static str = "append to a goal set";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        match self.move_all(connection).await.doing(Self::DOING)? {
            Moved::All => {}
            Moved::Nothing => return Err(StoreError::Conflict("goal set")),
            Moved::Others => {
                let what = format!("goal set {}", self.set.id);
                return Err(corrupt(what, "the rows of its goals are not those of its plan"));
            }
        }
        leases::change(connection, &self.leases, &self.replica).await?;
        Ok(Done::News(()))
    }
}

/// Writes the first row of a goal.
pub(super) async fn insert_goal(
    connection: &mut AnyConnection,
    set: GoalSetId,
    row: &GoalRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO goals (goal_set, unique_name, environment, state, version, since, not_before)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(set.to_string())
    .bind(row.key.unique_name.as_str())
    .bind(&row.key.environment)
    .bind(row.state)
    .bind(i64::from(row.version))
    .bind(row.since.map(Timestamp::as_micros))
    .bind(row.not_before.map(Timestamp::as_micros))
    .execute(connection)
    .await
    .doing("store a goal")?;
    Ok(())
}
