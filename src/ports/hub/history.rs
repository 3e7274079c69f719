//! What has not changed for long, so that it can be found and forgotten.

use std::sync::Arc;

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;
use crate::ports::graph::Node;

/// Keeps in mind how far workspaces had come, and finds what has not changed since.
#[async_trait]
pub trait History: Send + Sync {
    /// Notes how far every workspace has come now, where that was not noted after `since`.
    async fn note_progress(&self, now: Timestamp, since: Timestamp) -> Result<(), HubStoreError>;

    /// Where a workspace stood at a moment, in the order of changes: what is before it has not changed since. `None` when that was
    /// not noted so far back.
    async fn progress_at(&self, workspace: &str, at: Timestamp) -> Result<Option<i64>, HubStoreError>;

    /// Nodes of a type that changed last between two places in the order of changes, the first one excluded; oldest first, each with
    /// its place.
    async fn unchanged(
        &self,
        workspace: &str,
        kind: &str,
        (behind, before): (i64, i64),
        limit: u32,
    ) -> Result<Vec<(i64, Arc<Node>)>, HubStoreError>;

    /// Forgets keys that have ended before a moment and that no machine has registered with.
    async fn forget_keys(&self, before: Timestamp) -> Result<(), HubStoreError>;
}
