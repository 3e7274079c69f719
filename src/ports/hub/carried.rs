//! What waits for versions of machines that others have taken the place of.

use async_trait::async_trait;

use super::{HubStoreError, NewDelivery};

/// Deliveries that go over from one registration to another.
#[async_trait]
pub trait CarriedOver: Send + Sync {
    /// What waits for a registration, oldest first, at most so much.
    async fn what_waits_for(&self, registration: &str, limit: u32)
    -> Result<Vec<NewDelivery>, HubStoreError>;

    /// Lets those of these that still wait for a registration wait for another one, commands with what was asked; how many.
    async fn carry_over(&self, ids: &[&str], from: &str, to: &str) -> Result<u64, HubStoreError>;

    /// Gives those of these up that still wait for a registration; how many.
    async fn give_up_waiting(&self, ids: &[&str], from: &str, because: &str) -> Result<u64, HubStoreError>;
}
