//! The part of the machine's memory that lets goals trigger rules: how far goals were read, and what is to be planned.

use async_trait::async_trait;

use super::store::StoreError;
use crate::model::{Cursor, GoalKey, GoalTrigger, Push, PushId, Timestamp};

/// A goal for which rules are to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedTrigger {
    /// The goal.
    pub trigger: GoalTrigger,
    /// Its push, when it is a goal of another machine; that of an own one is found by its set.
    pub push: Option<PushId>,
    /// How often planning failed for it.
    pub failures: u32,
}

/// See the module.
#[async_trait]
pub trait TriggerStore: Send + Sync {
    /// How far the log was read for goals that rules wait for; `None` before it ever was.
    async fn heeded(&self) -> Result<Option<Cursor>, StoreError>;

    /// Notes goals and moves the mark from `from` to `to`, all or nothing. Goals that are noted already are left out, and so
    /// are those whose set is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the mark is not at `from`.
    async fn heed(
        &self,
        from: Option<Cursor>,
        to: Cursor,
        triggers: &[GoalTrigger],
    ) -> Result<(), StoreError>;

    /// Notes a goal of another machine that was told of on a push; `false` when it ever was, also when rules were asked since.
    async fn heed_foreign(&self, push: PushId, trigger: &GoalTrigger) -> Result<bool, StoreError>;

    /// How many results of one goal of another machine were noted on a push.
    async fn heeded_of(&self, push: PushId, registration: &str, goal: &GoalKey) -> Result<u32, StoreError>;

    /// Forgets the mark and what is noted: whoever waits next begins with what happens then.
    async fn stop_heeding(&self) -> Result<(), StoreError>;

    /// The goals for which rules are to be asked, oldest first.
    async fn noted_triggers(&self) -> Result<Vec<NotedTrigger>, StoreError>;

    /// Records that planning failed because of a goal, which stays noted, or not when `for_good`.
    async fn fail_trigger(
        &self,
        push: &Push,
        trigger: &GoalTrigger,
        error: &str,
        for_good: bool,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
