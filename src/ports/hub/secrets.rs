//! Secrets in a hub's memory, as texts that only a key from outside of it opens (security model 10.8, threat F9). Nothing here
//! sees what is in them.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// A secret as it is kept: sealed for its row, and for no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// What it is: `shared_secret`, `user_token`, `install_key` or the like.
    pub kind: String,
    /// Whose it is, as principals are written, or `hub`.
    pub owner: String,
    /// Its id among those of its owner.
    pub id: String,
    /// It, sealed.
    pub sealed: String,
    /// When it was kept.
    pub changed: Timestamp,
}

/// Where sealed secrets are kept.
#[async_trait]
pub trait SealedSecrets: Send + Sync {
    /// Keeps a secret in place of the one of its row.
    async fn keep_secret(&self, secret: &SealedSecret) -> Result<(), HubStoreError>;

    /// The secret of a row.
    async fn secret(&self, kind: &str, owner: &str, id: &str) -> Result<Option<SealedSecret>, HubStoreError>;

    /// All secrets, by kind, owner and id.
    async fn secrets(&self) -> Result<Vec<SealedSecret>, HubStoreError>;

    /// Seals a secret anew that is still as `known`; `false` when it is not. What is in it stays the same.
    async fn seal_again(&self, known: &SealedSecret, sealed: &str) -> Result<bool, HubStoreError>;

    /// Destroys the secret of a row; `false` when there was none.
    async fn destroy_secret(&self, kind: &str, owner: &str, id: &str) -> Result<bool, HubStoreError>;

    /// Destroys all secrets of an owner; how many.
    async fn destroy_secrets_of(&self, owner: &str) -> Result<u64, HubStoreError>;
}
