//! Sets that go on when others may have their slot of a queue (semantics 4.9, hazard 7, threat D7).
//!
//! A queue goal that has succeeded stands for a slot. The set gives it back when it has ended, or when it only waits for people
//! and the goal says so. Whatever makes such a set go on, be it a retry, a confirmation or the word of an administrator,
//! begins with its queue goals: they are planned again, and what comes after them waits until they succeed anew.

use super::super::goal::{Goal, GoalState, StateName};
use super::super::ids::GoalKey;
use super::super::queue::ReleaseOn;
use super::GoalSet;
use super::act::Draft;

impl GoalSet {
    /// Queue goals that have let the set go on and whose slot is given back as the set stands.
    pub(super) fn given_back(&self) -> Vec<(GoalKey, ReleaseOn)> {
        let passed = self.goals.iter().filter(|goal| goal.state == GoalState::Success);
        passed
            .filter_map(|goal| Some((goal.key(), ReleaseOn::of(&goal.definition().work)?)))
            .filter(|(_, release)| !self.keeps_slot(*release))
            .collect()
    }

    fn keeps_slot(&self, release: ReleaseOn) -> bool {
        match release {
            ReleaseOn::Ended => self.is_active(),
            ReleaseOn::Waiting => self.goals.iter().any(is_at_work),
        }
    }

    /// Queue goals somewhere before this one that do not let the set go on.
    pub(super) fn queues_before(&self, goal: &Goal) -> Vec<&Goal> {
        let is_shut = |other: &&Goal| {
            ReleaseOn::of(&other.definition().work).is_some() && other.state != GoalState::Success
        };
        let mut queues: Vec<&Goal> = self.goals.iter().filter(is_shut).collect();
        if !queues.is_empty() {
            let before = self.all_before(goal);
            queues.retain(|queue| before.contains(&queue.key()));
        }
        queues
    }

    /// Preconditions, and theirs.
    fn all_before(&self, goal: &Goal) -> Vec<GoalKey> {
        let mut before = goal.planned.preconditions.clone();
        let mut next = 0;
        while let Some(key) = before.get(next) {
            let further = self.goal(key).map_or(&[][..], |goal| &goal.planned.preconditions);
            let new = further.iter().filter(|key| !before.contains(key));
            let new: Vec<GoalKey> = new.cloned().collect();
            before.extend(new);
            next += 1;
        }
        before
    }
}

impl Draft {
    /// Sends a set that goes on back to the queues whose slots it had given back, and holds what comes after a queue.
    pub(super) fn queue_again(&mut self, given_back: &[(GoalKey, ReleaseOn)]) {
        let again: Vec<GoalKey> = given_back
            .iter()
            .filter(|(queue, release)| self.is_passed(queue) && self.goes_on(*release))
            .map(|(queue, _)| queue.clone())
            .collect();
        self.replan(&again);
        let is_held = |goal: &&Goal| {
            goal.state.name() == StateName::Requested && !self.set.queues_before(goal).is_empty()
        };
        let held: Vec<GoalKey> = self.set.goals().iter().filter(is_held).map(Goal::key).collect();
        self.replan(&held);
    }

    fn is_passed(&self, queue: &GoalKey) -> bool {
        let queue = self.set.goal(queue);
        queue.is_some_and(|queue| queue.state == GoalState::Success)
    }

    fn goes_on(&self, release: ReleaseOn) -> bool {
        self.set.keeps_slot(release) || self.set.goals().iter().any(|goal| self.is_due(goal))
    }
}

/// Whether something happens to the goal without anybody's word.
fn is_at_work(goal: &Goal) -> bool {
    match goal.state {
        GoalState::PreApproved { .. }
        | GoalState::Requested { .. }
        | GoalState::InProcess { .. }
        | GoalState::Approved { .. } => true,
        GoalState::Planned
        | GoalState::WaitingForPreApproval { .. }
        | GoalState::WaitingForApproval { .. }
        | GoalState::Success
        | GoalState::Failure
        | GoalState::Stopped
        | GoalState::Canceled
        | GoalState::Skipped { .. } => false,
    }
}
