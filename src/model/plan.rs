//! The plan of a push and the reasons for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::confirmation::VoidConfirmation;
use super::definition::GoalDefinition;
use super::diagnostic::Place;
use super::goal::StateName;
use super::ids::GoalKey;
use super::set_tag::SetTag;

/// A goal as planned: stored with its set, never changed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedGoal {
    /// Snapshot of its definition (semantics 7.8).
    pub definition: GoalDefinition,
    /// Goals of this set that must succeed first (semantics 2.9, already filtered).
    pub preconditions: Vec<GoalKey>,
    /// Names of the rules that set it.
    pub rules: Vec<String>,
    /// The facts attached when it was set, for `${facts.…}` (semantics 2.7).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// An earlier confirmation on this branch that does not count for it (threat D2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<VoidConfirmation>,
}

impl PlannedGoal {
    /// Key within the set.
    pub fn key(&self) -> GoalKey {
        self.definition.key()
    }

    /// The state it starts in (semantics 2.9, step 3).
    pub fn initial_state(&self) -> StateName {
        if !self.preconditions.is_empty() {
            StateName::Planned
        } else if self.definition.pre_approval.is_some() {
            StateName::WaitingForPreApproval
        } else {
            StateName::Requested
        }
    }
}

/// What the rules say about one push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Labels of the contributing rules joined with `, `; `None` when no goal is set.
    pub name: Option<String>,
    /// Goals in planned order; no two with the same key.
    pub goals: Vec<PlannedGoal>,
    /// Tags of the rules that contribute, each once, in the order of the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<SetTag>,
    /// Why.
    pub trace: Trace,
}

/// Every rule and every test, with what became of them (semantics 2.11 DECISION).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// In the order of the rules.
    pub rules: Vec<RuleTrace>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleTrace {
    /// Rule name.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// The sentence that decided, for people: the deciding test and why, or the rule that locked.
    pub because: String,
    /// Display names of the goals it sets or would have set.
    pub goals: Vec<String>,
    /// Its tests, depth first, as written.
    pub tests: Vec<TestTrace>,
    /// Nesting in `first_of`, from 0; the rule that holds it stands before it, one less deep.
    #[serde(default)]
    pub depth: u32,
    /// The facts it attached.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Its goals that were replaced by instances computed for this push.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstancesTrace>,
}

/// What a dynamic goal became (semantics 2.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstancesTrace {
    /// Display name of the goal.
    pub goal: String,
    /// Display names of its instances; none at all means that it was left out.
    pub instances: Vec<String>,
}

/// Outcomes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// Its goals are set.
    Matched,
    /// Its test did not hold.
    NotMatched,
    /// An earlier rule locked the set.
    LockedOut,
    /// An earlier rule of the same `first_of` applies, or the rule that holds it does not.
    NotReached,
    /// Only in predictions: the push will decide.
    Possible,
    /// A test could not be answered.
    Error,
}

/// What became of one test or combinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestTrace {
    /// As one would write it on one line: `has_file: Cargo.toml`, `not`, `and`.
    pub test: String,
    /// Where.
    pub place: Place,
    /// Nesting below the rule, from 0.
    pub depth: u32,
    /// What became of it.
    pub outcome: TestOutcome,
    /// The fact that decided: `Cargo.toml is a file at a1b2c3d`, `not needed: an earlier test decided`.
    pub because: String,
}

/// Outcomes of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Was not needed.
    NotEvaluated,
    /// Only in predictions: the push will decide.
    Unknown,
    /// Could not be answered.
    Error,
}

/// Canonical JSON arguments of a piece of work or a test.
pub type Arguments = Value;
