//! One attempt of one errand: write the start, run, follow, write the end.

use std::time::Duration;

use super::registry::Claim;
use crate::engine::words::chain;
use crate::engine::{Engine, exchange};
use crate::model::{Errand, ErrandCause, ExecutionResult, StateName};
use crate::ports::AttemptRef;
use crate::ports::executor::{ExecutionError, ExecutionNews, ExecutionWatch};

/// Longest pause before a store that cannot write is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Engine {
    /// Starts an errand, or takes up one that an earlier daemon started, and sees it through.
    pub(super) async fn carry_errand(&self, claim: Claim, errand: Errand) {
        let errand = match errand.state {
            StateName::Requested => match self.start_errand(&errand).await {
                Some(started) => started,
                None => return,
            },
            _ => errand,
        };
        let attempt = AttemptRef::of_errand(errand.id, errand.attempt);
        match self.parts.executor.watch(&attempt).await {
            Ok(watch) => self.follow_errand(&claim, errand, &attempt, watch).await,
            Err(ExecutionError::Unknown) => match self.start_process(&errand, &attempt).await {
                Ok(watch) => self.follow_errand(&claim, errand, &attempt, watch).await,
                Err(problem) => {
                    let result = ExecutionResult::failure(problem);
                    self.end_errand(errand, &attempt, &result).await;
                }
            },
            Err(error) => {
                let result = ExecutionResult::failure(format!("it cannot be followed: {}", chain(&error)));
                self.end_errand(errand, &attempt, &result).await;
            }
        }
    }

    /// Writes that the next attempt begins: from here on it is found again. `None` when somebody else was faster.
    async fn start_errand(&self, errand: &Errand) -> Option<Errand> {
        let now = self.parts.clock.now();
        let started = errand.started(now);
        match self.parts.store.change_errand(&started, now).await {
            Ok(true) => Some(started),
            Ok(false) => None,
            Err(error) => {
                tracing::error!(errand.name = %errand.name, error = %chain(&error), "an errand could not be started");
                None
            }
        }
    }

    async fn follow_errand(
        &self,
        claim: &Claim,
        mut errand: Errand,
        attempt: &AttemptRef,
        mut watch: Box<dyn ExecutionWatch>,
    ) {
        let stop = self.parts.tasks.stop_token();
        let mut asked_to_end = false;
        loop {
            let news = tokio::select! {
                () = stop.cancelled() => return,
                () = claim.stopped(), if !asked_to_end => {
                    asked_to_end = true;
                    if let Err(error) = self.parts.executor.stop(attempt, "it was canceled").await {
                        tracing::warn!(errand.name = %errand.name, error = %chain(&error), "a process could not be asked to end");
                    }
                    continue;
                }
                news = watch.next() => news,
            };
            match news {
                Some(ExecutionNews::Running { .. }) => {}
                Some(ExecutionNews::Phase(phase)) => errand = self.note_errand(errand, phase).await,
                Some(ExecutionNews::Ended(result)) => return self.end_errand(errand, attempt, &result).await,
                Some(ExecutionNews::NeverBegan) => return self.forget_attempt(errand, attempt).await,
                Some(ExecutionNews::Lost) | None => {
                    let result = ExecutionResult::failure("its supervisor is gone and left no outcome");
                    return self.end_errand(errand, attempt, &result).await;
                }
            }
        }
    }

    async fn note_errand(&self, errand: Errand, phase: String) -> Errand {
        let noted = errand.progressed(phase);
        match self
            .parts
            .store
            .change_errand(&noted, self.parts.clock.now())
            .await
        {
            Ok(true) => noted,
            Ok(false) | Err(_) => errand,
        }
    }

    /// Nothing of it ran: the next look starts it again under the same number.
    async fn forget_attempt(&self, errand: Errand, attempt: &AttemptRef) {
        if let Err(error) = self.parts.executor.forget(attempt).await {
            let result = ExecutionResult::failure(format!("it never began: {}", chain(&error)));
            self.end_errand(errand, attempt, &result).await;
        }
    }

    /// Writes the end. The result stays with the supervisor until it is stored, so a store that cannot write delays it.
    pub(super) async fn end_errand(&self, errand: Errand, attempt: &AttemptRef, result: &ExecutionResult) {
        let stop = self.parts.tasks.stop_token();
        let mut pause = Duration::from_millis(200);
        let mut errand = errand;
        loop {
            let now = self.parts.clock.now();
            let ended = errand.ended(result, now);
            match self.parts.store.change_errand(&ended, now).await {
                Ok(true) => {
                    report(&ended);
                    break;
                }
                Ok(false) => match self.parts.store.errand(errand.id).await {
                    // Canceled meanwhile, or another attempt: what is stored stands.
                    Ok(Some(other)) if other.has_ended() || other.attempt != errand.attempt => break,
                    Ok(Some(other)) => errand = other,
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!(errand.name = %errand.name, error = %chain(&error), "an errand cannot be read");
                    }
                },
                Err(error) => {
                    tracing::error!(errand.name = %errand.name, error = %chain(&error), "a result waits for the store");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
        exchange::clear(&self.settings.exchange, attempt).await;
    }
}

/// A listener that fails changes nothing else; the operator reads of it here, everybody in the feed.
fn report(errand: &Errand) {
    if errand.state != StateName::Failure {
        return;
    }
    let message = errand.message.as_deref().unwrap_or_default();
    match &errand.cause {
        ErrandCause::Event { name } => {
            tracing::error!(listener = %errand.name, event = %name, errand.id = %errand.id.0, "a listener failed: {message}");
        }
        ErrandCause::Command { by } => {
            tracing::info!(command = %errand.name, by = %by, errand.id = %errand.id.0, "a command failed: {message}");
        }
    }
}
