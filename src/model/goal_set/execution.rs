//! What executors and clocks say of a goal (semantics 3.5 rows 8–17 and 24, 3.11, 3.13).

use super::super::goal::{GoalState, StateName};
use super::super::goal_event::{Actor, ExecutionResult, GoalChange};
use super::super::ids::GoalKey;
use super::super::summary::first_line;
use super::act::{Draft, Extras};
use super::refusal::Refusal;

/// Longest reason of a failure that stands in the text of a goal, in characters.
const LONGEST_REASON: usize = 200;

/// Automatic restarts after a lost executor, for goals that may be retried.
const LOST_RESTARTS: u32 = 2;

impl Draft {
    pub(super) fn start(&mut self, key: &GoalKey, epoch: u64) -> Result<(), Refusal> {
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

    pub(super) fn progress(&mut self, key: &GoalKey, epoch: u64, phase: &str) -> Result<(), Refusal> {
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

    pub(super) fn finish(
        &mut self,
        key: &GoalKey,
        epoch: u64,
        result: &ExecutionResult,
    ) -> Result<(), Refusal> {
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
        if outcome == StateName::Failure && self.is_ignored(key, result.code)? {
            return self.ignore_failure(key, result);
        }
        let extras = Extras {
            description: result.description.clone(),
            phase: result.phase.clone(),
            error: result.message.clone().filter(|_| outcome == StateName::Failure),
            data: result.data.clone(),
            external_urls: Some(result.external_urls.clone()),
            images: result.images.clone(),
            not_before: None,
        };
        if outcome == StateName::InProcess {
            self.emit(key, Actor::Executor, GoalChange::Progressed, extras);
            return Ok(());
        }
        self.emit(key, Actor::Executor, GoalChange::Ended { state: outcome }, extras);
        let limit = self.goal(key)?.definition().retry.tries_after(result.code);
        self.retry_automatically(key, limit);
        Ok(())
    }

    /// Whether a failure now is none of the set: its author said so, and the machine tries no more.
    fn is_ignored(&self, key: &GoalKey, code: i32) -> Result<bool, Refusal> {
        let goal = self.goal(key)?;
        let definition = goal.definition();
        Ok(definition.ignore_failure && goal.automatic_retries >= definition.retry.tries_after(code))
    }

    /// The goal ends as if it had succeeded, and says that it failed and why.
    fn ignore_failure(&mut self, key: &GoalKey, result: &ExecutionResult) -> Result<(), Refusal> {
        let goal = self.goal(key)?;
        let said = result.description.clone();
        let said = said.unwrap_or_else(|| goal.text(StateName::Failure));
        let state = match goal.definition().approval {
            Some(_) => StateName::WaitingForApproval,
            None => StateName::Success,
        };
        let why = result
            .message
            .as_deref()
            .and_then(|message| first_line(message, LONGEST_REASON));
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let extras = Extras {
            description: Some(format!("{said} · ignored{why}")),
            phase: result.phase.clone(),
            error: result.message.clone(),
            data: result.data.clone(),
            external_urls: Some(result.external_urls.clone()),
            images: result.images.clone(),
            not_before: None,
        };
        self.emit(key, Actor::Executor, GoalChange::Ended { state }, extras);
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

    pub(super) fn lose(&mut self, key: &GoalKey, epoch: u64) -> Result<(), Refusal> {
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

    pub(super) fn give_up(&mut self, key: &GoalKey, phase: &str, error: &str) -> Result<(), Refusal> {
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
}
