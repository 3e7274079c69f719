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
    /// Makes a run the one that counts until a moment; `false` while another one of its machine is alive.
    async fn claim_run(&self, run: &Run, now: Timestamp, until: Timestamp) -> Result<bool, HubStoreError>;

    /// The run of a session is alive until a moment.
    async fn keep_run(&self, run: &Run, session: &str, until: Timestamp) -> Result<(), HubStoreError>;

    /// The runs of these sessions are alive until a moment.
    async fn keep_runs(&self, sessions: &[String], until: Timestamp) -> Result<(), HubStoreError>;

    /// A session has ended, and its run is not alive by it any more.
    async fn end_run(&self, session: &str, now: Timestamp) -> Result<(), HubStoreError>;

    /// Forgets machines that were last alive before a moment.
    async fn forget_runs(&self, before: Timestamp) -> Result<(), HubStoreError>;
}
