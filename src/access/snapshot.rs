//! What is known when something is decided: approvals, grants and people, all of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::Timestamp;

use super::principal::{AddonKey, PersonId};
use super::resource::{Level, Selector};
use super::scope::ScopeSet;
use super::terms::Terms;

/// Everything that decisions depend on. It never changes; another state of things is another snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Counts every change of approvals, grants, people and trust.
    pub version: u64,
    /// When it was read. Too old a snapshot decides over no change.
    pub taken_at: Timestamp,
    /// Add-ons by their key.
    pub addons: BTreeMap<AddonKey, Addon>,
    /// People by their id.
    pub people: BTreeMap<PersonId, Person>,
    /// The only forge there is, where there is only one: what does not say its forge is there.
    pub only_forge: Option<Arc<str>>,
}

impl Snapshot {
    /// Nobody and nothing.
    pub fn empty(taken_at: Timestamp) -> Self {
        Self {
            version: 0,
            taken_at,
            addons: BTreeMap::new(),
            people: BTreeMap::new(),
            only_forge: None,
        }
    }
}

/// What an add-on is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddonKind {
    /// A software delivery machine.
    Machine,
    /// Anything else.
    Extension,
}

impl AddonKind {
    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Machine => "sdm",
            Self::Extension => "extension",
        }
    }

    /// The kind of this word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Machine, Self::Extension]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// Where an add-on stands (security model 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddonState {
    /// Registered, and nobody has agreed yet.
    Pending,
    /// Agreed to and at work.
    Active,
    /// Switched off.
    Disabled,
    /// Gone; its audit remains.
    Uninstalled,
}

impl AddonState {
    /// For people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// The state of this word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Disabled, Self::Uninstalled]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// An add-on with its approval and the grants of its add-on user.
#[derive(Debug, Clone)]
pub struct Addon {
    /// What it is.
    pub kind: AddonKind,
    /// Where it stands.
    pub state: AddonState,
    /// What an administrator agreed to.
    pub approved: ScopeSet,
    /// What it asks for beyond that; it waits for an administrator and gives nothing.
    pub asked: ScopeSet,
    /// Where its add-on user may do it.
    pub grants: Vec<Arc<Grant>>,
    /// For whom it may act by impersonation.
    pub consents: Consents,
    /// On which terms it is at work; no decision depends on them.
    pub terms: Terms,
}

impl Addon {
    /// A new add-on of which nothing is known but its kind.
    pub fn new(kind: AddonKind, state: AddonState) -> Self {
        Self {
            kind,
            state,
            approved: ScopeSet::EMPTY,
            asked: ScopeSet::EMPTY,
            grants: Vec::new(),
            consents: Consents::default(),
            terms: Terms::new(),
        }
    }
}

/// Who has agreed that an add-on acts for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consents {
    /// An administrator agreed for everybody in the workspace.
    pub everybody: bool,
    /// People who agreed for themselves.
    pub people: BTreeSet<PersonId>,
}

impl Consents {
    /// Whether this person, or everybody, agreed.
    pub fn covers(&self, person: &PersonId) -> bool {
        self.everybody || self.people.contains(person)
    }
}

/// One line of what somebody may do where, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where.
    pub selector: Selector,
    /// What.
    pub right: Right,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Why, in the words of whoever gave it.
    pub note: Option<String>,
}

/// What a grant says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Nothing, whatever else allows it.
    Deny,
    /// Up to this level.
    Allow(Level),
}

impl Right {
    /// As it is written: `deny`, or the level.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow(level) => level.word(),
        }
    }

    /// The right of this word.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "deny" => Some(Self::Deny),
            level => Level::parse(level).map(Self::Allow),
        }
    }
}

impl Grant {
    /// One without an end and without a note.
    pub fn new(selector: Selector, right: Right) -> Self {
        Self {
            selector,
            right,
            until: None,
            note: None,
        }
    }

    /// Whether it still counts.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// For people: `write on repo:acme/api`, `deny on *`.
    pub fn sentence(&self) -> String {
        format!("{} on {}", self.right.word(), self.selector)
    }
}

/// What a person is in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Uses it.
    Member,
    /// Decides over it.
    Admin,
}

impl Role {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

/// A person.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whether the person may do anything at all.
    pub is_suspended: bool,
    /// Role in the workspace.
    pub role: Role,
    /// What the forge says of repositories. Of a repository that is not here nothing is known, and nothing allowed.
    pub permissions: Vec<Permission>,
    /// What administrators gave or denied: environments, channels and feeds; on repositories only denials count.
    pub grants: Vec<Arc<Grant>>,
    /// What the person let the hub do on a forge, by its name: the scopes that were granted, not those that were asked for.
    pub authorizations: BTreeMap<String, BTreeSet<String>>,
}

impl Person {
    /// A person of whom only the role is known.
    pub fn new(role: Role) -> Self {
        Self {
            is_suspended: false,
            role,
            permissions: Vec::new(),
            grants: Vec::new(),
            authorizations: BTreeMap::new(),
        }
    }
}

/// What the forge said of a person and a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Which repositories.
    pub selector: Selector,
    /// How much.
    pub level: Level,
    /// When the forge said so; it counts for five minutes.
    pub read_at: Timestamp,
}
