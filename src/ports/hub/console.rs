//! What was changed at the hub's computer, straight in its memory, and by whom.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// Something that somebody has done there, as the audit log says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleDeed {
    /// Name of the operation.
    pub operation: String,
    /// What is so now.
    pub said: String,
    /// Who: the user of the operating system.
    pub who: String,
    /// When.
    pub done: Timestamp,
}

/// Where it is kept until every hub has noticed.
#[async_trait]
pub trait ConsoleDeeds: Send + Sync {
    /// Keeps one, in place of an earlier one that said the same, and forgets those before a moment.
    async fn keep_console_deed(&self, deed: &ConsoleDeed, forgotten: Timestamp) -> Result<(), HubStoreError>;

    /// Those since a moment.
    async fn console_deeds(&self, since: Timestamp) -> Result<Vec<ConsoleDeed>, HubStoreError>;
}
