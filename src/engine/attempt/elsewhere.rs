//! Goals that are carried on elsewhere once our part is done, until somebody completes them from outside (ST-19, ST-20).

use std::time::Duration;

use thiserror::Error;

use super::super::Engine;
use super::super::words::humane;
use super::{Claim, is_mine};
use crate::kinds::{self, ActError, side_effect};
use crate::model::{Action, ExecutionResult, GoalKey, GoalSet, GoalSetId, News, StateName};
use crate::ports::executor::AttemptRef;
use crate::ports::scm::Workspace;
use crate::ports::store::{LeaseChanges, StoreError};

/// Why a goal was not completed from outside; it is as it was.
#[derive(Debug, Error)]
pub enum CompletionError {
    /// Nobody was given a token for it.
    #[error("the goal {0} is not one that is completed from outside")]
    NotElsewhere(GoalKey),
    /// Wrong, or that of an earlier attempt.
    #[error("the token is not that of the goal's current attempt")]
    WrongToken,
    /// It has ended, or was started again.
    #[error("the goal is {0} and cannot be completed any more")]
    TooLate(StateName),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer.
    #[error(transparent)]
    Act(#[from] ActError),
}

/// How whoever completes a goal shows that it was given to them.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// By the token itself.
    Token(&'a str),
    /// By its digest, from somebody who was shown the token and is believed: the hub.
    Digest(&'a str),
}

impl Proof<'_> {
    fn is_of(self, kept: &str) -> bool {
        match self {
            Self::Token(token) => side_effect::is_same_digest(&side_effect::digest(token), kept),
            Self::Digest(digest) => side_effect::is_same_digest(digest, kept),
        }
    }
}

impl Engine {
    /// Writes what came of an attempt and, when that is "still in process", waits for its end.
    pub(super) async fn finish_or_wait(
        &self,
        claim: &Claim,
        attempt: &AttemptRef,
        result: ExecutionResult,
        workspace: Option<&Workspace>,
    ) {
        let is_elsewhere = result.outcome(false) == StateName::InProcess;
        self.finish(attempt, result, workspace).await;
        if is_elsewhere {
            self.wait_elsewhere(claim, attempt).await;
        }
    }

    /// Keeps the lease until somebody ends the goal or its time is over. A daemon that stops leaves it to the next one.
    pub(super) async fn wait_elsewhere(&self, claim: &Claim, attempt: &AttemptRef) {
        claim.without_process();
        self.look_again();
        let mut changes = self.parts.store.subscribe();
        loop {
            changes.mark_unchanged();
            let Some(record) = self.record(claim).await else {
                return;
            };
            let mine = record
                .set
                .goal(&attempt.goal)
                .filter(|goal| is_mine(goal, attempt));
            let Some(goal) = mine else {
                return self.close(attempt, None).await;
            };
            let work = &goal.definition().work;
            let limit = kinds::kind(&work.kind).map_or(Duration::ZERO, |kind| kind.patience(&work.arguments));
            let waited = goal
                .started_at
                .map_or(Duration::ZERO, |at| self.parts.clock.now().since(at));
            if waited >= limit {
                return self.finish(attempt, out_of_time(limit), None).await;
            }
            self.renew(attempt).await;
            if !self.wait_for_change(claim, &mut changes).await {
                return;
            }
        }
    }

    /// Completes a goal for whoever carries it out, known by the token they were given (D4). A wrong token and a goal that is
    /// over are refused, and the refusal is told in the feed.
    ///
    /// # Errors
    /// Why it was refused; the goal is as it was.
    pub async fn complete(
        &self,
        set: GoalSetId,
        goal: &GoalKey,
        proof: Proof<'_>,
        result: ExecutionResult,
    ) -> Result<GoalSet, CompletionError> {
        let completed = self.complete_quietly(set, goal, proof, result).await;
        if let Err(error @ (CompletionError::WrongToken | CompletionError::TooLate(_))) = &completed {
            let text = format!(
                "{goal} of goal set {} was not completed from outside: {error}",
                set.short()
            );
            let news = News::Message { text, repo: None };
            self.parts.store.say(&news, self.parts.clock.now()).await?;
        }
        completed
    }

    async fn complete_quietly(
        &self,
        set: GoalSetId,
        goal: &GoalKey,
        proof: Proof<'_>,
        result: ExecutionResult,
    ) -> Result<GoalSet, CompletionError> {
        let kept = self.parts.store.completion(set, goal).await?;
        let (attempt, digest) = kept.ok_or_else(|| CompletionError::NotElsewhere(goal.clone()))?;
        if !proof.is_of(&digest) {
            return Err(CompletionError::WrongToken);
        }
        let record = self.parts.store.goal_set(set).await?;
        let found = record.as_ref().and_then(|record| record.set.goal(goal));
        let found = found.ok_or_else(|| CompletionError::NotElsewhere(goal.clone()))?;
        if !is_mine(found, &attempt) {
            return Err(CompletionError::TooLate(found.state.name()));
        }
        // Whoever was given a secret may repeat it.
        let result = match self.redactor_of(&attempt).await {
            Some(redactor) => redactor.result(result),
            None => result,
        };
        // News of progress leave the lease where it is.
        let ends = result.outcome(false) != StateName::InProcess;
        let leases = LeaseChanges {
            take: Vec::new(),
            drop: ends.then(|| attempt.clone()).into_iter().collect(),
        };
        let action = Action::Finish {
            goal: goal.clone(),
            epoch: attempt.epoch,
            result,
        };
        Ok(self.act_with(set, &action, &leases).await?)
    }
}

fn out_of_time(limit: Duration) -> ExecutionResult {
    ExecutionResult {
        phase: Some(format!("{} timeout", humane(limit))),
        ..ExecutionResult::failure(format!("nobody completed it within {}", humane(limit)))
    }
}
