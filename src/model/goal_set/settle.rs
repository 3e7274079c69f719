//! What follows for dependents: decided in the same step as the change that causes it, so nothing is ever
//! half-decided and no wake-up can be lost (semantics 3.6, hazard 3).

use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{Draft, Extras};

/// What a planned goal's preconditions mean for it.
enum Consequence {
    Wait,
    Ready,
    Skip {
        because_of: GoalKey,
        description: String,
    },
    Cancel {
        description: String,
    },
}

impl Draft {
    /// Moves planned goals on until nothing follows any more.
    pub(super) fn settle(&mut self) {
        while let Some((key, consequence)) = self.next_consequence() {
            match consequence {
                Consequence::Wait => unreachable!("next_consequence leaves waiting goals out"),
                Consequence::Ready => self.request(&key),
                Consequence::Skip {
                    because_of,
                    description,
                } => {
                    let extras = Extras {
                        description: Some(description),
                        ..Extras::default()
                    };
                    self.emit(
                        &key,
                        Actor::Coordinator,
                        GoalChange::Skipped { because_of },
                        extras,
                    );
                }
                Consequence::Cancel { description } => {
                    let extras = Extras {
                        description: Some(description),
                        ..Extras::default()
                    };
                    self.emit(&key, Actor::Coordinator, GoalChange::Canceled, extras);
                }
            }
        }
    }

    fn request(&mut self, key: &GoalKey) {
        // One whose start is confirmed already was held behind a queue.
        let must_be_started = self.set.goal(key).is_some_and(|goal| !goal.start_confirmed);
        let change = if must_be_started {
            GoalChange::StartRequired
        } else {
            GoalChange::Requested
        };
        self.emit(key, Actor::Coordinator, change, Extras::default());
    }

    fn next_consequence(&self) -> Option<(GoalKey, Consequence)> {
        let planned = self
            .set
            .goals()
            .iter()
            .filter(|goal| goal.state == GoalState::Planned);
        planned
            .map(|goal| (goal.key(), self.consequence(goal)))
            .find(|(_, what)| !matches!(what, Consequence::Wait))
    }

    /// Whether a goal would be requested now.
    pub(super) fn is_due(&self, goal: &Goal) -> bool {
        goal.state == GoalState::Planned && matches!(self.consequence(goal), Consequence::Ready)
    }

    /// What its preconditions mean, and then the queues that its set has to pass again. A precondition that is not in the set
    /// counts as satisfied (semantics 3.6).
    fn consequence(&self, goal: &Goal) -> Consequence {
        let preconditions: Vec<&Goal> = goal
            .planned
            .preconditions
            .iter()
            .filter_map(|key| self.set.goal(key))
            .collect();
        match self.consequence_of(goal, &preconditions) {
            Consequence::Ready => self.consequence_of(goal, &self.set.queues_before(goal)),
            other => other,
        }
    }

    fn consequence_of(&self, goal: &Goal, preconditions: &[&Goal]) -> Consequence {
        let name = &goal.definition().name;
        let state_is = |wanted: StateName| {
            preconditions
                .iter()
                .find(move |other| other.state.name() == wanted)
        };
        if let Some(canceled) = state_is(StateName::Canceled) {
            let description = format!(
                "Canceled {name} because {} was canceled",
                canceled.definition().name
            );
            return Consequence::Cancel { description };
        }
        if let Some(failed) = state_is(StateName::Failure) {
            return skip(name, failed, "failed");
        }
        if let Some(stopped) = state_is(StateName::Stopped) {
            return skip(name, stopped, "stopped goals");
        }
        if let Some(skipped) = state_is(StateName::Skipped) {
            return self.skip_with(name, skipped);
        }
        if preconditions
            .iter()
            .all(|other| other.state == GoalState::Success)
        {
            Consequence::Ready
        } else {
            Consequence::Wait
        }
    }

    /// A skip travels on with the goal that caused it, so that its restart brings all of them back.
    fn skip_with(&self, name: &str, skipped: &Goal) -> Consequence {
        let cause = match &skipped.state {
            GoalState::Skipped {
                because_of: Some(key),
            } => self.set.goal(key),
            _ => None,
        };
        match cause {
            Some(cause) if cause.state == GoalState::Stopped => skip(name, cause, "stopped goals"),
            Some(cause) if cause.state == GoalState::Failure => skip(name, cause, "failed"),
            _ => skip(name, skipped, "was skipped"),
        }
    }

    /// Row 26: everything that was skipped because of `key` is planned again.
    pub(super) fn replan_skipped_by(&mut self, key: &GoalKey) {
        let by_key = |goal: &&Goal| matches!(&goal.state, GoalState::Skipped { because_of: Some(cause) } if cause == key);
        let keys: Vec<GoalKey> = self.set.goals().iter().filter(by_key).map(Goal::key).collect();
        self.replan(&keys);
    }

    /// Row 28 to success: everything skipped that comes after `key` is planned again, whichever goal caused the skip;
    /// what another precondition still forbids is skipped anew when the set settles.
    pub(super) fn replan_skipped_after(&mut self, key: &GoalKey) {
        let mut after = vec![key.clone()];
        let mut skipped = Vec::new();
        let mut next = 0;
        while next < after.len() {
            let follows = |goal: &&Goal| {
                let was_skipped = matches!(&goal.state, GoalState::Skipped { because_of: Some(_) });
                was_skipped && goal.planned.preconditions.contains(&after[next])
            };
            let found: Vec<GoalKey> = self.set.goals().iter().filter(follows).map(Goal::key).collect();
            let new = found
                .into_iter()
                .filter(|key| !after.contains(key))
                .collect::<Vec<_>>();
            skipped.extend(new.iter().cloned());
            after.extend(new);
            next += 1;
        }
        self.replan(&skipped);
    }

    pub(super) fn replan(&mut self, keys: &[GoalKey]) {
        for key in keys {
            self.emit(key, Actor::Coordinator, GoalChange::Replanned, Extras::default());
        }
    }
}

fn skip(name: &str, cause: &Goal, how: &str) -> Consequence {
    let description = format!("Skipped {name} because {} {how}", cause.definition().name);
    Consequence::Skip {
        because_of: cause.key(),
        description,
    }
}
