//! What people and newer pushes say of a goal (semantics 3.5 rows 4–7, 18–20, 23, 25, 28; 3.7; 4.8).

use super::super::approval::{Approval, Person};
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{CancelScope, Draft, Extras};
use super::legal_states;
use super::refusal::Refusal;

impl Draft {
    pub(super) fn confirm(
        &mut self,
        key: &GoalKey,
        approval: Approval,
        authors: &[String],
        seen: Option<u32>,
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let (policy, approvals, starts) = match &goal.state {
            GoalState::WaitingForPreApproval { approvals } => {
                (&goal.definition().pre_approval, approvals, true)
            }
            GoalState::WaitingForApproval { approvals } => (&goal.definition().approval, approvals, false),
            _ => return Err(not_waiting(goal)),
        };
        still_seen(goal, seen)?;
        let policy = policy.clone().unwrap_or_default();
        policy
            .admits(&approval.by, authors)
            .map_err(Refusal::NotAdmitted)?;
        if approvals
            .iter()
            .any(|earlier| earlier.by.login == approval.by.login)
        {
            return Err(Refusal::AlreadyConfirmed(approval.by.login));
        }
        let mut all = approvals.clone();
        all.push(approval.clone());
        self.record_confirmation(key, approval, policy.missing(&all), starts);
        Ok(())
    }

    /// No voters are registered in the machine itself, so a full count grants at once (semantics 3.7).
    fn record_confirmation(&mut self, key: &GoalKey, approval: Approval, missing: u32, starts: bool) {
        let actor = Actor::Person {
            person: approval.by.clone(),
        };
        if missing > 0 {
            let goal = self.set.goal(key).expect("confirm looked it up");
            let description = format!("{} · {missing} more", goal.text(goal.state.name()));
            let extras = Extras {
                description: Some(description),
                ..Extras::default()
            };
            self.emit(key, actor, GoalChange::Confirmed { approval }, extras);
        } else if starts {
            self.emit(
                key,
                actor,
                GoalChange::PreApproved { approval },
                Extras::default(),
            );
            self.emit(key, Actor::Votes, GoalChange::Requested, Extras::default());
        } else {
            self.emit(key, actor, GoalChange::Approved { approval }, Extras::default());
            self.emit(
                key,
                Actor::Votes,
                GoalChange::Ended {
                    state: StateName::Success,
                },
                Extras::default(),
            );
        }
    }

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
        let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
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
        self.emit(
            key,
            actor,
            GoalChange::Retried { automatic: false },
            Extras::default(),
        );
        self.replan_skipped_by(key);
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

    pub(super) fn override_state(
        &mut self,
        key: &GoalKey,
        wanted: StateName,
        person: &Person,
        reason: &str,
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        if reason.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        let legal = legal_states(goal);
        if !legal.contains(&wanted) {
            let (name, state) = (goal.definition().name.clone(), goal.state.name());
            return Err(Refusal::IllegalState {
                name,
                state,
                wanted,
                legal,
            });
        }
        let description = Some(format!(
            "{} · set by @{}: {reason}",
            goal.text(wanted),
            person.login
        ));
        let actor = Actor::Administrator {
            person: person.clone(),
            reason: reason.to_owned(),
        };
        let extras = Extras {
            description,
            ..Extras::default()
        };
        self.emit(key, actor, GoalChange::Ended { state: wanted }, extras);
        if wanted == StateName::Success {
            self.replan_skipped_after(key);
        }
        Ok(())
    }
}

/// Says who was faster, so that whoever comes second knows how it stands (threat D3).
fn not_waiting(goal: &Goal) -> Refusal {
    let confirmed = goal.confirmations.iter();
    Refusal::NotWaiting {
        name: goal.definition().name.clone(),
        state: goal.state.name(),
        confirmed: confirmed
            .map(|approval| (approval.by.login.clone(), approval.at))
            .collect(),
    }
}

/// What somebody looked at still waits: other confirmations of the same wait change nothing, a denial or another run does.
fn still_seen(goal: &Goal, seen: Option<u32>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen < goal.waits_since || seen > goal.version => Err(Refusal::Stale {
            name: goal.definition().name.clone(),
            current: goal.version,
            seen,
        }),
        Some(_) | None => Ok(()),
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
