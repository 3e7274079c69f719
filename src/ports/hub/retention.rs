//! What is forgotten, so that a hub that runs for years does not grow without end.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// What is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Invocations that had ended and messages that were posted before this are forgotten.
    pub since: Timestamp,
    /// Most messages, and most invocations that have ended, of one workspace; the newest stay.
    pub said: u32,
}

/// Forgets.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Forgets what is beyond the bounds.
    async fn forget(&self, bounds: Bounds) -> Result<(), HubStoreError>;
}
