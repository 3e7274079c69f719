//! Setting goals again: for a push that has been planned (reset), and for commits that were never pushed (replay).

use thiserror::Error;

use super::Engine;
use super::ingest::IngestError;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, GoalSetId, Push, PushId, Repository};
use crate::ports::scm::ScmError;
use crate::ports::store::{Cause, StoreError};

/// Why goals could not be set again.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// No such branch.
    #[error("the repository has no branch {0}")]
    NoBranch(BranchName),
    /// The rules set nothing now, or planning failed.
    #[error("no goals are set for this push now: {0}")]
    NoGoals(String),
    /// Looking failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository failed.
    #[error(transparent)]
    Scm(#[from] ScmError),
}

impl Engine {
    /// Plans a push once more with the goal files in use and sets its goals as a further goal set.
    ///
    /// # Errors
    /// Nothing is set, or the store fails.
    pub async fn set_goals_again(&self, push: &Push) -> Result<GoalSetId, ReplayError> {
        let attempts = self.parts.store.planning_attempts(push.id).await?;
        let planned = attempts.iter().filter(|attempt| attempt.error.is_none()).count();
        let cause = match u32::try_from(planned) {
            Ok(0) => Cause::Push,
            Ok(number) => Cause::Again { number },
            Err(_) => return Err(ReplayError::NoGoals("it was planned too often".to_owned())),
        };
        match self.plan_for(push, &cause, None, 0).await? {
            Some(id) => Ok(id),
            None => {
                let attempts = self.parts.store.planning_attempts(push.id).await?;
                let error = attempts.last().and_then(|attempt| attempt.error.clone());
                Err(ReplayError::NoGoals(
                    error.unwrap_or_else(|| "no rule matched".to_owned()),
                ))
            }
        }
    }

    /// Treats the last `depth` commits of a branch as pushed again, one push each, oldest first (semantics 8.6).
    ///
    /// # Errors
    /// The branch is not there, or reading or storing fails.
    pub async fn replay(
        &self,
        repo: &Repository,
        branch: &BranchName,
        depth: u32,
    ) -> Result<Vec<PushId>, ReplayError> {
        let accepted = self.observe(repo).await?;
        if depth == 0 {
            return Ok(accepted);
        }
        let heads = self.parts.scm.heads(repo).await?;
        let head = heads
            .branches
            .get(branch)
            .ok_or_else(|| ReplayError::NoBranch(branch.clone()))?;
        let repo = Repository {
            default_branch: heads.default_branch.clone(),
            ..repo.clone()
        };
        self.parts.scm.fetch(&repo, head).await?;
        let mut commits: Vec<CommitSha> = self.first_parents(&repo, head, depth).await?;
        commits.reverse();
        let mut pushes = Vec::new();
        for pair in windows_with_parent(&commits) {
            pushes.push(self.push_again(&repo, branch, pair.0, pair.1).await?);
        }
        Ok(pushes)
    }

    /// The head and the commits before it, newest first, one more than `depth` where history reaches that far.
    async fn first_parents(
        &self,
        repo: &Repository,
        head: &CommitSha,
        depth: u32,
    ) -> Result<Vec<CommitSha>, ScmError> {
        self.parts
            .scm
            .first_parents(repo, head, depth.saturating_add(1))
            .await
    }

    async fn push_again(
        &self,
        repo: &Repository,
        branch: &BranchName,
        before: Option<&CommitSha>,
        after: &CommitSha,
    ) -> Result<PushId, ReplayError> {
        let range = self.parts.scm.commits(repo, before, after).await?;
        let push = Push {
            id: PushId(self.parts.ids.fresh()),
            repo: repo.clone(),
            branch: branch.clone(),
            before: before.cloned(),
            after: after.clone(),
            commits: range.commits,
            commit_count: range.count,
            forced: range.forced,
            at: self.parts.clock.now(),
            trust: Trust::Member,
        };
        self.parts.store.record_replay(&push).await?;
        Ok(push.id)
    }
}

/// Each commit with the one before it; the oldest of a list longer than asked only serves as `before`.
fn windows_with_parent(oldest_first: &[CommitSha]) -> Vec<(Option<&CommitSha>, &CommitSha)> {
    match oldest_first {
        [only] => vec![(None, only)],
        more => more.windows(2).map(|pair| (Some(&pair[0]), &pair[1])).collect(),
    }
}
