//! What people and newer pushes say of a goal (semantics 3.5 rows 4–7, 18–20, 23, 25; 3.7; 4.8).

use super::super::approval::{LONGEST_REASON, Person};
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::super::summary::one_line;
use super::act::{CancelScope, Draft, Extras};
use super::confirming::{not_waiting, still_seen};
use super::refusal::Refusal;

impl Draft {
    pub(super) fn deny(
        &mut self,
        key: &GoalKey,
        person: &Person,
        reason: Option<&str>,
        seen: Option<u32>,
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let what = match goal.state.name() {
            StateName::WaitingForPreApproval | StateName::PreApproved => "start",
            StateName::WaitingForApproval | StateName::Approved => "approval",
            _ => return Err(not_waiting(goal)),
        };
        still_seen(goal, seen)?;
        let because = reason.map(|reason| format!(": {}", one_line(reason, LONGEST_REASON)));
        let because = because.unwrap_or_default();
        let waiting = match what {
            "start" => StateName::WaitingForPreApproval,
            _ => StateName::WaitingForApproval,
        };
        let description = format!(
            "{} · {what} by @{} denied{because}",
            goal.text(waiting),
            person.login
        );
        let extras = Extras {
            description: Some(description),
            ..Extras::default()
        };
        self.emit(
            key,
            Actor::Person {
                person: person.clone(),
            },
            GoalChange::Denied,
            extras,
        );
        Ok(())
    }

    pub(super) fn retry(&mut self, key: &GoalKey, person: &Person) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let name = goal.definition().name.clone();
        if goal.state != GoalState::Failure {
            return Err(Refusal::NotFailed {
                name,
                state: goal.state.name(),
            });
        }
        if !goal.definition().retry.feasible {
            return Err(Refusal::NotRetryable(name));
        }
        let actor = Actor::Person {
            person: person.clone(),
        };
        // A goal that ended before anybody confirmed its start waits for that again (threat D6).
        let change = match goal.start_confirmed {
            true => GoalChange::Retried { automatic: false },
            false => GoalChange::StartRequired,
        };
        self.emit(key, actor, change, Extras::default());
        self.replan_skipped_by(key);
        Ok(())
    }

    /// Row 6 by the votes, when what would run is not what was confirmed: the start waits to be confirmed again.
    pub(super) fn void_confirmation(&mut self, key: &GoalKey, because: &str) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        if goal.state.name() != StateName::Requested || goal.definition().pre_approval.is_none() {
            return Err(Refusal::NotRequested {
                name: goal.definition().name.clone(),
                state: goal.state.name(),
            });
        }
        let by = goal
            .confirmations
            .iter()
            .map(|given| format!("@{}", given.by.login));
        let by: Vec<String> = by.collect();
        let description = format!(
            "{} · confirmed by {} for something else: {because}",
            goal.text(StateName::WaitingForPreApproval),
            by.join(", ")
        );
        let extras = Extras {
            description: Some(description),
            ..Extras::default()
        };
        self.emit(key, Actor::Votes, GoalChange::Denied, extras);
        Ok(())
    }

    pub(super) fn cancel(&mut self, scope: &CancelScope, actor: &Actor, reason: &str) -> Result<(), Refusal> {
        if let CancelScope::Goal(key) = scope {
            self.goal(key)?;
        }
        let keys: Vec<GoalKey> = self
            .set
            .goals()
            .iter()
            .filter(|goal| is_meant(goal, scope))
            .map(Goal::key)
            .collect();
        if keys.is_empty() {
            return Err(Refusal::NothingToCancel);
        }
        for key in &keys {
            let text = self.goal(key)?.text(StateName::Canceled);
            let description = Some(if reason.is_empty() {
                text
            } else {
                format!("{text} · {reason}")
            });
            self.emit(
                key,
                actor.clone(),
                GoalChange::Canceled,
                Extras {
                    description,
                    ..Extras::default()
                },
            );
        }
        Ok(())
    }
}

fn is_meant(goal: &Goal, scope: &CancelScope) -> bool {
    let definition = goal.definition();
    let named = |name: &String| *name == definition.name || *name == definition.unique_name.as_str();
    !goal.state.is_terminal()
        && match scope {
            CancelScope::All => true,
            CancelScope::Goal(key) => goal.key() == *key,
            CancelScope::Superseded { goals, states } => {
                !definition.uncancelable
                    && states.contains(&goal.state.name())
                    && (goals.is_empty() || goals.iter().any(named))
            }
        }
}
