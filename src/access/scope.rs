//! Scopes: what an add-on may do at all, whatever it was granted (security model 7 and 11).

use std::fmt;

use thiserror::Error;

use crate::model::suggest;

/// One scope, written `family:verb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// `events:read`
    EventsRead,
    /// `graph:read`
    GraphRead,
    /// `repo:meta`
    RepoMeta,
    /// `goals:read`
    GoalsRead,
    /// `goals:write`
    GoalsWrite,
    /// `goals:delete`
    GoalsDelete,
    /// `messages:read`
    MessagesRead,
    /// `messages:write`
    MessagesWrite,
    /// `commands:register`
    CommandsRegister,
    /// `ingest:write`
    IngestWrite,
    /// `repo:status`
    RepoStatus,
    /// `repo:read`
    RepoRead,
    /// `repo:write`
    RepoWrite,
    /// `deployments:write`
    DeploymentsWrite,
    /// `act_as_user`
    ActAsUser,
    /// `secrets:user_token`
    SecretsUserToken,
    /// `admin:read`
    AdminRead,
    /// `admin:write`
    AdminWrite,
}

/// How carefully an administrator should look before agreeing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sensitivity {
    /// Reading what the machine is there for.
    Low,
    /// Writing what is its own.
    Medium,
    /// Needs a tick of its own.
    High,
}

impl Sensitivity {
    /// For people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is to be said of a scope.
#[derive(Debug)]
pub struct ScopeRow {
    /// Which.
    pub scope: Scope,
    /// As it is written.
    pub name: &'static str,
    /// What it lets an add-on do, completing "it may …".
    pub allows: &'static str,
    /// What it includes.
    pub implies: &'static [Scope],
    /// How carefully to look.
    pub sensitivity: Sensitivity,
}

const fn row(
    scope: Scope,
    name: &'static str,
    allows: &'static str,
    implies: &'static [Scope],
    sensitivity: Sensitivity,
) -> ScopeRow {
    ScopeRow {
        scope,
        name,
        allows,
        implies,
        sensitivity,
    }
}

use Scope as S;
use Sensitivity::{High, Low, Medium};

/// Every scope, in the order of [`Scope`].
pub const SCOPES: &[ScopeRow] = &[
    row(
        S::EventsRead,
        "events:read",
        "subscribe to and receive events",
        &[],
        Low,
    ),
    row(S::GraphRead, "graph:read", "query the graph", &[], Low),
    row(
        S::RepoMeta,
        "repo:meta",
        "read names, branches and settings of repositories",
        &[],
        Low,
    ),
    row(S::GoalsRead, "goals:read", "read goals and their logs", &[], Low),
    row(
        S::GoalsWrite,
        "goals:write",
        "create and update its own goals",
        &[S::GoalsRead],
        Medium,
    ),
    row(
        S::GoalsDelete,
        "goals:delete",
        "cancel or delete goals of others",
        &[S::GoalsWrite],
        High,
    ),
    row(
        S::MessagesRead,
        "messages:read",
        "read what machines say to channels, and the actions of that",
        &[],
        Medium,
    ),
    row(
        S::MessagesWrite,
        "messages:write",
        "post and update its own messages",
        &[],
        Medium,
    ),
    row(
        S::CommandsRegister,
        "commands:register",
        "offer commands and buttons",
        &[],
        Medium,
    ),
    row(S::IngestWrite, "ingest:write", "send custom events", &[], Medium),
    row(
        S::RepoStatus,
        "repo:status",
        "set commit statuses and checks",
        &[S::RepoMeta],
        Medium,
    ),
    row(
        S::RepoRead,
        "repo:read",
        "get short tokens to read code",
        &[S::RepoMeta],
        Medium,
    ),
    row(
        S::RepoWrite,
        "repo:write",
        "get short tokens to push and to open pull requests",
        &[S::RepoRead, S::RepoStatus],
        High,
    ),
    row(
        S::DeploymentsWrite,
        "deployments:write",
        "record and trigger deployments",
        &[S::GoalsRead],
        High,
    ),
    row(
        S::ActAsUser,
        "act_as_user",
        "act for people who started something",
        &[],
        High,
    ),
    row(
        S::SecretsUserToken,
        "secrets:user_token",
        "ask for a person's brokered token of the forge",
        &[],
        High,
    ),
    row(
        S::AdminRead,
        "admin:read",
        "read settings and the audit log",
        &[],
        High,
    ),
    row(
        S::AdminWrite,
        "admin:write",
        "change settings",
        &[S::AdminRead],
        High,
    ),
];

impl Scope {
    /// What is to be said of it.
    pub fn row(self) -> &'static ScopeRow {
        &SCOPES[self as usize]
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// Reads a scope.
    ///
    /// # Errors
    /// There is no such scope: a typing error must not become a missing right.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        let found = SCOPES.iter().find(|row| row.name == text);
        found
            .map(|row| row.scope)
            .ok_or_else(|| UnknownScope(text.chars().take(100).collect()))
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no scope `{}`", .0.escape_debug())]
pub struct UnknownScope(String);

impl UnknownScope {
    /// What was probably meant.
    pub fn hint(&self) -> String {
        match suggest::nearest(&self.0, SCOPES.iter().map(|row| row.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = SCOPES.iter().map(|row| row.name).collect();
                format!("the scopes are {}", names.join(", "))
            }
        }
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// No scope.
    pub const EMPTY: Self = Self(0);

    /// These scopes.
    pub fn of(scopes: &[Scope]) -> Self {
        scopes.iter().copied().collect()
    }

    /// Every scope.
    pub fn all() -> Self {
        SCOPES.iter().map(|row| row.scope).collect()
    }

    /// Reads scopes separated by spaces or given one by one.
    ///
    /// # Errors
    /// The first text that is no scope.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownScope> {
        words.into_iter().map(Scope::parse).collect()
    }

    /// Whether a scope is in it, as it is written, without what others imply.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with everything its scopes imply, directly or not.
    pub fn closure(self) -> Self {
        let mut closed = self;
        loop {
            let implied = closed.iter().flat_map(|scope| scope.row().implies).copied();
            let wider = closed.with(implied.collect());
            if wider == closed {
                return closed;
            }
            closed = wider;
        }
    }

    /// Both together.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not there.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The scopes, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        SCOPES
            .iter()
            .map(|row| row.scope)
            .filter(move |scope| self.has(*scope))
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::name).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}

/// What a scope of the original extension protocol stands for here; `None` for a word that is no such scope.
///
/// The word is all capitals or all small letters. `ADMIN` never becomes `admin:write`, nor any secret; nor does a word become what is not
/// available yet.
pub fn from_connect(word: &str) -> Option<ScopeSet> {
    let capitals = word.to_ascii_uppercase();
    if word != capitals && word != word.to_ascii_lowercase() {
        return None;
    }
    let read = ScopeSet::of(&[S::EventsRead, S::GraphRead, S::GoalsRead, S::RepoMeta]);
    let write = read.with(ScopeSet::of(&[
        S::GoalsWrite,
        S::MessagesWrite,
        S::IngestWrite,
        S::RepoStatus,
    ]));
    let delete = write.with(ScopeSet::of(&[S::GoalsDelete]));
    let project = delete.with(ScopeSet::of(&[S::CommandsRegister]));
    let meant = match capitals.as_str() {
        "NONE" => Some(ScopeSet::EMPTY),
        "READ" => Some(read),
        "WRITE" => Some(write),
        "DELETE" => Some(delete),
        "PROJECT_ADMIN" | "SPACE_ADMIN" => Some(project),
        "ADMIN" => Some(project.with(ScopeSet::of(&[S::AdminRead]))),
        "ACT_AS_USER" => Some(ScopeSet::of(&[S::ActAsUser])),
        "ACCESS_EMAIL_ADDRESSES" => Some(ScopeSet::EMPTY),
        _ => None,
    };
    meant.map(|scopes| scopes.without(scopes.not_yet()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_scopes() {
        for (index, row) in SCOPES.iter().enumerate() {
            assert_eq!(row.scope as usize, index, "{}", row.name);
            assert_eq!(Scope::parse(row.name), Ok(row.scope));
        }
    }

    #[test]
    fn scopes_imply_within_their_family_and_not_beyond() {
        let closed = |text: &str| ScopeSet::parse(text.split(' ')).unwrap().closure().to_string();
        assert_eq!(closed("goals:delete"), "goals:read goals:write goals:delete");
        assert_eq!(closed("repo:write"), "repo:meta repo:status repo:read repo:write");
        assert_eq!(closed("admin:write"), "admin:read admin:write");
        assert_eq!(closed("act_as_user"), "act_as_user");
    }

    #[test]
    fn an_unknown_scope_is_an_error_that_says_what_was_meant() {
        let error = ScopeSet::parse(["goals:wirte"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no scope `goals:wirte`");
        assert_eq!(error.hint(), "did you mean `goals:write`?");
        assert!(
            UnknownScope("everything".to_owned())
                .hint()
                .contains("events:read, graph:read")
        );
        assert!(Scope::parse("Goals:Read").is_err());
    }

    #[test]
    fn scopes_of_the_original_protocol_never_give_secrets_or_settings() {
        let names = |word: &str| from_connect(word).map(|scopes| scopes.to_string());
        assert_eq!(
            names("READ"),
            Some("events:read graph:read repo:meta goals:read".to_owned())
        );
        assert_eq!(names("act_as_user"), Some("act_as_user".to_owned()));
        assert_eq!((names("Read"), names("ROOT")), (None, None));
        let admin = from_connect("ADMIN").unwrap().closure();
        assert!(admin.has(Scope::AdminRead) && admin.has(Scope::GoalsDelete));
        assert!(
            !admin.has(Scope::RepoStatus),
            "nothing asks for it yet, and so nobody is asked"
        );
        assert!(
            !admin.has(Scope::AdminWrite)
                && !admin.has(Scope::SecretsUserToken)
                && !admin.has(Scope::RepoRead)
        );
    }
}
