//! Setting goals again: for a push that has been planned (reset), and for commits that were never pushed (replay).

use thiserror::Error;

use super::Engine;
use super::ingest::IngestError;
use super::planner::Planned;
use crate::kinds::{ActError, Acts};
use crate::model::goal_set::CancelScope;
use crate::model::push::Trust;
use crate::model::{Action, Actor, BranchName, CommitSha, GoalSetId, Push, PushId, Repository, StateName};
use crate::ports::scm::ScmError;
use crate::ports::store::{Cause, GoalSetFilter, StoreError};

/// How often a number among the plans of a push is looked for that nobody else takes at the same moment.
const MOST_TRIES: u32 = 100;

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
    /// Plans a push once more with the goal files in use and sets its goals as a further goal set. Goals of the push that have not
    /// ended are canceled: they would do the same work beside it.
    ///
    /// # Errors
    /// Nothing is set, or the store fails.
    pub async fn set_goals_again(&self, push: &Push) -> Result<GoalSetId, ReplayError> {
        for _ in 0..MOST_TRIES {
            let attempts = self.parts.store.planning_attempts(push.id).await?;
            let planned = attempts.iter().filter(|attempt| attempt.error.is_none()).count();
            let cause = match u32::try_from(planned) {
                Ok(0) => Cause::Push,
                Ok(number) => Cause::Again { number },
                Err(_) => return Err(ReplayError::NoGoals("it was planned too often".to_owned())),
            };
            match self.plan_for(push, &cause, None, 0).await? {
                Planned::Set(id) => return Ok(id),
                Planned::Nothing => return Err(self.no_goals(push).await?),
                // Somebody else was faster with this number: the next one is free.
                Planned::AlreadyThere => {}
            }
        }
        Err(ReplayError::NoGoals(
            "others set them again and again at this moment".to_owned(),
        ))
    }

    async fn no_goals(&self, push: &Push) -> Result<ReplayError, StoreError> {
        let attempts = self.parts.store.planning_attempts(push.id).await?;
        let error = attempts.last().and_then(|attempt| attempt.error.clone());
        Ok(ReplayError::NoGoals(
            error.unwrap_or_else(|| "no rule matched".to_owned()),
        ))
    }

    /// Cancels what has not ended of the sets of a push, except what must not be canceled and what somebody asked for by a command.
    pub(super) async fn make_way_for(&self, push: &Push) -> Result<(), StoreError> {
        let filter = GoalSetFilter {
            repo: Some(push.repo.slug.clone()),
            sha: Some(push.after.clone()),
            active: true,
            limit: 1000,
            ..GoalSetFilter::default()
        };
        for record in self.parts.store.goal_sets(&filter).await? {
            if record.push.id != push.id || matches!(record.cause, Cause::Command { .. }) {
                continue;
            }
            let scope = CancelScope::Superseded {
                goals: Vec::new(),
                states: StateName::ALL.to_vec(),
            };
            let action = Action::Cancel {
                scope,
                actor: Actor::Planner,
                reason: "goals were set again".to_owned(),
            };
            match self.act(record.set.id, &action).await {
                // It ended meanwhile, or nothing of it may be canceled.
                Ok(_) | Err(ActError::Refused(_) | ActError::UnknownSet(_)) => {}
                Err(ActError::Store(error)) => return Err(error),
            }
        }
        Ok(())
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
