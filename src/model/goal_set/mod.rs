//! A goal set: the goals of one push, as a fold of their events.
//!
//! There are two ways in. [`GoalSet::act`] decides what an action means for the whole set and gives the events to
//! store. [`GoalSet::apply`] is the fold, and the only place where a goal's state changes; it accepts exactly the
//! transitions of semantics 3.5. `act` builds its result with `apply`, so nothing can be decided that would not fold.

mod act;
mod by_hand;
mod confirming;
mod execution;
mod people;
mod queueing;
mod refusal;
mod settle;
#[cfg(test)]
mod tests;
mod transition;

use thiserror::Error;

use super::goal::{Goal, GoalState, StateName};
use super::goal_event::{Actor, GoalChange, GoalEvent, UsedImages};
use super::ids::{GoalKey, GoalSetId};
use super::plan::PlannedGoal;
use super::time::Timestamp;

pub use act::{Action, CancelScope};
pub use refusal::Refusal;
pub use transition::legal_states;

/// The goals of one push.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalSet {
    /// Identity.
    pub id: GoalSetId,
    /// Labels of the rules that set it.
    pub name: String,
    /// How many events it is the fold of; what compare-and-set compares.
    pub events: u64,
    goals: Vec<Goal>,
}

/// An event that cannot follow what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidTransition {
    /// No such goal in the set.
    #[error("the goal set has no goal {0}")]
    UnknownGoal(GoalKey),
    /// A gap or a repetition.
    #[error("{goal} is at version {current} and the event has version {event}")]
    Version {
        /// The goal.
        goal: GoalKey,
        /// Version it has.
        current: u32,
        /// Version the event brings.
        event: u32,
    },
    /// Not in the table.
    #[error("{goal} cannot go from {from} by `{change}`")]
    Illegal {
        /// The goal.
        goal: GoalKey,
        /// State it is in.
        from: StateName,
        /// The change asked for.
        change: String,
    },
    /// The fold ended with goals that were never planned.
    #[error("the goal {0} has no first event")]
    Unborn(GoalKey),
}

impl GoalSet {
    /// Plans a set: the version-1 events of all goals (semantics 2.9 step 3), and the set they make.
    pub fn plan(
        id: GoalSetId,
        name: &str,
        planned: Vec<PlannedGoal>,
        at: Timestamp,
    ) -> (Self, Vec<GoalEvent>) {
        let events: Vec<GoalEvent> = planned.iter().map(|goal| first_event(goal, at)).collect();
        let mut set = Self::unborn(id, name, planned);
        for event in &events {
            set.apply(event)
                .expect("a first event is legal for a goal that has none");
        }
        (set, events)
    }

    /// Rebuilds a set from its stored events.
    ///
    /// # Errors
    /// Events that do not fold.
    pub fn fold<'a>(
        id: GoalSetId,
        name: &str,
        planned: Vec<PlannedGoal>,
        events: impl IntoIterator<Item = &'a GoalEvent>,
    ) -> Result<Self, InvalidTransition> {
        let mut set = Self::unborn(id, name, planned);
        for event in events {
            set.apply(event)?;
        }
        match set.goals.iter().find(|goal| goal.version == 0) {
            Some(unborn) => Err(InvalidTransition::Unborn(unborn.key())),
            None => Ok(set),
        }
    }

    /// A set none of whose goals has its first event yet; only a fold begins with it.
    pub(crate) fn unborn(id: GoalSetId, name: &str, planned: Vec<PlannedGoal>) -> Self {
        let goals = planned.into_iter().map(unborn_goal).collect();
        Self {
            id,
            name: name.to_owned(),
            events: 0,
            goals,
        }
    }

    /// Applies one event: the only place where a goal changes.
    ///
    /// # Errors
    /// An unknown goal, a version that does not follow, a transition that is not in the table; the set is unchanged then.
    pub fn apply(&mut self, event: &GoalEvent) -> Result<(), InvalidTransition> {
        let unknown = || InvalidTransition::UnknownGoal(event.goal.clone());
        let goal = self
            .goals
            .iter_mut()
            .find(|goal| goal.key() == event.goal)
            .ok_or_else(unknown)?;
        if event.version != goal.version + 1 {
            let (current, event_version) = (goal.version, event.version);
            return Err(InvalidTransition::Version {
                goal: event.goal.clone(),
                current,
                event: event_version,
            });
        }
        let next = transition::next_state(goal, event)?;
        goal.take_over(event, next);
        self.events += 1;
        Ok(())
    }

    /// Signs the last version of goals: `sign` is asked once for each goal that events touched, and the last event of each
    /// goal carries the answer, as the goal does.
    ///
    /// # Errors
    /// Those of `sign`; nothing is signed then.
    pub fn sign<E>(
        &mut self,
        events: &mut [GoalEvent],
        sign: impl Fn(&Goal) -> Result<String, E>,
    ) -> Result<(), E> {
        let mut signatures = Vec::new();
        for (at, goal) in self.goals.iter().enumerate() {
            let key = goal.key();
            if let Some(last) = events.iter().rposition(|event| event.goal == key) {
                signatures.push((at, last, sign(goal)?));
            }
        }
        for (at, last, signature) in signatures {
            events[last].signature = Some(signature.clone());
            self.goals[at].signature = Some(signature);
        }
        Ok(())
    }

    /// Takes the signatures of goals over from the same set.
    pub fn take_signatures(&mut self, events: &mut [GoalEvent], signed: &Self) {
        for (goal, signed) in self.goals.iter_mut().zip(&signed.goals) {
            let key = signed.key();
            goal.signature.clone_from(&signed.signature);
            if let Some(event) = events.iter_mut().rev().find(|event| event.goal == key) {
                event.signature.clone_from(&signed.signature);
            }
        }
    }

    /// The goals in planned order.
    pub fn goals(&self) -> &[Goal] {
        &self.goals
    }

    /// One goal.
    pub fn goal(&self, key: &GoalKey) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.key() == *key)
    }

    /// The goal a person means by a display name, unique name or `name in environment`; `None` when none or several fit.
    pub fn goal_named(&self, name: &str) -> Option<&Goal> {
        let fits = |goal: &&Goal| {
            let definition = goal.definition();
            definition.name == name
                || definition.unique_name.as_str() == name
                || goal.key().to_string() == name
        };
        let mut fitting = self.goals.iter().filter(fits);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether any goal has not ended; what scheduling decides by (semantics 3.10 DECISION).
    pub fn is_active(&self) -> bool {
        self.goals.iter().any(|goal| !goal.state.is_terminal())
    }

    /// The state to show: the first of the order of 3.10 that any goal is in.
    pub fn state(&self) -> StateName {
        set_state(self.goals.iter().map(|goal| goal.state.name()))
    }
}

/// The state of a set of goals (semantics 3.10); the empty set is a success.
pub fn set_state(states: impl IntoIterator<Item = StateName>) -> StateName {
    const ORDER: [StateName; 12] = [
        StateName::Failure,
        StateName::Canceled,
        StateName::Stopped,
        StateName::InProcess,
        StateName::WaitingForPreApproval,
        StateName::WaitingForApproval,
        StateName::PreApproved,
        StateName::Approved,
        StateName::Requested,
        StateName::Planned,
        StateName::Skipped,
        StateName::Success,
    ];
    let rank = |state: &StateName| ORDER.iter().position(|other| other == state);
    states.into_iter().min_by_key(rank).unwrap_or(StateName::Success)
}

fn first_event(goal: &PlannedGoal, at: Timestamp) -> GoalEvent {
    GoalEvent {
        goal: goal.key(),
        version: 1,
        at,
        actor: Actor::Planner,
        change: GoalChange::Planned {
            state: goal.initial_state(),
        },
        description: None,
        phase: None,
        error: None,
        data: None,
        external_urls: None,
        images: UsedImages::new(),
        not_before: None,
        signature: None,
    }
}

fn unborn_goal(planned: PlannedGoal) -> Goal {
    Goal {
        start_confirmed: planned.definition.pre_approval.is_none(),
        planned,
        state: GoalState::Planned,
        version: 0,
        attempt: 0,
        automatic_retries: 0,
        phase: None,
        description: String::new(),
        error: None,
        data: None,
        external_urls: Vec::new(),
        images: UsedImages::new(),
        requested_at: None,
        started_at: None,
        done_at: None,
        ended_at: None,
        changed_at: Timestamp::from_micros(0),
        confirmations: Vec::new(),
        by_hand: None,
        waits_since: 0,
        signature: None,
    }
}
