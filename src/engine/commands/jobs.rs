//! Carries jobs on: begins tasks while there is room. What a task does is a goal set, and that is carried out like any other.

use super::ask::{numbered, seed_of};
use super::goal::{parameters_for, rule_set};
use crate::engine::Engine;
use crate::engine::explain::plan_with;
use crate::engine::words::chain;
use crate::kinds::lookup::MATCHES;
use crate::kinds::transform;
use crate::model::push::Trust;
use crate::model::{
    BranchName, CommandWork, CommitSha, GoalSetId, Job, JobId, JobTask, Plan, Push, PushId, Repository,
    TaskState,
};
use crate::ports::scm::{Heads, ScmError};
use crate::ports::store::{Cause, StoreError};

/// Among so many of the newest pushes of a repository a commit is looked for that is the head of none.
const MOST_PUSHES: u32 = 1_000;

/// What became of beginning a task.
enum Begun {
    /// It has a goal set.
    Begun,
    /// It ended without one.
    Settled(TaskState, String),
}

impl Engine {
    /// Begins what waits, as far as each job has room.
    pub(in crate::engine) async fn carry_jobs(&self) -> Result<(), StoreError> {
        for id in self.parts.store.waiting_jobs().await? {
            if self.replicas.has_others() && self.parts.store.is_job_elsewhere(id).await? {
                continue;
            }
            self.carry_job(id).await?;
        }
        Ok(())
    }

    async fn carry_job(&self, id: JobId) -> Result<(), StoreError> {
        let Some((job, tasks)) = self.parts.store.job(id).await? else {
            return Ok(());
        };
        let mut room = job
            .concurrent
            .saturating_sub(self.parts.store.active_tasks(id).await?);
        for task in tasks.iter().filter(|task| task.state == TaskState::Waiting) {
            if room == 0 {
                return Ok(());
            }
            match self.begin_task(&job, task).await? {
                Begun::Begun => room -= 1,
                Begun::Settled(state, message) => {
                    self.parts
                        .store
                        .settle_task(id, task.number, state, &message)
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn begin_task(&self, job: &Job, task: &JobTask) -> Result<Begun, StoreError> {
        let failed = |message: String| Ok(Begun::Settled(TaskState::Failed, message));
        if !job.secrets.is_empty() && !self.vault.has(job.id.0) {
            return failed(
                "its secret parameters were kept in memory only and are gone: run it again".to_owned(),
            );
        }
        if !self.is_trusted_for(job, &task.repo).await? {
            let slug = &task.repo.slug;
            return failed(format!("{slug} is not trusted: say `sdm trust {slug}`"));
        }
        let push = match self.commit_of(job, task).await {
            Ok(push) => push,
            Err(because) => return failed(because),
        };
        match self.plan_task(job, &push).await {
            Err(because) => failed(because),
            Ok(plan) if plan.goals.is_empty() => {
                let because = plan
                    .trace
                    .rules
                    .first()
                    .map(|rule| rule.because.clone())
                    .unwrap_or_default();
                Ok(Begun::Settled(TaskState::NotConcerned, because))
            }
            Ok(plan) => {
                let id = GoalSetId(self.parts.ids.fresh());
                let set = self.plan_set(
                    id,
                    (&job.command.name, &plan),
                    &push,
                    &Cause::of_job(job),
                    push.at,
                )?;
                self.parts
                    .store
                    .begin_task(job, task.number, &push, &plan, &set)
                    .await?;
                Ok(Begun::Begun)
            }
        }
    }

    /// Whoever writes goal files trusts the seed that they name there.
    async fn is_trusted_for(&self, job: &Job, repo: &Repository) -> Result<bool, StoreError> {
        if self.settings.trust_all || self.parts.store.is_trusted(&repo.key).await? {
            return Ok(true);
        }
        let Some(seed) = seed_of(&job.command) else {
            return Ok(false);
        };
        let located = self.parts.scm.located(seed).await;
        Ok(repo.slug.to_string() == seed || located.is_ok_and(|seed| seed.key == repo.key))
    }

    /// The commit a task works on, as a push of it would be.
    async fn commit_of(&self, job: &Job, task: &JobTask) -> Result<Push, String> {
        self.read_commit(job, task).await.map_err(|error| match error {
            NoCommit::Scm(error) => chain(&error),
            NoCommit::Told(text) => text,
        })
    }

    async fn read_commit(&self, job: &Job, task: &JobTask) -> Result<Push, NoCommit> {
        let scm = &self.parts.scm;
        let heads = scm.heads(&task.repo).await?;
        let branch = task.branch.clone().or_else(|| heads.default_branch.clone());
        let branch = branch.ok_or_else(|| NoCommit::Told("it has no branch".to_owned()))?;
        // Also beside a commit: what changes of it would go to a branch that is not there.
        if task.branch.is_some() && !heads.branches.contains_key(&branch) {
            return Err(NoCommit::Told(format!("it has no branch {branch}")));
        }
        let branch = match task.sha {
            Some(_) => branch,
            None => self
                .continued(job, task, &heads, &branch)
                .await?
                .unwrap_or(branch),
        };
        let head = heads.branches.get(&branch).cloned();
        let Some(sha) = task.sha.clone().or(head) else {
            return Err(NoCommit::Told(format!("it has no branch {branch}")));
        };
        let repo = Repository {
            default_branch: heads.default_branch,
            ..task.repo.clone()
        };
        scm.fetch(&repo, &sha).await?;
        let before = scm.first_parents(&repo, &sha, 2).await?.get(1).cloned();
        let range = scm.commits(&repo, before.as_ref(), &sha).await?;
        let trust = self.trust_in(&repo, task.sha.as_ref()).await?;
        Ok(Push {
            id: PushId(self.parts.ids.fresh()),
            repo,
            branch,
            before,
            after: sha,
            commits: range.commits,
            commit_count: range.count,
            forced: false,
            at: self.parts.clock.now(),
            trust,
        })
    }

    /// What a branch points at is a member's. A commit that is named is trusted as far as the pushes that brought it.
    async fn trust_in(&self, repo: &Repository, named: Option<&CommitSha>) -> Result<Trust, NoCommit> {
        let Some(sha) = named else {
            return Ok(Trust::Member);
        };
        let failed = |error: StoreError| NoCommit::Told(chain(&error));
        let store = &self.parts.store;
        if let Some(known) = store.trust_in(&repo.key, sha).await.map_err(failed)? {
            return Ok(known);
        }
        let pushes = store
            .pushes(Some(&repo.slug), MOST_PUSHES)
            .await
            .map_err(failed)?;
        let brought = |trust: Trust| {
            let mut pushes = pushes
                .iter()
                .filter(|push| push.repo.key == repo.key && push.trust == trust);
            pushes.any(|push| push.commits.iter().any(|commit| commit.sha == *sha))
        };
        Ok(match brought(Trust::Untrusted) && !brought(Trust::Member) {
            true => Trust::Untrusted,
            false => Trust::Member,
        })
    }

    /// The branch of its own that a transform goes on with, so that running it again changes one branch; `None` when there is
    /// none, or nothing on it that the target branch does not have.
    async fn continued(
        &self,
        job: &Job,
        task: &JobTask,
        heads: &Heads,
        target: &BranchName,
    ) -> Result<Option<BranchName>, ScmError> {
        let Some(own) = own_branch(job, &task.repo) else {
            return Ok(None);
        };
        let (Some(made), Some(target)) = (heads.branches.get(&own), heads.branches.get(target)) else {
            return Ok(None);
        };
        if made == target {
            return Ok(None);
        }
        let scm = &self.parts.scm;
        scm.fetch(&task.repo, made).await?;
        scm.fetch(&task.repo, target).await?;
        let ahead = scm.commits(&task.repo, Some(target), made).await?;
        Ok((ahead.count > 0).then_some(own))
    }

    /// The goal of the command where its test holds, with the reasons; no goal where it does not.
    async fn plan_task(&self, job: &Job, push: &Push) -> Result<Plan, String> {
        let rules = rule_set(&job.command, parameters_for(job, &push.repo));
        let rules = rules.map_err(|problems| {
            problems
                .into_iter()
                .next()
                .map(|problem| problem.message)
                .unwrap_or_default()
        })?;
        let facts = self.planning_facts().await.map_err(|error| chain(&error))?;
        let (scm, push) = (self.parts.scm.clone(), push.clone());
        let task = tokio::task::spawn_blocking(move || plan_with(&rules, &facts, &scm, &push));
        let (mut plan, error) = task.await.expect("planning does not panic and is not aborted");
        for goal in &mut plan.goals {
            goal.facts
                .insert(MATCHES.to_owned(), numbered(&job.matches).into());
        }
        match error {
            Some(error) => Err(error),
            None => Ok(plan),
        }
    }

    /// Tasks that wait will not begin any more.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn cancel_job(&self, id: JobId, reason: &str) -> Result<u32, StoreError> {
        let Some((_, tasks)) = self.parts.store.job(id).await? else {
            return Ok(0);
        };
        let mut canceled = 0;
        for task in tasks.iter().filter(|task| task.state == TaskState::Waiting) {
            let settled = self
                .parts
                .store
                .settle_task(id, task.number, TaskState::Canceled, reason)
                .await?;
            canceled += u32::from(settled);
        }
        Ok(canceled)
    }
}

/// The branch of its own that a transform leaves its commit on.
fn own_branch(job: &Job, repo: &Repository) -> Option<BranchName> {
    let CommandWork::Goal(work) = &job.command.work else {
        return None;
    };
    if work.kind != "transform" {
        return None;
    }
    let parameters = parameters_for(job, repo);
    // What is wrong with it the goal itself says.
    transform::own_branch(&work.arguments, &parameters, &repo.slug, &job.command.name).ok()?
}

enum NoCommit {
    Scm(ScmError),
    Told(String),
}

impl From<ScmError> for NoCommit {
    fn from(error: ScmError) -> Self {
        Self::Scm(error)
    }
}
