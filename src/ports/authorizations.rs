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

/// How what a person let the hub do ended at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// They revoked it there.
    Revoked,
    /// They took the hub's app away from their account.
    Removed,
    /// They suspended the hub's app at their account.
    Suspended,
    /// The token is not taken, or not renewed, any more.
    Refused,
}

impl Loss {
    const ALL: [Self; 4] = [Self::Revoked, Self::Removed, Self::Suspended, Self::Refused];

    /// As it is kept.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Removed => "removed",
            Self::Suspended => "suspended",
            Self::Refused => "refused",
        }
    }

    /// As it was kept.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|loss| loss.word() == word)
    }

    /// As the end of a sentence about the provider.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Revoked => "it was revoked there",
            Self::Removed => "the hub's app was taken away from the account there",
            Self::Suspended => "the hub's app was suspended at the account there",
            Self::Refused => "the token is not taken there any more",
        }
    }
}

/// What a person had let the hub do at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostAuthorization {
    /// Name of the provider.
    pub provider: String,
    /// How it ended.
    pub how: Loss,
    /// When the hub heard of it.
    pub lost: Timestamp,
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

    /// What whoever this is at a provider let the hub do.
    async fn authorizations_at(
        &self,
        provider: &str,
        subject: &str,
    ) -> Result<Vec<StoredAuthorization>, HubStoreError>;

    /// Keeps what a person let the hub do, in place of what they let it do there before.
    async fn keep_authorization(&self, authorization: &StoredAuthorization) -> Result<(), HubStoreError>;

    /// Forgets what a person let the hub do at a provider; `false` when there was nothing.
    async fn drop_authorization(&self, person: &str, provider: &str) -> Result<bool, HubStoreError>;

    /// Forgets what a person let the hub do at a provider, and notes how it ended; `false` when there was nothing.
    async fn lose_authorization(&self, person: &str, lost: &LostAuthorization)
    -> Result<bool, HubStoreError>;

    /// What ended for a person since they last let the hub do it, by provider.
    async fn lost_authorizations(&self, person: &str) -> Result<Vec<LostAuthorization>, HubStoreError>;

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
