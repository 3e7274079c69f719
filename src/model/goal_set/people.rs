//! What people and newer pushes say of a goal (semantics 3.5 rows 4–7, 18–20, 23, 25; 3.7; 4.8).

use super::super::approval::{Approval, ApprovalPolicy, Person};
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, GoalChange};
use super::super::ids::GoalKey;
use super::act::{CancelScope, Draft, Extras};
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
        let wait = wait_of(goal)?;
        still_seen(goal, seen)?;
        let (missing, starts) = (wait.missing_after(&approval, authors)?, wait.starts);
        self.record_confirmation(key, approval, missing, starts);
        Ok(())
    }

    /// No voters are registered in the machine itself, so a full count grants at once (semantics 3.7).
    pub(super) fn record_confirmation(
        &mut self,
        key: &GoalKey,
        approval: Approval,
        missing: u32,
        starts: bool,
    ) {
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

/// Confirmations that a goal waits for.
pub(super) struct Wait<'a> {
    policy: ApprovalPolicy,
    approvals: &'a [Approval],
    /// Whether they are for its start.
    pub(super) starts: bool,
}

/// What a goal waits for, if people.
pub(super) fn wait_of(goal: &Goal) -> Result<Wait<'_>, Refusal> {
    let (policy, approvals, starts) = match &goal.state {
        GoalState::WaitingForPreApproval { approvals } => (&goal.definition().pre_approval, approvals, true),
        GoalState::WaitingForApproval { approvals } => (&goal.definition().approval, approvals, false),
        _ => return Err(not_waiting(goal)),
    };
    Ok(Wait {
        policy: policy.clone().unwrap_or_default(),
        approvals,
        starts,
    })
}

impl Wait<'_> {
    /// How many further people must confirm after this one; `authors` wrote the push.
    pub(super) fn missing_after(&self, approval: &Approval, authors: &[String]) -> Result<u32, Refusal> {
        self.policy
            .admits(&approval.by, authors)
            .map_err(Refusal::NotAdmitted)?;
        let mut all = self.approvals.to_vec();
        if all.iter().any(|earlier| earlier.by.login == approval.by.login) {
            return Err(Refusal::AlreadyConfirmed(approval.by.login.clone()));
        }
        all.push(approval.clone());
        Ok(self.policy.missing(&all))
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
