//! Programs on people's computers that are on their way to a key (wire protocol 16).

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// How far a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStep {
    /// The person has allowed it, and the browser brings it a code.
    Allowed,
    /// It has shown that it is who asked, and may ask for a key.
    Proven,
}

/// A program on its way, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    /// Digest of what it must bring.
    pub digest: String,
    /// How far it is.
    pub step: LoginStep,
    /// Id of the person.
    pub person: String,
    /// SHA-256 of what only the program knows, in hexadecimal.
    pub challenge: String,
    /// Until when it counts.
    pub expires: Timestamp,
}

/// Programs on their way.
#[async_trait]
pub trait Logins: Send + Sync {
    /// Keeps one, unless so many are kept; what has ended makes room.
    async fn keep_login(&self, login: &StoredLogin, most: u32, now: Timestamp)
    -> Result<bool, HubStoreError>;

    /// Takes one out: it counts once.
    async fn take_login(&self, digest: &str) -> Result<Option<StoredLogin>, HubStoreError>;
}
