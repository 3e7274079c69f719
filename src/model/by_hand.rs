//! Who set the state of a goal by hand, and why (semantics 3.5 row 28).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::approval::LONGEST_REASON;
use super::goal_event::Actor;
use super::summary::one_line;

/// That somebody set the state of a goal. Displayed as people read it: ``set by @ada: the runner is gone``.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Who.
    pub login: String,
    /// Why.
    pub reason: String,
}

impl ByHand {
    /// What an actor has done by hand; `None` for whoever follows the table.
    pub fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::Administrator { person, reason } => Some(Self {
                login: person.login.clone(),
                reason: reason.clone(),
            }),
            Actor::Planner
            | Actor::Coordinator
            | Actor::Executor
            | Actor::Votes
            | Actor::Watchdog
            | Actor::Queue
            | Actor::NewerPush
            | Actor::Person { .. } => None,
        }
    }
}

impl fmt::Display for ByHand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = one_line(&self.reason, LONGEST_REASON);
        write!(formatter, "set by @{}: {reason}", self.login)
    }
}
