//! The part of the machine's memory that is not bound to a push: events, errands, timers, jobs, tags and preferences.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::executor::AttemptRef;
use super::store::StoreError;
use crate::model::{
    CommitSha, Cursor, Errand, ErrandId, Event, GoalKey, GoalSet, GoalSetId, Job, JobId, JobTask, Plan, Push,
    TaskState, Timestamp, UniqueName,
};

/// Which errands to list; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrandFilter {
    /// Only those that have not ended; oldest first then.
    pub open: bool,
    /// Whose id begins with this.
    pub id_prefix: Option<String>,
    /// Of this command or listener.
    pub name: Option<String>,
    /// At most so many; 0 means 50.
    pub limit: u32,
}

/// Events, errands and timers.
#[async_trait]
pub trait ErrandStore: Send + Sync {
    /// Writes events to the log, where listeners find them.
    async fn raise(&self, events: &[Event]) -> Result<(), StoreError>;

    /// How far listeners have read the log; `None` before they ever did.
    async fn listened(&self) -> Result<Option<Cursor>, StoreError>;

    /// Stores errands and moves the mark of the listeners from `from` to `to`, all or nothing. Errands whose key is known
    /// are left out.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the mark is not at `from`.
    async fn listen(&self, from: Option<Cursor>, to: Cursor, errands: &[Errand]) -> Result<(), StoreError>;

    /// Forgets the mark of the listeners: whoever listens next begins with what happens then.
    async fn stop_listening(&self) -> Result<(), StoreError>;

    /// Stores an errand; `false` when its key is known.
    async fn store_errand(&self, errand: &Errand) -> Result<bool, StoreError>;

    /// An errand by id.
    async fn errand(&self, id: ErrandId) -> Result<Option<Errand>, StoreError>;

    /// Errands by filter.
    async fn errands(&self, filter: &ErrandFilter) -> Result<Vec<Errand>, StoreError>;

    /// Replaces the version before `errand` by it and tells the log; `false` when somebody else was faster.
    async fn change_errand(&self, errand: &Errand, at: Timestamp) -> Result<bool, StoreError>;

    /// When each timer fired last, or was seen first.
    async fn timers(&self) -> Result<BTreeMap<String, Timestamp>, StoreError>;

    /// Moves a timer from `last` to `at` and writes its event; `false` when somebody else was faster.
    async fn fire_timer(
        &self,
        name: &str,
        last: Option<Timestamp>,
        at: Timestamp,
        event: Option<&Event>,
    ) -> Result<bool, StoreError>;

    /// Forgets a timer that is not defined any more.
    async fn forget_timer(&self, name: &str) -> Result<(), StoreError>;

    /// The tags of a repository as they were looked at last; `None` when they never were.
    async fn tags(&self, repo_key: &str) -> Result<Option<BTreeMap<String, CommitSha>>, StoreError>;

    /// Remembers tags and writes the events they mean, in one transaction.
    async fn set_tags(
        &self,
        repo_key: &str,
        tags: &BTreeMap<String, CommitSha>,
        events: &[Event],
    ) -> Result<(), StoreError>;
}

/// Commands on several repositories.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Stores a job with its tasks.
    async fn store_job(&self, job: &Job, tasks: &[JobTask]) -> Result<(), StoreError>;

    /// A job with its tasks, in their order.
    async fn job(&self, id: JobId) -> Result<Option<(Job, Vec<JobTask>)>, StoreError>;

    /// The newest jobs, newest first.
    async fn jobs(&self, limit: u32) -> Result<Vec<JobId>, StoreError>;

    /// Jobs with a task that waits, oldest first.
    async fn waiting_jobs(&self) -> Result<Vec<JobId>, StoreError>;

    /// How many tasks of the job have a goal set that is active.
    async fn active_tasks(&self, job: JobId) -> Result<u32, StoreError>;

    /// Records the commit a waiting task works on and stores its plan and goal set, in one transaction; `false` when the
    /// task does not wait any more.
    async fn begin_task(
        &self,
        job: &Job,
        number: u32,
        push: &Push,
        plan: &Plan,
        set: &GoalSet,
    ) -> Result<bool, StoreError>;

    /// Ends a waiting task without a goal set; `false` when it does not wait any more.
    async fn settle_task(
        &self,
        job: JobId,
        number: u32,
        state: TaskState,
        message: &str,
    ) -> Result<bool, StoreError>;
}

/// Values that commands, listeners and rules share (semantics 6, preferences).
#[async_trait]
pub trait PreferenceStore: Send + Sync {
    /// A value that has not expired.
    async fn preference(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Value>, StoreError>;

    /// All values of a scope that have not expired.
    async fn preferences(&self, scope: &str, now: Timestamp) -> Result<BTreeMap<String, Value>, StoreError>;

    /// Sets a value, until it expires or for good.
    async fn put_preference(
        &self,
        scope: &str,
        key: &str,
        value: &Value,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Removes a value, expired or not; whether there was one.
    async fn delete_preference(&self, scope: &str, key: &str) -> Result<bool, StoreError>;
}

impl AttemptRef {
    /// The attempt of an errand, which the executor knows like one of a goal.
    pub fn of_errand(errand: ErrandId, attempt: u32) -> Self {
        let name = UniqueName::parse("errand").expect("this is a legal name");
        Self {
            goal_set: GoalSetId(errand.0),
            goal: GoalKey::new(name, ""),
            attempt,
            epoch: 0,
        }
    }
}
