//! Goals that trigger rules: the mark of how far they were read, and those for which rules are to be asked.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlStore;
use super::failure::Doing;
use super::marks::Mark;
use super::plans::StorePlanningFailure;
use super::rows;
use super::writer::{Done, Write};
use crate::model::{Cursor, GoalKey, GoalSetId, GoalTrigger, Push, PushId, Timestamp};
use crate::ports::TriggerStore;
use crate::ports::store::StoreError;
use crate::ports::triggers::NotedTrigger;

/// Notes of one answer.
const PAGE: u32 = 1_000;

const MARK: Mark = Mark {
    name: "mark of the goals that rules wait for",
    select: "SELECT cursor FROM trigger_cursor",
    insert: "INSERT INTO trigger_cursor (\"only\", cursor) VALUES (1, $1) ON CONFLICT DO NOTHING",
    update: "UPDATE trigger_cursor SET cursor = $1 WHERE cursor = $2",
    reading: "read how far goals were read",
    moving: "move the mark of the goals that rules wait for",
};

#[async_trait]
impl TriggerStore for SqlStore {
    async fn heeded(&self) -> Result<Option<Cursor>, StoreError> {
        MARK.read(&self.readers).await
    }

    async fn heed(
        &self,
        from: Option<Cursor>,
        to: Cursor,
        triggers: &[GoalTrigger],
    ) -> Result<(), StoreError> {
        let notes = triggers.iter().map(Note::of).collect();
        self.writer.write(Heed { from, to, notes }).await
    }

    async fn heed_foreign(&self, push: PushId, trigger: &GoalTrigger) -> Result<bool, StoreError> {
        let write = HeedForeign {
            push,
            registration: trigger.registration.clone(),
            note: Note::of(trigger),
        };
        self.writer.write(write).await
    }

    async fn heeded_of(&self, push: PushId, registration: &str, goal: &GoalKey) -> Result<u32, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM foreign_triggers
             WHERE push = $1 AND registration = $2 AND unique_name = $3 AND environment = $4",
        )
        .bind(push.to_string())
        .bind(registration)
        .bind(goal.unique_name.as_str())
        .bind(&goal.environment)
        .fetch_one(&self.readers)
        .await
        .doing("count results of a goal of another machine")?;
        rows::small("results of a goal of another machine", count)
    }

    async fn stop_heeding(&self) -> Result<(), StoreError> {
        self.writer.write(StopHeeding).await
    }

    async fn noted_triggers(&self) -> Result<Vec<NotedTrigger>, StoreError> {
        let found: Vec<(i64, String)> =
            sqlx::query_as("SELECT failures, body FROM noted_triggers ORDER BY sequence LIMIT $1")
                .bind(i64::from(PAGE))
                .fetch_all(&self.readers)
                .await
                .doing("read goals for which rules are to be asked")?;
        let foreign: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT failures, body, push FROM foreign_triggers WHERE is_over = 0 ORDER BY sequence LIMIT $1",
        )
        .bind(i64::from(PAGE))
        .fetch_all(&self.readers)
        .await
        .doing("read goals of other machines for which rules are to be asked")?;
        let own = found.iter().map(|(failures, body)| noted(*failures, body, None));
        let foreign = foreign
            .iter()
            .map(|(failures, body, push)| noted(*failures, body, Some(push)));
        own.chain(foreign).collect()
    }

    async fn fail_trigger(
        &self,
        push: &Push,
        trigger: &GoalTrigger,
        error: &str,
        for_good: bool,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let write = FailTrigger {
            of: NoteKey::of(trigger),
            failure: StorePlanningFailure::new(push, error, at),
            for_good,
        };
        self.writer.write(write).await
    }
}

fn noted(failures: i64, body: &str, push: Option<&String>) -> Result<NotedTrigger, StoreError> {
    const WHAT: &str = "goal for which rules are to be asked";
    Ok(NotedTrigger {
        trigger: rows::from_json(WHAT, body)?,
        push: push.map(|push| rows::push_id(WHAT, push)).transpose()?,
        failures: rows::small("number of failed plans", failures)?,
    })
}

/// Which goal, and the version that told of its state.
#[derive(Debug, Clone)]
pub(super) struct NoteKey {
    pub(super) goal_set: GoalSetId,
    pub(super) goal: GoalKey,
    pub(super) version: u32,
}

impl NoteKey {
    fn of(trigger: &GoalTrigger) -> Self {
        Self {
            goal_set: trigger.goal_set,
            goal: trigger.goal.clone(),
            version: trigger.version,
        }
    }

    /// Forgets the note; `false` when it is not there. Of a goal of another machine it stays known that there was one.
    pub(super) async fn forget(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        const OWN: &str = "DELETE FROM noted_triggers WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND version = $4";
        const FOREIGN: &str =
            "UPDATE foreign_triggers SET is_over = 1 WHERE goal_set = $1 AND unique_name = $2
             AND environment = $3 AND version = $4 AND is_over = 0";
        Ok(self.run(connection, OWN).await? || self.run(connection, FOREIGN).await?)
    }

    async fn count_failure(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        const OWN: &str = "UPDATE noted_triggers SET failures = failures + 1
             WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND version = $4";
        const FOREIGN: &str = "UPDATE foreign_triggers SET failures = failures + 1
             WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND version = $4 AND is_over = 0";
        Ok(self.run(connection, OWN).await? || self.run(connection, FOREIGN).await?)
    }

    async fn run(&self, connection: &mut AnyConnection, statement: &'static str) -> Result<bool, StoreError> {
        let done = sqlx::query(statement)
            .bind(self.goal_set.to_string())
            .bind(self.goal.unique_name.as_str())
            .bind(&self.goal.environment)
            .bind(i64::from(self.version))
            .execute(connection)
            .await
            .doing("change the note of a goal for which rules are to be asked")?;
        Ok(done.rows_affected() == 1)
    }
}

/// A goal to note.
struct Note {
    key: NoteKey,
    body: String,
}

impl Note {
    fn of(trigger: &GoalTrigger) -> Self {
        Self {
            key: NoteKey::of(trigger),
            body: rows::to_json(trigger),
        }
    }

    /// Unless its set was forgotten meanwhile.
    async fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO noted_triggers (goal_set, unique_name, environment, version, body)
             SELECT id, $1, $2, $3, $4 FROM goal_sets WHERE id = $5 ON CONFLICT DO NOTHING",
        )
        .bind(self.key.goal.unique_name.as_str())
        .bind(&self.key.goal.environment)
        .bind(i64::from(self.key.version))
        .bind(&self.body)
        .bind(self.key.goal_set.to_string())
        .execute(connection)
        .await
        .doing("note a goal for which rules are to be asked")?;
        Ok(())
    }
}

/// Goals to note, and the mark behind them.
struct Heed {
    from: Option<Cursor>,
    to: Cursor,
    notes: Vec<Note>,
}

#[async_trait]
impl Write for Heed {
    type Answer = ();
    const DOING: &'static str = "note goals for which rules are to be asked";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        MARK.move_on(connection, self.from, self.to).await?;
        for note in &self.notes {
            note.insert(connection).await?;
        }
        Ok(Done::Quiet(()))
    }
}

/// A goal of another machine to note.
struct HeedForeign {
    push: PushId,
    registration: String,
    note: Note,
}

#[async_trait]
impl Write for HeedForeign {
    type Answer = bool;
    const DOING: &'static str = "note a goal of another machine";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let key = &self.note.key;
        let inserted = sqlx::query(
            "INSERT INTO foreign_triggers (goal_set, unique_name, environment, version, registration, push, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(key.goal_set.to_string())
        .bind(key.goal.unique_name.as_str())
        .bind(&key.goal.environment)
        .bind(i64::from(key.version))
        .bind(&self.registration)
        .bind(self.push.to_string())
        .bind(&self.note.body)
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        match inserted.rows_affected() == 1 {
            true => Ok(Done::News(true)),
            false => Ok(Done::Quiet(false)),
        }
    }
}

struct StopHeeding;

#[async_trait]
impl Write for StopHeeding {
    type Answer = ();
    const DOING: &'static str = "forget the goals that rules waited for";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        for statement in [
            "DELETE FROM trigger_cursor",
            "DELETE FROM noted_triggers",
            "UPDATE foreign_triggers SET is_over = 1 WHERE is_over = 0",
        ] {
            sqlx::query(statement)
                .execute(&mut *connection)
                .await
                .doing(Self::DOING)?;
        }
        Ok(Done::Quiet(()))
    }
}

/// A planning because of a goal that led to nothing.
struct FailTrigger {
    of: NoteKey,
    failure: StorePlanningFailure,
    for_good: bool,
}

#[async_trait]
impl Write for FailTrigger {
    type Answer = ();
    const DOING: &'static str = "record that planning because of a goal failed";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        let is_noted = match self.for_good {
            true => self.of.forget(connection).await?,
            false => self.of.count_failure(connection).await?,
        };
        match is_noted {
            true => self.failure.write(connection).await,
            false => Ok(Done::Quiet(())),
        }
    }
}
