//! Lives of a hub's memory (threat K4): one begins when it is made, and another when it is put back to an older point. By its
//! life machines notice that the hub has forgotten something, and tell it again.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// A life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its id.
    pub id: String,
    /// What happened after this moment may have been forgotten; none when nothing was.
    pub known_until: Option<Timestamp>,
}

/// The life of a memory.
#[async_trait]
pub trait Lives: Send + Sync {
    /// The life; none before a hub has run on it.
    async fn life(&self) -> Result<Option<Life>, HubStoreError>;

    /// Writes that a hub lives now; what time it is for all hubs that share the memory.
    async fn beat(&self, now: Timestamp) -> Result<Timestamp, HubStoreError>;
}
