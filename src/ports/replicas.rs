//! What replicas of one machine know of each other, through the database that they share.
//!
//! A replica says again and again that it is there. Who has not said so for as long as a lease lasts is forgotten by the
//! others; what it carried out is lost then. A machine that is alone knows nothing of this.

use async_trait::async_trait;

use super::executor::AttemptRef;
use super::store::StoreError;
use crate::model::{ErrandId, JobId, Timestamp};

/// A replica, and how often it has said that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beats {
    /// Which.
    pub replica: String,
    /// How often.
    pub count: u64,
    /// When it said so last, by its own clock.
    pub at: Timestamp,
}

/// Whose an attempt or an errand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// This replica's own, or that of a machine that was alone.
    Own,
    /// Another one's, which is there.
    Elsewhere,
    /// One's that is forgotten.
    Lost,
}

/// The memory of replicas.
#[async_trait]
pub trait ReplicaStore: Send + Sync {
    /// Says that this replica is there; all others that are not forgotten. Nobody, for a machine that is alone.
    async fn beat(&self, at: Timestamp) -> Result<Vec<Beats>, StoreError>;

    /// Forgets another replica that has not said anything since; what it had to deal with is this one's now. `false` when
    /// somebody was faster, or it has said something.
    async fn bury(&self, other: &Beats) -> Result<bool, StoreError>;

    /// Whose each attempt is that has a lease.
    async fn standings(&self) -> Result<Vec<(AttemptRef, Standing)>, StoreError>;

    /// Makes the lease of a replica that is forgotten this one's; `false` when somebody was faster.
    async fn adopt(&self, attempt: &AttemptRef) -> Result<bool, StoreError>;

    /// Open errands that another replica wrote last.
    async fn errands_elsewhere(&self) -> Result<Vec<(ErrandId, Standing)>, StoreError>;

    /// Whether another replica that is there was asked for a job.
    async fn is_job_elsewhere(&self, job: JobId) -> Result<bool, StoreError>;
}
