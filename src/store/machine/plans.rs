//! Plans: the trace of every planning, and the goal set a plan leads to.

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::append::{Append, GoalRow, SetRow, fold_into_rows, insert_goal};
use super::failure::{Doing, corrupt};
use super::feed::Entry;
use super::rows;
use super::triggers::NoteKey;
use super::writer::{Done, Write};
use crate::model::set_tag::SetTag;
use crate::model::{GoalSet, News, Plan, PlannedGoal, Push, PushId, Timestamp};
use crate::ports::store::{Cause, LeaseChanges, PlanningAttempt, StoreError, Superseded};

type Row = (
    i64,
    Option<i64>,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
);

pub(super) async fn planning_attempts(
    readers: &AnyPool,
    push: Push,
) -> Result<Vec<PlanningAttempt>, StoreError> {
    let found: Vec<Row> = sqlx::query_as(
        "SELECT number, cause, cause_body, at, goal_set, trace, error FROM planning_attempts WHERE push_id = $1 ORDER BY number",
    )
    .bind(push.id.to_string())
    .fetch_all(readers)
    .await
    .doing("read planning attempts")?;
    let parsed = |(number, cause, body, at, goal_set, trace, error): Row| {
        let what = format!("planning attempt {number} of push {}", push.id);
        Ok(PlanningAttempt {
            push: push.clone(),
            number: rows::small(&what, number)?,
            cause: cause
                .map(|number| rows::cause(&what, rows::small(&what, number)?, body.as_deref()))
                .transpose()?,
            at: Timestamp::from_micros(at),
            goal_set: goal_set.map(|id| rows::goal_set_id(&what, &id)).transpose()?,
            trace: trace.map(|trace| rows::from_json(&what, &trace)).transpose()?,
            error,
        })
    };
    found.into_iter().map(parsed).collect()
}

/// A plan with all its rows.
pub(super) struct StorePlan {
    attempt: AttemptRow,
    name: String,
    plan: String,
    tags: Vec<SetTag>,
    set: Option<(SetRow, Vec<GoalRow>)>,
    /// The note of the goal that is the cause.
    note: Option<NoteKey>,
    /// The plan's own entry, then those of its goals.
    entries: Vec<Entry>,
    /// Sets that make way for it.
    over: Vec<Append>,
}

/// A row of `planning_attempts`.
struct AttemptRow {
    push: PushId,
    cause: Option<u32>,
    /// The cause, when its number does not say it.
    cause_body: Option<String>,
    at: Timestamp,
    goal_set: Option<String>,
    trace: Option<String>,
    error: Option<String>,
}

impl AttemptRow {
    /// `false` when this cause has a plan already.
    async fn insert(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO planning_attempts (push_id, number, cause, at, goal_set, trace, error, cause_body)
             VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM planning_attempts WHERE push_id = $1),
                     $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(self.push.to_string())
        .bind(self.cause.map(i64::from))
        .bind(self.at.as_micros())
        .bind(&self.goal_set)
        .bind(&self.trace)
        .bind(&self.error)
        .bind(&self.cause_body)
        .execute(connection)
        .await
        .doing("store a planning attempt")?;
        Ok(inserted.rows_affected() == 1)
    }
}

impl StorePlan {
    /// Prepares the rows.
    ///
    /// # Errors
    /// The set is not the first version of these goals.
    pub(super) fn new(
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: Option<&GoalSet>,
        at: Timestamp,
    ) -> Result<Self, StoreError> {
        let news = News::Planned {
            push: push.id,
            goal_set: set.map(|set| set.id),
            name: set.map(|set| set.name.clone()),
            goals: plan
                .goals
                .iter()
                .map(|goal| goal.definition.name.clone())
                .collect(),
        };
        let mut entries = vec![Entry::new(&news, at).of_push(push.id)];
        let mut planned: Vec<PlannedGoal> = Vec::new();
        let mut set_rows = None;
        if let Some(set) = set {
            planned = set.goals().iter().map(|goal| goal.planned.clone()).collect();
            let (of_goals, goals) = first_version(set, &planned)?;
            entries.extend(of_goals);
            set_rows = Some((SetRow::of(set), goals));
        }
        Ok(Self {
            attempt: AttemptRow {
                push: push.id,
                cause: Some(cause.number()),
                cause_body: matches!(cause, Cause::Command { .. } | Cause::Goal { .. })
                    .then(|| rows::to_json(cause)),
                at,
                goal_set: set.map(|set| set.id.to_string()),
                trace: Some(rows::to_json(&plan.trace)),
                error: None,
            },
            name: set.map(|set| set.name.clone()).unwrap_or_default(),
            plan: rows::to_json(&planned),
            tags: plan.tags.clone(),
            set: set_rows,
            note: note_of(cause),
            entries,
            over: Vec::new(),
        })
    }

    /// The same with sets that make way for it.
    ///
    /// # Errors
    /// Their events do not lead from one to the other.
    pub(super) fn over(mut self, superseded: &[Superseded]) -> Result<Self, StoreError> {
        for one in superseded {
            self.over.push(Append::new(
                &one.before,
                &one.after,
                &one.events,
                &LeaseChanges::default(),
            )?);
        }
        Ok(self)
    }

    async fn insert_set(&self, connection: &mut AnyConnection, set: &SetRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO goal_sets (id, push_id, cause, name, state, active, events, created_at, changed_at,
                                    cause_body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(set.id.to_string())
        .bind(self.attempt.push.to_string())
        .bind(self.attempt.cause.map(i64::from))
        .bind(&self.name)
        .bind(set.state)
        .bind(i64::from(set.active))
        .bind(rows::stored(set.events))
        .bind(self.attempt.at.as_micros())
        .bind(set.changed_at.as_micros())
        .bind(&self.attempt.cause_body)
        .execute(&mut *connection)
        .await
        .doing("store a goal set")?;
        sqlx::query("INSERT INTO plans (goal_set, goals, tags) VALUES ($1, $2, $3)")
            .bind(set.id.to_string())
            .bind(&self.plan)
            .bind(rows::to_json(&self.tags))
            .execute(&mut *connection)
            .await
            .doing("store the goals of a set as planned")?;
        self.insert_tags(connection, set).await
    }

    async fn insert_tags(&self, connection: &mut AnyConnection, set: &SetRow) -> Result<(), StoreError> {
        for tag in &self.tags {
            sqlx::query("INSERT INTO goal_set_tags (goal_set, name, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(set.id.to_string())
                .bind(&tag.name)
                .bind(tag.value.as_deref().unwrap_or_default())
                .execute(&mut *connection)
                .await
                .doing("store the tags of a goal set")?;
        }
        Ok(())
    }

    async fn mark_planned(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        sqlx::query("UPDATE pushes SET planned = 1 WHERE id = $1")
            .bind(self.attempt.push.to_string())
            .execute(connection)
            .await
            .doing("mark a push as planned")?;
        Ok(())
    }
}

fn note_of(cause: &Cause) -> Option<NoteKey> {
    match cause {
        Cause::Push | Cause::Again { .. } | Cause::Command { .. } => None,
        Cause::Goal {
            goal_set,
            goal,
            version,
            ..
        } => Some(NoteKey {
            goal_set: *goal_set,
            goal: goal.clone(),
            version: *version,
        }),
    }
}

/// Planning again gives the same first events, so the set needs not bring them.
fn first_version(set: &GoalSet, planned: &[PlannedGoal]) -> Result<(Vec<Entry>, Vec<GoalRow>), StoreError> {
    let born_at = set
        .goals()
        .first()
        .map_or(Timestamp::from_micros(0), |goal| goal.changed_at);
    let (mut again, mut events) = GoalSet::plan(set.id, &set.name, planned.to_vec(), born_at);
    again.take_signatures(&mut events, set);
    if again != *set {
        return Err(corrupt(
            format!("goal set {}", set.id),
            "a plan is stored with the first version of its goals, and these have changed",
        ));
    }
    let mut unborn = GoalSet::unborn(set.id, &set.name, planned.to_vec());
    fold_into_rows(&mut unborn, &events)
}

#[async_trait]
impl Write for StorePlan {
    type Answer = bool;
    const DOING: &'static str = "store a plan";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        if !self.attempt.insert(connection).await? {
            return Ok(Done::Quiet(false));
        }
        if let Some(note) = &self.note
            && !note.forget(connection).await?
        {
            return Err(StoreError::Conflict("note of the goal"));
        }
        if self.attempt.cause == Some(Cause::Push.number()) {
            self.mark_planned(connection).await?;
        }
        if let Some((set, goals)) = &self.set {
            self.insert_set(connection, set).await?;
            for goal in goals {
                insert_goal(connection, set.id, goal).await?;
            }
        }
        for entry in &self.entries {
            entry.insert(connection).await?;
        }
        for append in &self.over {
            append.write(connection).await?;
        }
        Ok(Done::News(true))
    }
}

/// A planning that led to nothing.
pub(super) struct StorePlanningFailure {
    attempt: AttemptRow,
    entry: Entry,
}

impl StorePlanningFailure {
    pub(super) fn new(push: &Push, error: &str, at: Timestamp) -> Self {
        let news = News::PlanningFailed {
            push: push.id,
            error: error.to_owned(),
        };
        Self {
            attempt: AttemptRow {
                push: push.id,
                cause: None,
                cause_body: None,
                at,
                goal_set: None,
                trace: None,
                error: Some(error.to_owned()),
            },
            entry: Entry::new(&news, at).of_push(push.id),
        }
    }
}

#[async_trait]
impl Write for StorePlanningFailure {
    type Answer = ();
    const DOING: &'static str = "record that planning failed";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        self.attempt.insert(connection).await?;
        self.entry.insert(connection).await?;
        Ok(Done::News(()))
    }
}
