//! Identifiers as types, checked once when they enter.
//!
//! Text from git is hostile (threats A): a branch can never pass for a commit, and nothing that begins with a
//! dash or holds a control character becomes a name here.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is not {wanted}: {because}", text.escape_debug())]
pub struct InvalidName {
    /// The kind wanted, with its article.
    pub wanted: &'static str,
    /// What was given.
    pub text: String,
    /// The rule it breaks.
    pub because: &'static str,
}

fn invalid(wanted: &'static str, text: &str, because: &'static str) -> InvalidName {
    InvalidName {
        wanted,
        text: text.chars().take(200).collect(),
        because,
    }
}

/// A full commit id: 40 (SHA-1) lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

impl CommitSha {
    /// Accepts exactly 40 hexadecimal digits; upper case is folded.
    ///
    /// # Errors
    /// Any other length or character.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() != 40 {
            return Err(invalid("a commit id", text, "it must have 40 hexadecimal digits"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid(
                "a commit id",
                text,
                "it has characters that are not hexadecimal digits",
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// All 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

/// A branch by its short name, `refs/heads/` removed once at the border.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

impl BranchName {
    /// Branches on which commits of fixes wait for the developer in whose repository they are.
    pub const AUTOFIX: &str = "sdm/autofix/";

    /// Whether it belongs to a machine, ours or the original, and is never delivered (semantics 8.2).
    pub fn is_internal(&self) -> bool {
        self.0.starts_with(Self::AUTOFIX) || self.0.starts_with("atomist-internal/")
    }

    /// Checks a short branch name: git's own rules, no leading dash, and never the look of a commit id (threat A6).
    ///
    /// # Errors
    /// A name git would refuse, or one that could be taken for an option or a commit.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let refused = |because| Err(invalid("a branch name", text, because));
        if text.is_empty() || text.len() > 1024 {
            return refused("it must have 1 to 1024 bytes");
        }
        if text.starts_with('-') {
            return refused("it begins with a dash and could be taken for an option");
        }
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return refused("it looks like a commit id");
        }
        if text.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c)) {
            return refused("it has a character that git does not allow in branch names");
        }
        if text.contains("..") || text.contains("@{") || text.contains("//") || text == "@" {
            return refused("it has a sequence that git does not allow in branch names");
        }
        let bad_component = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
        if text.ends_with('.') || text.split('/').any(bad_component) {
            return refused("it has a component that git does not allow in branch names");
        }
        Ok(Self(text.to_owned()))
    }

    /// From a full ref name; `None` when the ref is not a branch.
    pub fn from_ref(full: &str) -> Option<Result<Self, InvalidName>> {
        full.strip_prefix("refs/heads/").map(Self::parse)
    }

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full ref name.
    pub fn full_ref(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

/// A tag by its short name, `refs/tags/` removed once at the border.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagName(String);

impl TagName {
    /// Checks a short tag name by the rules of branch names.
    ///
    /// # Errors
    /// A name git would refuse, or one that could be taken for an option or a commit.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match BranchName::parse(text) {
            Ok(BranchName(name)) => Ok(Self(name)),
            Err(error) => Err(InvalidName {
                wanted: "a tag name",
                ..error
            }),
        }
    }

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full ref name.
    pub fn full_ref(&self) -> String {
        format!("refs/tags/{}", self.0)
    }
}

/// `owner/name` of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepoSlug {
    /// The organisation or, locally, the directory above the repository.
    pub owner: String,
    /// The repository's own name.
    pub name: String,
}

impl RepoSlug {
    /// Both parts as given; they are display and matching values, never paths.
    pub fn new(owner: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            name: name.into(),
        }
    }

    /// Reads `owner/name`.
    ///
    /// # Errors
    /// Anything that has not exactly two non-empty parts.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match text.split_once('/') {
            Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self::new(owner, name))
            }
            _ => Err(invalid("a repository", text, "it must read owner/name")),
        }
    }
}

impl fmt::Display for RepoSlug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

/// Key of a goal definition within one machine: letters, digits and dashes (semantics 1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UniqueName(String);

impl UniqueName {
    /// Spaces and underscores become dashes; what is left must start and end alphanumeric. A `#…` suffix is kept as it is.
    ///
    /// # Errors
    /// A name with any other character before the `#`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let slug = text.trim().replace([' ', '_'], "-");
        let stem = slug.split('#').next().unwrap_or_default();
        let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let legal = stem.len() <= 100
            && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && alphanumeric(stem.chars().next())
            && alphanumeric(stem.chars().last());
        if legal {
            Ok(Self(slug))
        } else {
            Err(invalid(
                "a goal name",
                text,
                "it must be letters, digits, spaces, `_` and `-` (at most 100), with a letter or digit at both ends",
            ))
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Key of a goal within its set: printed `<unique name> in <environment>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GoalKey {
    /// The definition's key.
    pub unique_name: UniqueName,
    /// A free label, stored without trailing slash.
    pub environment: String,
}

/// The environment of goals that name none.
pub const DEFAULT_ENVIRONMENT: &str = "0-code";

impl GoalKey {
    /// Normalises the environment: trailing slashes are dropped, empty means [`DEFAULT_ENVIRONMENT`].
    pub fn new(unique_name: UniqueName, environment: &str) -> Self {
        let trimmed = environment.trim_end_matches('/');
        let environment = if trimmed.is_empty() {
            DEFAULT_ENVIRONMENT
        } else {
            trimmed
        };
        Self {
            unique_name,
            environment: environment.to_owned(),
        }
    }
}

impl fmt::Display for GoalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}", self.unique_name, self.environment)
    }
}

/// Identity of a goal set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoalSetId(pub Uuid);

impl GoalSetId {
    /// The first seven characters, for people.
    pub fn short(self) -> String {
        self.0.to_string()[..7].to_owned()
    }

    /// Reads the full form.
    ///
    /// # Errors
    /// Anything that is not a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| invalid("a goal set id", text, "it must be a UUID"))
    }
}

/// Identity of a recorded push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PushId(pub Uuid);

impl TryFrom<String> for CommitSha {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for BranchName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for TagName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for UniqueName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<CommitSha> for String {
    fn from(sha: CommitSha) -> Self {
        sha.0
    }
}

impl From<BranchName> for String {
    fn from(branch: BranchName) -> Self {
        branch.0
    }
}

impl From<TagName> for String {
    fn from(name: TagName) -> Self {
        name.0
    }
}

impl From<UniqueName> for String {
    fn from(name: UniqueName) -> Self {
        name.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for GoalSetId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for PushId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_01_a_commit_id_has_forty_hexadecimal_digits() {
        assert!(CommitSha::parse(&"a1".repeat(20)).is_ok());
        assert_eq!(
            CommitSha::parse(&"AB".repeat(20)).unwrap().as_str(),
            "ab".repeat(20)
        );
        for bad in ["a1".repeat(19), "a1".repeat(21), "g1".repeat(20), String::new()] {
            assert!(CommitSha::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a6_a_branch_never_stands_for_a_commit() {
        assert!(BranchName::parse(&"ab".repeat(20)).is_err());
        assert_eq!(
            BranchName::from_ref("refs/heads/refs/heads/main")
                .unwrap()
                .unwrap()
                .as_str(),
            "refs/heads/main"
        );
        assert!(BranchName::from_ref("refs/tags/main").is_none());
    }

    #[test]
    fn a1_a2_shell_text_is_a_literal_name_and_options_are_refused() {
        assert_eq!(
            BranchName::parse("$(touch${IFS}CANARY)").unwrap().as_str(),
            "$(touch${IFS}CANARY)"
        );
        assert!(BranchName::parse("--upload-pack=touch").is_err());
        assert!(BranchName::parse("a\nb").is_err());
    }

    #[test]
    fn ru_32_unique_names_fold_spaces_and_underscores() {
        assert_eq!(UniqueName::parse("test_123").unwrap().as_str(), "test-123");
        assert_eq!(UniqueName::parse("test 123").unwrap().as_str(), "test-123");
        assert!(UniqueName::parse("test.123").is_err());
        assert_eq!(UniqueName::parse("goal#sdm:0").unwrap().as_str(), "goal#sdm:0");
    }

    #[test]
    fn environments_are_compared_without_their_slash() {
        let name = UniqueName::parse("build").unwrap();
        assert_eq!(
            GoalKey::new(name.clone(), "2-prod/"),
            GoalKey::new(name.clone(), "2-prod")
        );
        assert_eq!(GoalKey::new(name, "").environment, DEFAULT_ENVIRONMENT);
    }
}
