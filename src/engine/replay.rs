//! Setting goals again: for a push that has been planned (reset), and for commits that were never pushed (replay).

use thiserror::Error;

use super::Engine;
use super::ingest::IngestError;
use super::planner::Planned;
use crate::model::goal_set::CancelScope;
use crate::model::push::Trust;
use crate::model::{
    Action, Actor, BranchName, CommitSha, GoalSet, GoalSetId, Plan, Push, PushId, Repository, StateName,
};
use crate::ports::scm::ScmError;
use crate::ports::store::{Cause, GoalSetFilter, PlanningAttempt, StoreError, Superseded};

/// How often a number among the plans of a push is looked for that nobody else takes at the same moment.
const MOST_TRIES: u32 = 100;

/// The number that no plan of the push has yet; 0 when there is none.
pub(super) fn next_number(attempts: &[PlanningAttempt]) -> u32 {
    let taken = attempts
        .iter()
        .filter_map(|attempt| attempt.cause.as_ref())
        .map(Cause::number);
    taken.max().map_or(0, |last| last.saturating_add(1))
}

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
            let cause = match next_number(&attempts) {
                0 => Cause::Push,
                number => Cause::Again { number },
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

    /// Stores a plan in the place of the earlier ones of its push, all or nothing: what has not ended of their sets is canceled,
    /// except what must not be canceled and what somebody asked for by a command.
    pub(super) async fn store_over(
        &self,
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: &GoalSet,
    ) -> Result<bool, StoreError> {
        for _ in 0..MOST_TRIES {
            let over = self.making_way_for(push).await?;
            match self
                .parts
                .store
                .store_plan_over(push, cause, plan, set, &over)
                .await
            {
                // One of them moved on meanwhile.
                Err(StoreError::Conflict(_)) => {}
                stored => return stored,
            }
        }
        Err(StoreError::Conflict("goal sets of the push"))
    }

    async fn making_way_for(&self, push: &Push) -> Result<Vec<Superseded>, StoreError> {
        let filter = GoalSetFilter {
            repo: Some(push.repo.slug.clone()),
            sha: Some(push.after.clone()),
            active: true,
            limit: 1000,
            ..GoalSetFilter::default()
        };
        let scope = CancelScope::Superseded {
            goals: Vec::new(),
            states: StateName::ALL.to_vec(),
        };
        let action = Action::Cancel {
            scope,
            actor: Actor::Planner,
            reason: "goals were set again".to_owned(),
        };
        let mut over = Vec::new();
        for record in self.parts.store.goal_sets(&filter).await? {
            if record.push.id != push.id || matches!(record.cause, Cause::Command { .. }) {
                continue;
            }
            // It ended meanwhile, or nothing of it may be canceled.
            let Ok((mut after, mut events)) = record.set.act(&action, self.parts.clock.now()) else {
                continue;
            };
            self.sign(&record, &mut after, &mut events)?;
            over.push(Superseded {
                before: record.set,
                after,
                events,
            });
        }
        Ok(over)
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
        self.take_in(push.id);
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
