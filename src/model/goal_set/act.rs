//! What an action means for a goal set: the events to store, or a refusal to show.

use thiserror::Error;

use super::super::approval::{Approval, Person};
use super::super::goal::{Goal, GoalState, StateName};
use super::super::goal_event::{Actor, ExecutionResult, ExternalUrl, GoalChange, GoalEvent};
use super::super::ids::GoalKey;
use super::super::time::Timestamp;
use super::{GoalSet, legal_states};

/// Automatic restarts after a lost executor, for goals that may be retried.
const LOST_RESTARTS: u32 = 2;

/// Something that is asked of a goal set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An executor takes a requested goal.
    Start {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
    },
    /// The executor has news.
    Progress {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
        /// New phase.
        phase: String,
    },
    /// The executor is done.
    Finish {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
        /// With what.
        result: ExecutionResult,
    },
    /// The executor is gone and left no result.
    Lose {
        /// Which.
        goal: GoalKey,
        /// Epoch of its lease.
        epoch: u64,
    },
    /// A requested goal was not started in time, or cannot be started.
    GiveUp {
        /// Which.
        goal: GoalKey,
        /// Phase to show.
        phase: String,
        /// Why.
        error: String,
    },
    /// A person confirms the start or the result.
    Confirm {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
        /// Logins and addresses of the push's authors.
        authors: Vec<String>,
        /// What they said.
        reason: Option<String>,
        /// The goal version they looked at, when they say so.
        version: Option<u32>,
    },
    /// A person refuses the start or the result.
    Deny {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
        /// What they said.
        reason: Option<String>,
    },
    /// A failed goal is to run again.
    Retry {
        /// Which.
        goal: GoalKey,
        /// Who.
        person: Person,
    },
    /// Goals are to end.
    Cancel {
        /// Which.
        scope: CancelScope,
        /// By whom.
        actor: Actor,
        /// Text to add.
        reason: String,
    },
    /// An administrator sets a state, with a reason.
    Override {
        /// Which.
        goal: GoalKey,
        /// To what.
        state: StateName,
        /// Who.
        person: Person,
        /// Why.
        reason: String,
    },
}

/// Which goals a cancellation means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelScope {
    /// Every goal that has not ended.
    All,
    /// One goal.
    Goal(GoalKey),
    /// The selection of a cancel goal (semantics 4.8).
    Superseded {
        /// Display or unique names; empty for all.
        goals: Vec<String>,
        /// States it touches.
        states: Vec<StateName>,
    },
}

/// Why an action was not done, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No such goal.
    #[error("this goal set has no goal {0}")]
    UnknownGoal(GoalKey),
    /// It waits for nobody.
    #[error("{name} is {state} and does not wait for a confirmation")]
    NotWaiting {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
    },
    /// The policy excludes them.
    #[error("{0}")]
    NotAdmitted(String),
    /// Once is enough.
    #[error("{0} has confirmed this already; further people must")]
    AlreadyConfirmed(String),
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
    /// Somebody else has it, or it is not ready.
    #[error("{name} is {state} and cannot be started")]
    NotRequested {
        /// Display name.
        name: String,
        /// Its state.
        state: StateName,
    },
}

/// Optional parts of an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) description: Option<String>,
    pub(super) phase: Option<String>,
    pub(super) error: Option<String>,
    pub(super) data: Option<String>,
    pub(super) external_urls: Option<Vec<ExternalUrl>>,
    pub(super) not_before: Option<Timestamp>,
}

/// A set in the making: events are applied as they are decided.
pub(super) struct Draft {
    pub(super) set: GoalSet,
    pub(super) events: Vec<GoalEvent>,
    pub(super) at: Timestamp,
}

impl GoalSet {
    /// Decides what `action` means at this moment: the set afterwards and the events that lead to it, settled, that is
    /// with everything that follows for dependents. Late results are not refused but recorded as ignored.
    ///
    /// # Errors
    /// The action is not legal now; nothing changes.
    pub fn act(&self, action: &Action, at: Timestamp) -> Result<(Self, Vec<GoalEvent>), Refusal> {
        let mut draft = Draft {
            set: self.clone(),
            events: Vec::new(),
            at,
        };
        draft.act(action)?;
        draft.settle();
        Ok((draft.set, draft.events))
    }
}

impl Draft {
    fn act(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::Start { goal, epoch } => self.start(goal, *epoch),
            Action::Progress { goal, epoch, phase } => self.progress(goal, *epoch, phase),
            Action::Finish { goal, epoch, result } => self.finish(goal, *epoch, result),
            Action::Lose { goal, epoch } => self.lose(goal, *epoch),
            Action::GiveUp { goal, phase, error } => self.give_up(goal, phase, error),
            Action::Confirm {
                goal,
                person,
                authors,
                reason,
                version,
            } => {
                let approval = |version| Approval {
                    by: person.clone(),
                    at: self.at,
                    version,
                    reason: reason.clone(),
                };
                let approval = approval(self.goal(goal)?.version);
                self.confirm(goal, approval, authors, *version)
            }
            Action::Deny { goal, person, reason } => self.deny(goal, person, reason.as_deref()),
            Action::Retry { goal, person } => self.retry(goal, person),
            Action::Cancel { scope, actor, reason } => self.cancel(scope, actor, reason),
            Action::Override {
                goal,
                state,
                person,
                reason,
            } => self.override_state(goal, *state, person, reason),
        }
    }

    fn goal(&self, key: &GoalKey) -> Result<&Goal, Refusal> {
        self.set
            .goal(key)
            .ok_or_else(|| Refusal::UnknownGoal(key.clone()))
    }

    /// Appends one event and applies it.
    pub(super) fn emit(&mut self, key: &GoalKey, actor: Actor, change: GoalChange, extras: Extras) {
        let goal = self
            .set
            .goal(key)
            .expect("the caller has looked the goal up in this set");
        let earliest = Timestamp::from_micros(goal.changed_at.as_micros() + 1);
        let event = GoalEvent {
            goal: key.clone(),
            version: goal.version + 1,
            at: self.at.max(earliest),
            actor,
            change,
            description: extras.description,
            phase: extras.phase,
            error: extras.error,
            data: extras.data,
            external_urls: extras.external_urls,
            not_before: extras.not_before,
        };
        self.set
            .apply(&event)
            .expect("decisions follow the transition table");
        self.events.push(event);
    }

    fn start(&mut self, key: &GoalKey, epoch: u64) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let attempt = goal.attempt + 1;
        if goal.state.name() != StateName::Requested {
            return Err(Refusal::NotRequested {
                name: goal.definition().name.clone(),
                state: goal.state.name(),
            });
        }
        self.emit(
            key,
            Actor::Executor,
            GoalChange::Started { attempt, epoch },
            Extras::default(),
        );
        Ok(())
    }

    fn holds(&self, key: &GoalKey, reporter: u64) -> Result<bool, Refusal> {
        Ok(matches!(self.goal(key)?.state, GoalState::InProcess { epoch, .. } if epoch == reporter))
    }

    fn progress(&mut self, key: &GoalKey, epoch: u64, phase: &str) -> Result<(), Refusal> {
        if self.holds(key, epoch)? && self.goal(key)?.phase.as_deref() != Some(phase) {
            let extras = Extras {
                phase: Some(phase.to_owned()),
                ..self.keeping_description(key)
            };
            self.emit(key, Actor::Executor, GoalChange::Progressed, extras);
        }
        Ok(())
    }

    fn keeping_description(&self, key: &GoalKey) -> Extras {
        let description = self.set.goal(key).map(|goal| goal.description.clone());
        Extras {
            description,
            ..Extras::default()
        }
    }

    fn finish(&mut self, key: &GoalKey, epoch: u64, result: &ExecutionResult) -> Result<(), Refusal> {
        let approval_required = self.goal(key)?.definition().approval.is_some();
        let outcome = result.outcome(approval_required);
        if !self.holds(key, epoch)? {
            let extras = self.keeping_description(key);
            self.emit(
                key,
                Actor::Executor,
                GoalChange::IgnoredResult {
                    epoch,
                    state: outcome,
                },
                extras,
            );
            return Ok(());
        }
        let extras = Extras {
            description: result.description.clone(),
            phase: result.phase.clone(),
            error: result.message.clone().filter(|_| outcome == StateName::Failure),
            data: result.data.clone(),
            external_urls: Some(result.external_urls.clone()),
            not_before: None,
        };
        if outcome == StateName::InProcess {
            self.emit(key, Actor::Executor, GoalChange::Progressed, extras);
            return Ok(());
        }
        self.emit(key, Actor::Executor, GoalChange::Ended { state: outcome }, extras);
        let automatic = self.goal(key)?.definition().retry.automatic;
        self.retry_automatically(key, automatic);
        Ok(())
    }

    /// Semantics 3.13: a further try by the machine, after a pause that doubles.
    fn retry_automatically(&mut self, key: &GoalKey, limit: u32) {
        let Some(goal) = self.set.goal(key) else { return };
        let used = goal.automatic_retries;
        if goal.state != GoalState::Failure || used >= limit {
            return;
        }
        let pause = goal.definition().retry.pause.saturating_mul(1 << used.min(16));
        let description = format!(
            "{} · try {} of {}",
            goal.text(StateName::Requested),
            used + 2,
            limit + 1
        );
        let not_before = (!pause.is_zero()).then(|| self.at.plus(pause));
        let extras = Extras {
            description: Some(description),
            not_before,
            ..Extras::default()
        };
        self.emit(
            key,
            Actor::Watchdog,
            GoalChange::Retried { automatic: true },
            extras,
        );
    }

    fn lose(&mut self, key: &GoalKey, epoch: u64) -> Result<(), Refusal> {
        if !self.holds(key, epoch)? {
            return Ok(());
        }
        let extras = Extras {
            phase: Some("lost".to_owned()),
            error: Some("its executor is gone and left no result".to_owned()),
            ..Extras::default()
        };
        self.emit(
            key,
            Actor::Watchdog,
            GoalChange::Ended {
                state: StateName::Failure,
            },
            extras,
        );
        let retry = &self.goal(key)?.definition().retry;
        let limit = if retry.feasible {
            retry.automatic.max(LOST_RESTARTS)
        } else {
            retry.automatic
        };
        self.retry_automatically(key, limit);
        Ok(())
    }

    fn give_up(&mut self, key: &GoalKey, phase: &str, error: &str) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        if goal.state.name() != StateName::Requested {
            return Err(Refusal::NotRequested {
                name: goal.definition().name.clone(),
                state: goal.state.name(),
            });
        }
        let (phase, error) = (Some(phase.to_owned()), Some(error.to_owned()));
        let extras = Extras {
            phase,
            error,
            ..Extras::default()
        };
        self.emit(
            key,
            Actor::Watchdog,
            GoalChange::Ended {
                state: StateName::Failure,
            },
            extras,
        );
        Ok(())
    }

    fn confirm(
        &mut self,
        key: &GoalKey,
        approval: Approval,
        authors: &[String],
        seen: Option<u32>,
    ) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let name = goal.definition().name.clone();
        let (policy, approvals, starts) = match &goal.state {
            GoalState::WaitingForPreApproval { approvals } => {
                (&goal.definition().pre_approval, approvals, true)
            }
            GoalState::WaitingForApproval { approvals } => (&goal.definition().approval, approvals, false),
            other => {
                return Err(Refusal::NotWaiting {
                    name,
                    state: other.name(),
                });
            }
        };
        if let Some(seen) = seen.filter(|seen| *seen != goal.version) {
            return Err(Refusal::Stale {
                name,
                current: goal.version,
                seen,
            });
        }
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

    fn deny(&mut self, key: &GoalKey, person: &Person, reason: Option<&str>) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let what = match goal.state.name() {
            StateName::WaitingForPreApproval | StateName::PreApproved => "start",
            StateName::WaitingForApproval | StateName::Approved => "approval",
            state => {
                return Err(Refusal::NotWaiting {
                    name: goal.definition().name.clone(),
                    state,
                });
            }
        };
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

    fn retry(&mut self, key: &GoalKey, person: &Person) -> Result<(), Refusal> {
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

    fn cancel(&mut self, scope: &CancelScope, actor: &Actor, reason: &str) -> Result<(), Refusal> {
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

    fn override_state(
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
            self.replan_skipped_by(key);
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
