//! Extensions as a hub remembers them: where they are, what they say of themselves, which secrets count, and what they were told.
//! What they may do is kept with the rights of all add-ons.

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// An extension as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredExtension {
    /// Its key, which is that of its add-on.
    pub key: String,
    /// Workspaces it is for.
    pub workspaces: Vec<String>,
    /// Who registered it, as principals are written; empty when that was not kept.
    pub registered_by: String,
    /// Where its descriptor is read.
    pub descriptor_url: String,
    /// The descriptor that was agreed to, to the byte; empty while none was.
    pub descriptor: String,
    /// A later one, or the first, that waits for an answer; empty when none does.
    pub wished: String,
    /// Its name when it acts for people.
    pub client: String,
    /// The addresses that the install handshake was made with; empty when it is not installed.
    pub installed: String,
    /// Id of the secret that signs and verifies; empty when there is none.
    pub current: String,
    /// Id of the secret before it; empty when there is none.
    pub previous: String,
    /// Until when the secret before it verifies.
    pub previous_until: Option<Timestamp>,
    /// Id of the secret that was posted and of which nobody knows whether it was taken; empty when there is none.
    pub next: String,
    /// Whether it is to be given a new secret.
    pub wants_secret: bool,
    /// The event of its life that it was told last.
    pub told: String,
    /// How often it was tried to tell it the next.
    pub attempts: u32,
    /// Nothing is done with it before; a hub that does something sets it, so that no other does the same.
    pub not_before: Option<Timestamp>,
    /// Why something was not done; empty when all is well.
    pub trouble: String,
    /// Counts its changes; zero when it is not kept yet.
    pub version: i64,
}

/// The public half of a key that signs installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInstallKey {
    /// Its id, given once.
    pub id: String,
    /// It, as PEM text.
    pub pem: String,
    /// When it was made.
    pub created: Timestamp,
    /// When another took its place; it stays published for a while.
    pub retired: Option<Timestamp>,
}

/// Where extensions are kept.
#[async_trait]
pub trait ExtensionStore: Send + Sync {
    /// The value of this name that the hub has for good: `fresh` if it had none.
    async fn identity(&self, name: &str, fresh: &str) -> Result<String, HubStoreError>;

    /// All extensions, by key.
    async fn extensions(&self) -> Result<Vec<StoredExtension>, HubStoreError>;

    /// An extension by its key.
    async fn extension(&self, key: &str) -> Result<Option<StoredExtension>, HubStoreError>;

    /// The extension that acts for people under this name.
    async fn extension_of_client(&self, client: &str) -> Result<Option<StoredExtension>, HubStoreError>;

    /// Keeps an extension as it is now, if its version is still the kept one; the version afterwards, `None` when somebody
    /// else has changed it.
    async fn save_extension(&self, extension: &StoredExtension) -> Result<Option<i64>, HubStoreError>;

    /// Publishes the public half of a key.
    async fn add_install_key(&self, key: &StoredInstallKey) -> Result<(), HubStoreError>;

    /// All keys that were not forgotten, oldest first.
    async fn install_keys(&self) -> Result<Vec<StoredInstallKey>, HubStoreError>;

    /// Retires all keys but this one.
    async fn retire_other_install_keys(&self, id: &str, at: Timestamp) -> Result<(), HubStoreError>;

    /// Forgets keys that were retired before a moment; their ids.
    async fn forget_install_keys(&self, before: Timestamp) -> Result<Vec<String>, HubStoreError>;
}
