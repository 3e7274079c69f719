//! Who confirmed a goal, and whose confirmation counts.

use serde::{Deserialize, Serialize};

use super::authors::Authors;
use super::confirmation::Subject;
use super::summary::one_line;
use super::time::Timestamp;

/// Longest reason that stands in the text of a goal, in characters; all of it is kept with who gave it.
pub const LONGEST_REASON: usize = 300;

/// A person who acts on goals. In local mode this is the owner of the socket's peer process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Login, unique where the machine runs.
    pub login: String,
    /// Teams the machine's configuration puts them in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Addresses proven to be theirs; compared with the push's authors for `not_author`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// Other logins that are theirs: who comes with one of them is this person, once (threat D1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Logins and addresses that somebody else vouches for, such as a hub: they count against the person, and give them nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_as: Vec<String>,
}

/// The host under which forges give people addresses that name their logins.
const NO_REPLY: &str = "@users.noreply.";

impl Person {
    /// Whether a login is theirs.
    fn is_called(&self, login: &str) -> bool {
        let mut logins = std::iter::once(&self.login)
            .chain(&self.aliases)
            .chain(&self.known_as);
        logins.any(|own| own.eq_ignore_ascii_case(login))
    }

    /// Whether this is the same person as another, by any login or address of either: in doubt they are.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let has_address = |one: &Self, other: &Self| {
            let mut known = other.emails.iter().chain(&other.known_as);
            known.any(|name| one.is_called(name) || is_among(&one.emails, name))
        };
        self.is_called(&other.login)
            || other.is_called(&self.login)
            || has_address(self, other)
            || has_address(other, self)
    }

    /// Whether an author, given as a login or an address, is this person.
    pub(super) fn is_author(&self, author: &str) -> bool {
        let by_address = || logins_of_address(author).any(|login| self.is_called(login));
        self.is_called(author) || is_among(&self.emails, author) || by_address()
    }
}

fn is_among(addresses: &[String], address: &str) -> bool {
    addresses.iter().any(|own| own.eq_ignore_ascii_case(address))
}

/// What may be the login in an address that a forge made up for somebody: `login@users.noreply.…`, `number+login@…` or
/// `number-login@…`.
fn logins_of_address(address: &str) -> impl Iterator<Item = &str> {
    let name = address.split_once(NO_REPLY).map(|(name, _)| name);
    let numbered = name.and_then(|name| name.split_once(['+', '-']));
    let numbered = numbered.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    name.into_iter().chain(numbered.map(|(_, login)| login))
}

/// One confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// The goal version they looked at (semantics 3.7: bound to the version and so to the sha).
    pub version: u32,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What exactly they confirmed; earlier versions of this program did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
}

impl Approval {
    /// Who, and what they said, on one line: `@ada: looks good`.
    pub fn words(&self) -> String {
        let said = one_line(self.reason.as_deref().unwrap_or_default(), LONGEST_REASON);
        match said.as_str() {
            "" => format!("@{}", self.by.login),
            said => format!("@{}: {said}", self.by.login),
        }
    }
}

/// Whose confirmation a goal needs (semantics 3.7 DECISION).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// `login` or `team:name`; empty means anybody.
    #[serde(default)]
    pub by: Vec<String>,
    /// How many different people.
    pub count: u32,
    /// Whether authors of the push's commits are excluded.
    #[serde(default)]
    pub not_author: bool,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            count: 1,
            not_author: false,
        }
    }
}

impl ApprovalPolicy {
    /// Whether this person's confirmation counts, or the reason it does not.
    ///
    /// # Errors
    /// The sentence to show them.
    pub fn admits(&self, person: &Person, authors: &Authors) -> Result<(), String> {
        let named = |entry: &String| match entry.strip_prefix("team:") {
            Some(team) => person.teams.iter().any(|own| own == team),
            None => *entry == person.login || person.aliases.contains(entry),
        };
        if !self.by.is_empty() && !self.by.iter().any(named) {
            return Err(format!(
                "{} is not among those who may confirm: {}",
                person.login,
                self.by.join(", ")
            ));
        }
        match authors.include(person).filter(|_| self.not_author) {
            Some(because) => Err(because),
            None => Ok(()),
        }
    }

    /// How many further people must confirm, given the confirmations so far.
    pub fn missing(&self, approvals: &[Approval]) -> u32 {
        let is_first = |(number, approval): (usize, &Approval)| {
            let mut earlier = approvals[..number].iter();
            !earlier.any(|earlier| earlier.by.is_same(&approval.by))
        };
        let different = approvals.iter().enumerate().filter(|one| is_first(*one)).count();
        self.count
            .saturating_sub(u32::try_from(different).unwrap_or(u32::MAX))
    }
}
