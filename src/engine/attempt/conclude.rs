//! Between the end of a goal's process and the end of the goal: what its kind makes of what the process left.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::words::chain;
use super::super::{Engine, exchange};
use super::process::waits_alone;
use super::{Claim, is_mine};
use crate::kinds::{self, Ended, KindError, listeners, wait};
use crate::model::ExecutionResult;
use crate::model::redact::Redactor;
use crate::ports::executor::AttemptRef;
use crate::ports::scm::Workspace;

/// Longest pause before something transient is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long all pauses together are before it is the goal's failure: it takes up room meanwhile.
const PATIENCE: Duration = Duration::from_secs(300);

impl Engine {
    /// Asks the kind what became of the goal, keeping the lease meanwhile, and writes that. A daemon that stops leaves it
    /// to the next one, which finds the process ended and asks again.
    pub(super) async fn conclude(
        &self,
        claim: &Claim,
        attempt: &AttemptRef,
        result: ExecutionResult,
        workspace: Option<&Workspace>,
    ) {
        let stop = self.parts.tasks.stop_token();
        // Whichever of these ends first, the others are gone before the end is written: what is left unfinished may hold a connection
        // to the store, and the end would wait for that.
        let concluded = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            concluded = self.conclusion(claim, attempt, &result, workspace) => concluded,
            () = claim.stopped() => result.clone(),
            never = self.keep_lease(attempt) => match never {},
        };
        self.finish_or_wait(claim, attempt, concluded, workspace).await;
    }

    /// Renews the lease again and again, beside whatever the attempt does meanwhile.
    async fn keep_lease(&self, attempt: &AttemptRef) -> Infallible {
        let mut heartbeat = tokio::time::interval(self.settings.lease / 3);
        loop {
            heartbeat.tick().await;
            self.renew(attempt).await;
        }
    }

    /// The kind's conclusion. What is transient is tried again until it passes or lasts too long, and the goal says so; a store
    /// that fails could not be told of a failure either, so there the end waits for it.
    async fn conclusion(
        &self,
        claim: &Claim,
        attempt: &AttemptRef,
        result: &ExecutionResult,
        workspace: Option<&Workspace>,
    ) -> ExecutionResult {
        let (mut pause, mut waited) = (Duration::from_millis(200), Duration::ZERO);
        let mut said = String::new();
        loop {
            let error = match self.ask_kind(claim, attempt, result, workspace).await {
                Ok(concluded) => return concluded,
                Err(error) => error,
            };
            let redactor = self.redactor_of(attempt).await;
            let because = chain(&error);
            let because = redactor.map_or_else(|| because.clone(), |redactor| redactor.redact(&because));
            if !error.is_transient() {
                return ExecutionResult::failure(because);
            }
            if waited >= PATIENCE && !error.is_of_store() {
                let minutes = PATIENCE.as_secs() / 60;
                return ExecutionResult::failure(format!("tried for {minutes} minutes: {because}"));
            }
            tracing::warn!(goal = %attempt.goal, error = %because, "a goal's end is tried again");
            if because != said && !error.is_of_store() {
                self.note_phase(attempt, format!("trying again: {because}")).await;
                said = because;
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What masks the secrets that an attempt was given, as far as they are remembered: what others say of it, and what the machine
    /// finds wrong with what it left, may show some of them (E3).
    pub(super) async fn redactor_of(&self, attempt: &AttemptRef) -> Option<Redactor> {
        let record = self.parts.store.goal_set(attempt.goal_set).await.ok().flatten();
        let parameters = record
            .iter()
            .flat_map(|record| self.secrets_of(record).into_values());
        let values = parameters.chain(self.given.of(attempt));
        let values: Vec<String> = values.map(|secret| secret.expose_secret().to_owned()).collect();
        (!values.is_empty()).then(|| Redactor::new(&values))
    }

    async fn ask_kind(
        &self,
        claim: &Claim,
        attempt: &AttemptRef,
        result: &ExecutionResult,
        workspace: Option<&Workspace>,
    ) -> Result<ExecutionResult, KindError> {
        let record = self.parts.store.goal_set(claim.place().goal_set).await?;
        let mine = record.as_ref().and_then(|record| {
            let goal = record.set.goal(&attempt.goal)?;
            is_mine(goal, attempt).then_some((record, goal))
        });
        let Some((record, goal)) = mine else {
            return Ok(result.clone());
        };
        if let Some(rejected) = self.rejected(record, &attempt.goal) {
            return Ok(rejected);
        }
        let Some(kind) = kinds::kind(&goal.definition().work.kind) else {
            return Ok(result.clone());
        };
        let directory = exchange::directory(&self.settings.exchange, attempt);
        let ended = Ended {
            result: result.clone(),
            project: workspace
                .map(|workspace| workspace.path.as_path())
                .filter(|path| *path != Path::new("")),
            output: &directory.join("output"),
        };
        if exchange::is_mocked(&directory) {
            return Ok(ExecutionResult {
                description: Some(format!("Mocked: {}", goal.definition().name)),
                ..result.clone()
            });
        }
        let mut context = self.context(record, goal);
        context.given = self.given.of(attempt);
        let concluded = match waits_alone(kind, goal) {
            true => wait::work_after(kind, &context, ended.result).await?,
            false => kind.conclude(&context, ended).await?,
        };
        let concluded = listeners::merged(goal, &directory.join("output"), concluded);
        self.tell_builds(record, attempt, &concluded).await?;
        self.take_files(&context, attempt, concluded).await
    }
}
