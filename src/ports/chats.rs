//! What a hub remembers of who people are in chats: codes that were given to them, each of which says so once.

use async_trait::async_trait;

use super::hub::HubStoreError;
use crate::model::Timestamp;

/// A code that was given to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCode {
    /// Digest of what the person says in the chat.
    pub digest: String,
    /// The person.
    pub person: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// Somebody in a chat, as the add-on that is there knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatUser {
    /// Which chat, as identities name it.
    pub provider: String,
    /// What they are known by there for good.
    pub subject: String,
    /// What they are called there; it may change, and proves nothing.
    pub login: String,
}

/// What became of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatLinked {
    /// Whoever said it is this person.
    Done {
        /// Id of the person.
        person: String,
    },
    /// There is no such code, it was used, or it has ended.
    NoCode,
    /// Whoever said it is somebody else here already. The code is used up.
    SomebodyElse,
}

/// Who people are in chats.
#[async_trait]
pub trait Chats: Send + Sync {
    /// Keeps a code, and forgets those that have ended; `false` when the person has `most` already.
    async fn add_chat_code(&self, code: &ChatCode, most: u32, now: Timestamp) -> Result<bool, HubStoreError>;

    /// Uses a code up, and notes whose it is in the chat where it was said.
    async fn link_chat(
        &self,
        digest: &str,
        who: &ChatUser,
        now: Timestamp,
    ) -> Result<ChatLinked, HubStoreError>;
}
