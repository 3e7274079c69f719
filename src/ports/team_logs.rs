//! Logs of goals that a machine in team mode still has to send to its hub.

use async_trait::async_trait;

use super::store::StoreError;
use crate::model::{GoalKey, GoalSetId};

/// A log on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOnItsWay {
    /// The goal set.
    pub goal_set: GoalSetId,
    /// The goal.
    pub goal: GoalKey,
    /// From 1.
    pub attempt: u32,
    /// The workspace it goes to.
    pub workspace: String,
    /// Bytes of it that the hub has.
    pub taken: u64,
}

/// The memory of what is sent. A log gets into it together with the mark of what was reported, see
/// [`TeamStore::reported`](super::team::TeamStore::reported).
#[async_trait]
pub trait LogsOnTheirWay: Send + Sync {
    /// Logs that the hub has not taken to their end.
    async fn logs_on_their_way(&self, limit: u32) -> Result<Vec<LogOnItsWay>, StoreError>;

    /// The hub has a log up to `log.taken`.
    async fn log_taken(&self, log: &LogOnItsWay) -> Result<(), StoreError>;

    /// Nothing more of a log is to be sent.
    async fn log_sent(&self, log: &LogOnItsWay) -> Result<(), StoreError>;
}
