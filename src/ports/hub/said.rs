//! What is said between people and machines: invocations of commands, and messages.

use async_trait::async_trait;

use super::{HubStoreError, NewDelivery};
use crate::model::Timestamp;

/// Something that a person asked a machine to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInvocation {
    /// Its id, which is its correlation.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// Id of the registration that was asked.
    pub registration: String,
    /// Name of the command.
    pub command: String,
    /// Owner of the key that asked.
    pub asked_by: String,
    /// Id of that key; empty for somebody who was signed in in a browser.
    pub asked_with: String,
    /// What was asked, as JSON.
    pub request: String,
    /// Where it stands.
    pub phase: Phase,
    /// The last thing that the machine answered, as JSON; empty when nothing.
    pub answer: String,
    /// When it was asked.
    pub created: Timestamp,
    /// When it is over for want of an answer.
    pub due: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// An invocation that nobody answers any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// It.
    pub invocation: StoredInvocation,
    /// Why its delivery was given up; empty when its time is over.
    pub because: String,
}

/// Where an invocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It waits for its machine.
    Pending,
    /// Its machine has it.
    Running,
    /// The machine wants more parameters.
    Asking,
    /// It ended well.
    Success,
    /// It did not.
    Failure,
}

impl Phase {
    /// For programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Asking => "ASKING",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }

    /// The phase of this word.
    pub fn read(word: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Running,
            Self::Asking,
            Self::Success,
            Self::Failure,
        ]
        .into_iter()
        .find(|phase| phase.word() == word)
    }

    /// Whether there is nothing to tell yet.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// A message of a machine at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The workspace.
    pub workspace: String,
    /// Where it stands.
    pub place: String,
    /// Its id there.
    pub id: String,
    /// The invocation that it answers; empty for events.
    pub invocation: String,
    /// Who said it.
    pub machine: String,
    /// Milliseconds that order its updates.
    pub said_at: i64,
    /// Milliseconds within which an update rewrites it; zero means always.
    pub ttl: i64,
    /// When it was posted, or posted anew.
    pub posted: Timestamp,
    /// It, as JSON.
    pub body: String,
}

/// What people asked machines to do.
#[async_trait]
pub trait Invocations: Send + Sync {
    /// Keeps what was asked, together with the delivery for its machine; in place of what was asked under this id before, where its
    /// machine asks for more. `false` when it does not: nothing has changed then.
    async fn invoke(
        &self,
        invocation: &StoredInvocation,
        delivery: &NewDelivery,
    ) -> Result<bool, HubStoreError>;

    /// The same, unless there are so many already that have not ended, of the same command and by the same asker.
    async fn invoke_among(
        &self,
        invocation: &StoredInvocation,
        delivery: &NewDelivery,
        most: u32,
    ) -> Result<bool, HubStoreError>;

    /// What somebody has asked in a workspace since, of which these have not ended, or not before that; newest first, without what was
    /// asked, and without an answer that is long.
    async fn asked_lately(
        &self,
        who: (&str, &str),
        since: Timestamp,
        ended: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvocation>, HubStoreError>;

    /// An invocation by its id.
    async fn invocation(&self, id: &str) -> Result<Option<StoredInvocation>, HubStoreError>;

    /// Notes where an invocation stands now and what was answered; one that has ended stays as it is. `answer` empty: as before.
    async fn answered(
        &self,
        id: &str,
        phase: Phase,
        answer: &str,
        at: Timestamp,
    ) -> Result<bool, HubStoreError>;

    /// Keeps something else of what was asked, unless that has changed meanwhile.
    async fn replace_request(&self, id: &str, before: &str, now: &str) -> Result<(), HubStoreError>;

    /// Whoever should answer these of these registrations has until then.
    async fn prolong(
        &self,
        registrations: &[String],
        ids: &[String],
        due: Timestamp,
    ) -> Result<(), HubStoreError>;

    /// Open invocations whose time is over, or whose delivery was given up; those without a time were asked before `old`.
    async fn overdue(
        &self,
        now: Timestamp,
        old: Timestamp,
        limit: u32,
    ) -> Result<Vec<Overdue>, HubStoreError>;

    /// Ends an invocation that nobody answers, unless something has become of it since it was found like this.
    async fn unanswered(
        &self,
        invocation: &StoredInvocation,
        answer: &str,
        at: Timestamp,
    ) -> Result<bool, HubStoreError>;
}

/// A message with its place in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedMessage {
    /// The place, more than that of all that have changed before.
    pub change: i64,
    /// It was taken back.
    pub is_gone: bool,
    /// It, or what is left of it.
    pub message: StoredMessage,
}

/// How much of messages is read at once; of those that there are the first always is, however long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Most messages.
    pub messages: u32,
    /// Most bytes that they say altogether.
    pub bytes: u32,
}

/// Messages of machines for people.
#[async_trait]
pub trait Messages: Send + Sync {
    /// A message by its place and id.
    async fn message(
        &self,
        workspace: &str,
        place: &str,
        id: &str,
    ) -> Result<Option<StoredMessage>, HubStoreError>;

    /// Posts a message, in place of the one of its place and id.
    async fn post(&self, message: &StoredMessage) -> Result<(), HubStoreError>;

    /// Takes a message back, by its workspace, place and id, of which this is left; `false` when it was not there.
    async fn take_back(&self, which: (&str, &str, &str), left: &str) -> Result<bool, HubStoreError>;

    /// Messages of a workspace at places that begin like this, in the order in which they have changed since, each as it is now or as gone,
    /// as many as have room.
    async fn changed_messages(
        &self,
        workspace: &str,
        places: &str,
        since: i64,
        room: Room,
    ) -> Result<Vec<ChangedMessage>, HubStoreError>;

    /// Messages that answer an invocation, oldest first, as many as have room.
    async fn messages_of(&self, invocation: &str, room: Room) -> Result<Vec<StoredMessage>, HubStoreError>;

    /// The last messages of a workspace, newest first, as many as have room.
    async fn messages(&self, workspace: &str, room: Room) -> Result<Vec<StoredMessage>, HubStoreError>;
}
