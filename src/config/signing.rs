//! Keys that goals are signed with (semantics 3.14).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::error::ConfigError;
use super::resolve::{Origin, Resolver};

/// Longest name of a key.
const LONGEST_NAME: usize = 100;

/// Which goals must be signed well before one is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningChoice {
    /// All of its set.
    #[default]
    All,
    /// The goal itself.
    Fulfillment,
}

/// The machine's key, and the others it trusts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningEntry {
    /// What signatures call the key.
    pub key_name: String,
    /// Where the key is.
    pub key_file: PathBuf,
    /// Public keys by name, whose signatures count too.
    #[serde(default)]
    pub trusted: BTreeMap<String, PathBuf>,
    /// Which goals are looked at.
    #[serde(default)]
    pub scope: SigningChoice,
}

impl SigningEntry {
    fn shown(&self) -> String {
        let others: String = self
            .trusted
            .keys()
            .map(|name| format!(", trusts {name}"))
            .collect();
        format!("{} in {}{others}", self.key_name, self.key_file.display())
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let is_name = |name: &str| {
            let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(legal)
        };
        let mut names = self.trusted.keys().chain([&self.key_name]);
        let wrong = names.find(|name| !is_name(name));
        let twice = || self.trusted.contains_key(&self.key_name);
        match wrong {
            Some(name) => Some(format!(
                "`{}` is no name of a key: use letters, digits, `-`, `_` and `.`",
                name.escape_debug()
            )),
            None if twice() => Some(format!("two keys are called {}", self.key_name)),
            None => None,
        }
    }
}

impl Resolver<'_> {
    pub(super) fn signing(&mut self) -> Result<Option<SigningEntry>, ConfigError> {
        let signing = self.pick(
            "signing",
            |layer| layer.signing.clone().map(Some),
            || (None, Origin::Default),
            |signing| {
                signing
                    .as_ref()
                    .map_or_else(|| "off".to_owned(), SigningEntry::shown)
            },
        );
        match signing.as_ref().and_then(SigningEntry::problem) {
            Some(problem) => Err(self.origin_error("signing", problem)),
            None => Ok(signing),
        }
    }
}
