//! Which run of a machine counts, where one state directory may have been copied (threat G6).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::HubStoreError;
use crate::model::Timestamp;

/// A run of a machine, as it says itself; of a key's owner, so that nobody can be in the way of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Owner of the key.
    pub owner: String,
    /// Id of the state directory.
    pub instance: String,
    /// Id of the process.
    pub id: String,
}

/// Runs that count.
#[async_trait]
pub trait Runs: Send + Sync {
    /// The runs of these sessions are alive until a moment.
    async fn keep_runs(&self, sessions: &[String], until: Timestamp) -> Result<(), HubStoreError>;

    /// Forgets machines that were last alive before a moment.
    async fn forget_runs(&self, before: Timestamp) -> Result<(), HubStoreError>;
}
