//! What a hub remembers of people: who they are here and elsewhere, where they are signed in, and links that sign them in.
//!
//! Of what a browser or a link holds only digests are kept. Whatever changes people or signs them in happens whole or not at
//! all.

use async_trait::async_trait;

use super::hub::HubStoreError;
use super::hub::console::ConsoleDeed;
use crate::model::Timestamp;

/// What a person is in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonRole {
    /// Uses it.
    Member,
    /// Decides over it.
    Admin,
    /// An administrator who also decides over the rules for administrators.
    Owner,
}

impl PersonRole {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of this word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether somebody with it decides over the workspace.
    pub const fn administers(self) -> bool {
        match self {
            Self::Member => false,
            Self::Admin | Self::Owner => true,
        }
    }
}

/// Whether a person may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersonState {
    /// Yes.
    Active,
    /// Not any more, or not for now.
    Suspended,
}

impl PersonState {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The state of this word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPerson {
    /// Identity in the hub: letters, digits, `.`, `_` and `-`. It is never given again.
    pub id: String,
    /// For people.
    pub name: String,
    /// What the person is here.
    pub role: PersonRole,
    /// Whether the person may come in.
    pub state: PersonState,
    /// Since when the person is known.
    pub created: Timestamp,
}

/// Who a person is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIdentity {
    /// Where, such as `github`.
    pub provider: String,
    /// What they are known by there for good: a number, or the subject of a token.
    pub subject: String,
    /// What they are called there; it may change.
    pub login: String,
    /// The address that is theirs, as the provider has verified it; it may change.
    pub email: Option<String>,
    /// The person.
    pub person: String,
    /// Since when.
    pub linked: Timestamp,
}

/// A browser in which a person is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Digest of what the browser holds.
    pub digest: String,
    /// Public id, to list it and end it by.
    pub id: String,
    /// Who.
    pub person: String,
    /// How they signed in: `link`, or the name of a provider.
    pub means: String,
    /// What the browser says that it is; anybody's text.
    pub user_agent: String,
    /// When they signed in.
    pub signed_in: Timestamp,
    /// When it was used last, to the minute.
    pub last_seen: Timestamp,
}

/// A person whom a link makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// For people.
    pub name: String,
    /// What the person will be.
    pub role: PersonRole,
}

/// A link that signs somebody in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLink {
    /// Digest of what stands in the link.
    pub digest: String,
    /// Public id, to list it and take it back by.
    pub id: String,
    /// Id of the person.
    pub person: String,
    /// The person it makes; none when the person is there already.
    pub invited: Option<Invited>,
    /// Who made it, as principals are written.
    pub made_by: String,
    /// When.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// Somebody who signs in, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Digest of the link that is used up, if by one.
    pub link: Option<String>,
    /// The person who is made by it, if one is.
    pub makes: Option<StoredPerson>,
    /// Who the person is elsewhere, as is known since now.
    pub identity: Option<StoredIdentity>,
    /// The new session.
    pub session: StoredSession,
    /// Digest of the session of the same browser that ends.
    pub replaces: Option<String>,
}

/// A sign-in with a provider that began in a browser. It is found by the digest of its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    /// Digest of the state.
    pub state_digest: String,
    /// Digest of what the browser holds.
    pub browser_digest: String,
    /// Name of the provider.
    pub provider: String,
    /// Where to go afterwards.
    pub place: String,
    /// Digest of the link that it uses up, if it uses one.
    pub link: Option<String>,
    /// Digest of the session whose person says who they are there, if that is what it is for.
    pub connects: Option<String>,
    /// Digest of the link by which the person authorises the hub, if that is what it is for.
    pub authorizes: Option<String>,
    /// When it ends.
    pub expires: Timestamp,
}

/// What is to change of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonChange {
    /// Name.
    pub name: Option<String>,
    /// Role.
    pub role: Option<PersonRole>,
    /// State.
    pub state: Option<PersonState>,
}

impl PersonChange {
    /// The person as it is afterwards.
    pub fn of(&self, before: &StoredPerson) -> StoredPerson {
        StoredPerson {
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            role: self.role.unwrap_or(before.role),
            state: self.state.unwrap_or(before.state),
            ..before.clone()
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonChanged {
    /// It was made.
    Done,
    /// There is no such person.
    NotThere,
    /// Nobody would be left to decide over the workspace.
    LastAdmin,
}

/// People, and who they are elsewhere.
#[async_trait]
pub trait People: Send + Sync {
    /// All of them, by id.
    async fn people(&self) -> Result<Vec<StoredPerson>, HubStoreError>;

    /// A person by id.
    async fn person(&self, id: &str) -> Result<Option<StoredPerson>, HubStoreError>;

    /// The person who is somebody elsewhere.
    async fn person_of(&self, provider: &str, subject: &str) -> Result<Option<StoredPerson>, HubStoreError>;

    /// Who a person is elsewhere.
    async fn identities(&self, person: &str) -> Result<Vec<StoredIdentity>, HubStoreError>;

    /// Who everybody is elsewhere, by person.
    async fn every_identity(&self) -> Result<Vec<StoredIdentity>, HubStoreError>;

    /// Notes who a person is elsewhere; `false` when somebody else is that.
    async fn link_identity(&self, identity: &StoredIdentity) -> Result<bool, HubStoreError>;

    /// Forgets who a person is elsewhere; `false` when it was not known.
    async fn unlink_identity(&self, person: &str, provider: &str) -> Result<bool, HubStoreError>;

    /// Changes a person, with what somebody at the console did by that. Another role, or a suspension, ends the person's sessions.
    async fn change_person(
        &self,
        id: &str,
        change: &PersonChange,
        deeds: &[ConsoleDeed],
    ) -> Result<PersonChanged, HubStoreError>;

    /// Rises with every change of people, so that replicas notice.
    async fn people_changed(&self) -> Result<i64, HubStoreError>;
}

/// Where people are signed in, and links that sign them in.
#[async_trait]
pub trait SignIns: Send + Sync {
    /// Signs somebody in, whole; `false` when the link was used up, has ended, or the person it makes is there already.
    async fn sign_in(&self, sign_in: &SignIn) -> Result<bool, HubStoreError>;

    /// The session of a digest, with its person.
    async fn session(&self, digest: &str) -> Result<Option<(StoredSession, StoredPerson)>, HubStoreError>;

    /// Notes that a session was used.
    async fn session_seen(&self, digest: &str, at: Timestamp) -> Result<(), HubStoreError>;

    /// Sessions of a person, newest first.
    async fn sessions_of(&self, person: &str) -> Result<Vec<StoredSession>, HubStoreError>;

    /// Ends a session of a person by its public id; `false` when it was not there.
    async fn end_session(&self, person: &str, id: &str) -> Result<bool, HubStoreError>;

    /// Keeps a link, with what somebody at the console did by that.
    async fn add_link(&self, link: &StoredLink, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError>;

    /// A link by its digest.
    async fn link(&self, digest: &str) -> Result<Option<StoredLink>, HubStoreError>;

    /// Links that were not used yet, newest first.
    async fn links(&self) -> Result<Vec<StoredLink>, HubStoreError>;

    /// Takes a link back by its public id; `false` when it was not there.
    async fn drop_link(&self, id: &str) -> Result<bool, HubStoreError>;

    /// Remembers a sign-in that began; `false` when `most` are under way.
    async fn begin_sign_in(
        &self,
        pending: &PendingSignIn,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, HubStoreError>;

    /// Takes out a sign-in that began, so that it counts once.
    async fn take_sign_in(&self, state_digest: &str) -> Result<Option<PendingSignIn>, HubStoreError>;

    /// Forgets links that ended before `now`, and sessions that were signed in before `signed_in` or last seen before
    /// `last_seen`.
    async fn tidy_sign_ins(
        &self,
        now: Timestamp,
        signed_in: Timestamp,
        last_seen: Timestamp,
    ) -> Result<(), HubStoreError>;
}
