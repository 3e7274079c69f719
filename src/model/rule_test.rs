//! A goal author's own test of the rules: a push in a few words, and what must be planned for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::diagnostic::Place;
use super::goal::StateName;
use super::ids::{BranchName, RepoSlug};
use super::plan::RuleOutcome;
use super::push::{Signature, Trust};
use super::set_tag::SetTag;
use super::trigger::GoalTrigger;

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    /// What it shows, as a sentence.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The push.
    pub push: PushDescription,
    /// The goal of that push because of which rules are asked; without it, they are asked because of the push.
    pub goal: Option<GoalTrigger>,
    /// What must be so; never empty.
    pub expectations: Vec<Expectation>,
}

/// A push that was never made, and the tree that it would bring.
#[derive(Debug, Clone, PartialEq)]
pub struct PushDescription {
    /// Repository.
    pub repo: RepoSlug,
    /// Branch that moved.
    pub branch: BranchName,
    /// The repository's default branch.
    pub default_branch: BranchName,
    /// Files of the tree, changed ones included, with their content.
    pub files: BTreeMap<String, String>,
    /// Changed paths, deleted ones included; `None` when they cannot be known.
    pub changed: Option<Vec<String>>,
    /// Messages of its commits, newest first; never empty.
    pub messages: Vec<String>,
    /// Author of all commits.
    pub author: Signature,
    /// Trust in the author.
    pub trust: Trust,
    /// Whether the branch is new.
    pub is_first: bool,
    /// Whether the old head is not part of the new history.
    pub forced: bool,
    /// Whether the machine runs without a hub.
    pub local_mode: bool,
    /// Whether anybody may read the repository.
    pub is_public: bool,
    /// Whether the branch has an open pull request.
    pub has_pull_request: bool,
    /// Preferences of the machine.
    pub preferences: Map<String, Value>,
}

/// Something that must be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Where it is written.
    pub place: Place,
    /// What.
    pub expected: Expected,
}

/// What must be so.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// These goals are set and no others.
    Goals(Vec<Mention>),
    /// This goal is set.
    Included(Mention),
    /// This goal is not set.
    Absent(Mention),
    /// Each of these goals comes after the one before it, directly or not.
    Order(Vec<Mention>),
    /// Whether a rule that locks has matched.
    Locked(bool),
    /// Name of the goal set.
    GoalSet(String),
    /// The goal set has these tags and no others; none where no goal is set.
    Tags(Vec<SetTag>),
    /// What becomes of a rule.
    Rule(Mention, RuleOutcome),
    /// The state in which a goal is planned.
    State(Mention, StateName),
    /// Planning fails, and this is part of the reason.
    Error(String),
}

/// The name of a goal or rule where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The name.
    pub name: String,
    /// Where.
    pub place: Place,
    /// Characters it covers there.
    pub length: u32,
}

impl Expected {
    /// The goals it names.
    pub fn goals(&self) -> &[Mention] {
        match self {
            Self::Goals(all) | Self::Order(all) => all,
            Self::Included(one) | Self::Absent(one) | Self::State(one, _) => std::slice::from_ref(one),
            Self::Locked(_) | Self::GoalSet(_) | Self::Tags(_) | Self::Rule(..) | Self::Error(_) => &[],
        }
    }

    /// The rule it names.
    pub fn rule(&self) -> Option<&Mention> {
        match self {
            Self::Rule(rule, _) => Some(rule),
            Self::Goals(_)
            | Self::Included(_)
            | Self::Absent(_)
            | Self::Order(_)
            | Self::Locked(_)
            | Self::GoalSet(_)
            | Self::Tags(_)
            | Self::State(..)
            | Self::Error(_) => None,
        }
    }
}
