//! A goal that came to a result, as rules that wait for goals are asked about it (semantics 2.8).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::goal::StateName;
use super::ids::{GoalKey, GoalSetId, InvalidName, UniqueName};

/// Canonical name of the test that asks about such a goal.
pub const GOAL_TEST: &str = "is_goal";

/// What is wrong with it outside of rules.
pub const NO_GOAL: &str =
    "nothing here waits for a goal: only rules are asked again when one comes to a result";
/// What to do about that.
pub const NO_GOAL_HINT: &str = "remove it, or write a rule with it";

/// How many goal sets may trigger each other in a row.
pub const LONGEST_CHAIN: u32 = 16;

/// What rules know of the goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalTrigger {
    /// Its goal set.
    pub goal_set: GoalSetId,
    /// Its key in there.
    pub goal: GoalKey,
    /// The version that told of the state.
    pub version: u32,
    /// Name of the machine that planned it.
    pub registration: String,
    /// Whether that is this machine.
    pub is_own: bool,
    /// Name shown to people.
    pub name: String,
    /// The state it came to.
    pub state: StateName,
    /// Its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Classifiers of the files it left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// How many goals triggered each other up to its own set; 0 for the set of a push.
    #[serde(default)]
    pub chain: u32,
    /// How many listeners and commands led to its set.
    #[serde(default)]
    pub depth: u32,
}

impl GoalTrigger {
    /// A goal of this machine that somebody makes up, to ask which rules wait for it.
    ///
    /// # Errors
    /// The name is none of a goal.
    pub fn made_up(name: &str, state: StateName, registration: &str) -> Result<Self, InvalidName> {
        Ok(Self {
            goal_set: GoalSetId(Uuid::nil()),
            goal: GoalKey::new(UniqueName::parse(name)?, ""),
            version: 1,
            registration: registration.to_owned(),
            is_own: true,
            name: name.to_owned(),
            state,
            data: None,
            outputs: Vec::new(),
            chain: 0,
            depth: 0,
        })
    }

    /// Whether somebody who says `name` means it: a goal of this machine, or `machine/name` for one of another.
    pub fn is_called(&self, name: &str) -> bool {
        let of_registration = || {
            let (registration, name) = name.split_once('/')?;
            Some(self.registration == registration && self.has_name(name))
        };
        self.is_own && self.has_name(name) || of_registration().unwrap_or(false)
    }

    /// By its display name or its key; an instance of a goal is called as the goal is.
    fn has_name(&self, name: &str) -> bool {
        let stem = |unique: &UniqueName| unique.as_str().split('#').next().map(str::to_owned);
        self.name == name
            || UniqueName::parse(name).is_ok_and(|unique| {
                unique == self.goal.unique_name
                    || Some(unique.as_str()) == stem(&self.goal.unique_name).as_deref()
            })
    }

    /// The names that patterns search: with the machine that planned it.
    pub fn full_names(&self) -> [String; 2] {
        [self.name.as_str(), self.goal.unique_name.as_str()]
            .map(|name| format!("{}/{name}", self.registration))
    }
}

/// Whether goals are told of when they come to this state: they have ended or wait for a person, and were not skipped
/// (semantics 3.8 DECISION).
pub fn is_completion(state: StateName) -> bool {
    COMPLETIONS.contains(&state.as_str())
}

/// Those states, in the words of goal files.
pub const COMPLETIONS: &[&str] = &[
    StateName::Success.as_str(),
    StateName::Failure.as_str(),
    StateName::Stopped.as_str(),
    StateName::Canceled.as_str(),
    StateName::WaitingForPreApproval.as_str(),
    StateName::WaitingForApproval.as_str(),
];
