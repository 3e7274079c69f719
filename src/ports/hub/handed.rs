//! What a hub handed to add-ons, as digests, and what signed requests were used.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptToken {
    /// Digest of its text.
    pub digest: String,
    /// Public id, for the audit.
    pub id: String,
    /// Key of the add-on.
    pub addon: String,
    /// Id of the person for whom it acts; none is for itself.
    pub person: Option<String>,
    /// By which trust, if it was given to a job; it counts as long as that.
    pub trust: Option<String>,
    /// What it does not reach, as JSON.
    pub limits: String,
    /// When it was given.
    pub given: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
}

/// A handle as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHandle {
    /// Digest of its text.
    pub digest: String,
    /// Key of the add-on.
    pub addon: String,
    /// Id of the person who started something.
    pub person: String,
    /// Id of what was started.
    pub invocation: String,
    /// What it is about, as selectors.
    pub resources: Vec<String>,
    /// When it was given.
    pub given: Timestamp,
}

/// Where they are kept.
#[async_trait]
pub trait HandedOut: Send + Sync {
    /// Keeps a token.
    async fn keep_token(&self, token: &KeptToken) -> Result<(), HubStoreError>;

    /// The token of a digest.
    async fn token(&self, digest: &str) -> Result<Option<KeptToken>, HubStoreError>;

    /// Takes back all tokens of an add-on, or those for one person; how many.
    async fn revoke_tokens(
        &self,
        addon: &str,
        person: Option<&str>,
        at: Timestamp,
    ) -> Result<u64, HubStoreError>;

    /// Keeps a handle.
    async fn keep_handle(&self, handle: &KeptHandle) -> Result<(), HubStoreError>;

    /// The handle of a digest.
    async fn handle(&self, digest: &str) -> Result<Option<KeptHandle>, HubStoreError>;

    /// Notes that something was used which ends by itself; `false` when it had been used before.
    async fn use_once(&self, mark: &str, ends: Timestamp) -> Result<bool, HubStoreError>;

    /// Forgets what has ended: handles that were given before `handles_of`, and the rest by their own ends.
    async fn forget_ended(&self, now: Timestamp, handles_of: Timestamp) -> Result<(), HubStoreError>;
}
