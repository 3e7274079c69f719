//! What machines have been sent, until they answer: what they took over, and what becomes of that when no answer comes.

use async_trait::async_trait;

use super::{Delivery, HubStoreError, QueueLimits};
use crate::model::Timestamp;

/// Deliveries that machines have.
#[async_trait]
pub trait Answers: Send + Sync {
    /// A machine with these registrations is at work on these correlations until then.
    async fn at_work(
        &self,
        registrations: &[String],
        correlations: &[String],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<(), HubStoreError>;

    /// Deliveries that a machine has and should have answered by now, at most `limit`.
    async fn overdue_deliveries(&self, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, HubStoreError>;

    /// Lets a delivery wait again that was not answered in time, until `expires` at least, unless it was its last attempt.
    async fn come_again(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
        limits: QueueLimits,
    ) -> Result<(), HubStoreError>;

    /// Gives a delivery up that a machine has, unless it has been given more time than until then.
    async fn give_up(&self, id: &str, until: Timestamp, because: &str) -> Result<(), HubStoreError>;
}
