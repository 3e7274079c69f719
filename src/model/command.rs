//! Commands: what people may ask the machine for, by their intent (semantics 5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::definition::{TestExpression, Work};
use super::diagnostic::Place;
use super::parameter::ParameterDefinition;

/// A command of the goal files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandDefinition {
    /// Unique within the machine.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// One line for people; empty when none is written.
    pub description: String,
    /// What people say to run it.
    pub intents: Vec<Intent>,
    /// Free labels.
    pub tags: Vec<String>,
    /// What it needs to know.
    pub parameters: Vec<ParameterDefinition>,
    /// What it does.
    pub work: CommandWork,
    /// On which repositories; `None` for a command without one.
    pub targets: Option<Targets>,
    /// Whether it only shows what it would change unless told otherwise.
    #[serde(default)]
    pub dry_run: bool,
}

/// What people say to run a command (semantics 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Exact words, one space between them; parameters may follow.
    Words(String),
    /// A linear-time regular expression over everything that is said; its groups are `${matches.…}`.
    Pattern(String),
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandWork {
    /// Runs a program without a repository.
    Run(RunDefinition),
    /// Is a goal on the head of each target repository.
    Goal(Work),
}

/// A program that an errand runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDefinition {
    /// Program and arguments; placeholders allowed.
    pub argv: Vec<String>,
    /// Further variables; placeholders allowed.
    pub environment: BTreeMap<String, String>,
    /// Longest run time in milliseconds.
    pub timeout: u64,
    /// Between the request to end and the kill, in milliseconds.
    pub grace: u64,
}

/// Which repositories a command is for (semantics 5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// A regular expression on `owner/name`; any repository without one.
    pub repos: Option<String>,
    /// What the head of the target branch must be like; where it does not hold nothing is done.
    pub test: TestExpression,
    /// How many repositories at once.
    pub concurrent: u32,
}

impl CommandDefinition {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&ParameterDefinition> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Its first intent of words, as people type it.
    pub fn words(&self) -> Option<&str> {
        self.intents.iter().find_map(|intent| match intent {
            Intent::Words(words) => Some(words.as_str()),
            Intent::Pattern(_) => None,
        })
    }
}

/// A branch name from free text (CM-05).
pub fn normalised_branch(text: &str) -> String {
    let mut name = text.replace('\\', "/");
    name = name.chars().filter(|c| !c.is_control()).collect();
    name = name.replace("@{", "_").replace("..", "_");
    name = name.chars().map(in_branch).collect();
    if name == "@" {
        return "at".to_owned();
    }
    while name.contains("//") {
        name = name.replace("//", "/");
    }
    let mut trimmed = name.trim_start_matches(['.', '/']);
    loop {
        let shorter = trimmed.trim_end_matches(['.', '/']);
        let shorter = shorter.strip_suffix(".lock").unwrap_or(shorter);
        if shorter == trimmed {
            return trimmed.to_owned();
        }
        trimmed = shorter;
    }
}

fn in_branch(c: char) -> char {
    match c {
        ' ' | '~' | '^' | ':' | '?' | '*' | '[' => '_',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cm_05_branch_names_are_normalised() {
        for (text, name) in [
            ("some thing", "some_thing"),
            (".hidden", "hidden"),
            ("/rooted", "rooted"),
            ("end.", "end"),
            ("end/", "end"),
            ("file.lock", "file"),
            ("file.lock.lock/", "file"),
            ("a..b", "a_b"),
            ("a~^:?*[b", "a______b"),
            ("a@{b", "a_b"),
            ("a//b///c", "a/b/c"),
            ("a\\b", "a/b"),
            ("a\u{7}b\u{1b}", "ab"),
            ("@", "at"),
        ] {
            assert_eq!(normalised_branch(text), name, "{text:?}");
        }
    }
}
