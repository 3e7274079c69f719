//! Why an action was not done.

use thiserror::Error;

use super::super::goal::StateName;
use super::super::ids::GoalKey;
use super::super::time::Timestamp;

/// Why an action was not done, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No such goal.
    #[error("this goal set has no goal {0}")]
    UnknownGoal(GoalKey),
    /// It waits for nobody.
    #[error("{name} is {state} and does not wait for a confirmation{}", told(.confirmed))]
    NotWaiting {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
        /// Who confirmed it last, when.
        confirmed: Vec<(String, Timestamp)>,
    },
    /// What would run is not known yet.
    #[error("{name} cannot be confirmed yet: {why}")]
    NotSettled {
        /// Display name.
        name: String,
        /// What is missing.
        why: String,
    },
    /// The policy excludes them.
    #[error("{0}")]
    NotAdmitted(String),
    /// Once is enough.
    #[error("{login} has confirmed this already; {missing} more {} must", people(*.missing))]
    AlreadyConfirmed {
        /// Who.
        login: String,
        /// How many further people it waits for.
        missing: u32,
    },
    /// They looked at something older.
    #[error("{name} has changed since: it is at version {current}, you looked at {seen}")]
    Stale {
        /// Display name.
        name: String,
        /// Version now.
        current: u32,
        /// Version seen.
        seen: u32,
    },
    /// Only failed goals run again.
    #[error("{name} is {state}; only a failed goal can be retried")]
    NotFailed {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
    },
    /// The definition forbids it.
    #[error("{0} is not marked `retry: true`, so it cannot be started again")]
    NotRetryable(String),
    /// Nothing to cancel.
    #[error("nothing is left to cancel")]
    NothingToCancel,
    /// Another state than asked for.
    #[error("{name} is {state} and cannot be set to {wanted}; legal: {}", legal.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "))]
    IllegalState {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
        /// Asked for.
        wanted: StateName,
        /// What may be asked for.
        legal: Vec<StateName>,
    },
    /// Overriding needs a reason.
    #[error("setting a state by hand needs a reason")]
    NoReason,
    /// A state set by hand would stand for a confirmation of the start.
    #[error(
        "nobody has confirmed the start of {0}, and its state cannot be set in place of that; confirm it when it waits for it"
    )]
    StartNotConfirmed(String),
    /// A state set by hand would stand for confirmations of others.
    #[error(
        "{name} asks {asked} people to confirm it and {}; with you {missing} more would be missing, and its state cannot be set \
         in place of that",
        have(.given)
    )]
    OthersMustConfirm {
        /// Display name.
        name: String,
        /// How many must confirm.
        asked: u32,
        /// Who has.
        given: Vec<String>,
        /// How many would be missing beside whoever asks.
        missing: u32,
    },
    /// Somebody else has it, or it is not ready.
    #[error("{name} is {state} and cannot be started")]
    NotRequested {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
    },
}

const fn people(count: u32) -> &'static str {
    match count {
        1 => "person",
        _ => "people",
    }
}

fn have(given: &[String]) -> String {
    let given: Vec<String> = given.iter().map(|login| format!("@{login}")).collect();
    match given.as_slice() {
        [] => "nobody has".to_owned(),
        [one] => format!("{one} has"),
        many => format!("{} have", many.join(", ")),
    }
}

fn told(confirmed: &[(String, Timestamp)]) -> String {
    let each: Vec<String> = confirmed
        .iter()
        .map(|(login, at)| format!("@{login} at {}", at.rfc3339()))
        .collect();
    match each.is_empty() {
        true => String::new(),
        false => format!("; it was confirmed by {}", each.join(", ")),
    }
}
