//! What was changed at the hub's computer, straight in its memory, and by whom.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// Something that somebody has done there, as the audit log says it. It is kept by whatever makes the change, with it or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleDeed {
    /// Its id, by which it is found in the audit log.
    pub id: String,
    /// Name of the operation.
    pub operation: String,
    /// What it is about, as resources are written.
    pub resource: String,
    /// What is so now.
    pub said: String,
    /// Who: the user of the operating system.
    pub who: String,
    /// When.
    pub done: Timestamp,
    /// Whether a hub has written it down.
    pub is_told: bool,
}

/// Where it is kept until a hub has written it down.
#[async_trait]
pub trait ConsoleDeeds: Send + Sync {
    /// Those that no hub has written down yet, and all since a moment; oldest first.
    async fn console_deeds(&self, since: Timestamp) -> Result<Vec<ConsoleDeed>, HubStoreError>;

    /// Keeps what was done beside what changes here.
    async fn keep_console_deeds(&self, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError>;

    /// Notes that a hub has written these down, and forgets those before a moment that are.
    async fn console_deeds_told(&self, ids: &[String], forgotten: Timestamp) -> Result<(), HubStoreError>;
}
