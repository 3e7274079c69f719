//! What a hub remembers of what people let it do for them elsewhere (security model 15). Tokens are not here: they are in the safe.

use async_trait::async_trait;

use super::hub::HubStoreError;
use crate::model::Timestamp;

/// What a person let the hub do at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAuthorization {
    /// The person.
    pub person: String,
    /// Name of the provider.
    pub provider: String,
    /// Who the person is there.
    pub subject: String,
    /// What was granted, which may be less than what was asked for.
    pub scopes: Vec<String>,
    /// When.
    pub granted: Timestamp,
    /// When it ends by itself: when its token does that cannot be renewed, or cannot be renewed any more.
    pub expires: Option<Timestamp>,
    /// When its token ends that can be renewed.
    pub token_ends: Option<Timestamp>,
}

/// A link by which a person authorises the hub once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeLink {
    /// Digest of what stands in the link.
    pub digest: String,
    /// For whom.
    pub person: String,
    /// Public id of the session in which it counts; none is any of the person's.
    pub session: Option<String>,
    /// Name of the provider.
    pub provider: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What the person wanted to do, as JSON.
    pub resumes: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// What people let the hub do for them elsewhere.
#[async_trait]
pub trait Authorizations: Send + Sync {
    /// What a person let the hub do, by provider.
    async fn authorizations_of(&self, person: &str) -> Result<Vec<StoredAuthorization>, HubStoreError>;

    /// Keeps what a person let the hub do, in place of what they let it do there before.
    async fn keep_authorization(&self, authorization: &StoredAuthorization) -> Result<(), HubStoreError>;

    /// Forgets what a person let the hub do at a provider; `false` when there was nothing.
    async fn drop_authorization(&self, person: &str, provider: &str) -> Result<bool, HubStoreError>;

    /// Keeps a link, and forgets those that have ended; `false` when the person has `most` already.
    async fn add_authorize_link(
        &self,
        link: &AuthorizeLink,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, HubStoreError>;

    /// A link by its digest.
    async fn authorize_link(&self, digest: &str) -> Result<Option<AuthorizeLink>, HubStoreError>;

    /// Takes a link out, so that it counts once.
    async fn take_authorize_link(&self, digest: &str) -> Result<Option<AuthorizeLink>, HubStoreError>;
}
