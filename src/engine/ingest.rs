//! Turns what a repository's branches point at into pushes. Whatever told us to look is only a hint: the truth is the
//! difference between the branch heads now and those last processed, so nothing is missed and nothing counts twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use futures_util::future::join_all;
use thiserror::Error;

use super::Engine;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, News, Push, PushId, Repository};
use crate::ports::scm::{Heads, ScmError};
use crate::ports::store::StoreError;

/// Most reasons for leaving something out that are remembered for a repository; more of them are said again.
const MOST_LEFT_OUT: usize = 1000;

/// Why a repository could not be looked at.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The repository.
    #[error(transparent)]
    Scm(#[from] ScmError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Looks at the repository's branches and accepts a push for each that moved. At first sight of a repository its
    /// heads are only remembered: history is not delivered. Of several replicas one looks.
    ///
    /// # Errors
    /// The repository or the store cannot be read; looking again later loses nothing.
    pub async fn observe(&self, repo: &Repository) -> Result<Vec<PushId>, IngestError> {
        if !self.leads() {
            return Ok(Vec::new());
        }
        let lock = self.observation_lock(&repo.key);
        let _alone = lock.lock().await;
        let heads = self.parts.scm.heads(repo).await?;
        let repo = Repository {
            default_branch: heads.default_branch.clone(),
            ..repo.clone()
        };
        self.say_left_out(
            &repo,
            heads.refused.iter().map(|reason| format!("branch {reason}")),
        )
        .await?;
        let now = self.parts.clock.now();
        if self
            .parts
            .store
            .remember_repository(&repo, &heads.branches, now)
            .await?
        {
            self.observe_tags(&repo).await?;
            return Ok(Vec::new());
        }
        let known = self.parts.store.branch_heads(&repo.key).await?;
        self.forget_deleted(&repo, &heads, &known).await?;
        self.fetch_together(&repo, &heads, &known).await;
        self.observe_tags(&repo).await?;
        let mut accepted = Vec::new();
        for (branch, head) in &heads.branches {
            let before = known.get(branch);
            if before == Some(head) {
                continue;
            }
            match self.moved(&repo, branch, before, head, &known).await {
                // One branch that leads nowhere holds no other one up.
                Err(IngestError::Scm(ScmError::CommitGone(sha))) if sha == *head => {
                    let reason = format!(
                        "branch `{branch}`: it points at {}, which is no commit of the repository",
                        sha.short()
                    );
                    self.say_left_out(&repo, std::iter::once(reason)).await?;
                }
                moved => accepted.extend(moved?),
            }
        }
        Ok(accepted)
    }

    /// Says once, as long as this process lives, what is left out and why.
    async fn say_left_out(
        &self,
        repo: &Repository,
        reasons: impl Iterator<Item = String>,
    ) -> Result<(), StoreError> {
        let fresh: Vec<String> = {
            let mut said = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            let said = said.entry(repo.key.clone()).or_default();
            if said.len() > MOST_LEFT_OUT {
                said.clear();
            }
            reasons.filter(|reason| said.insert(reason.clone())).collect()
        };
        for reason in fresh {
            self.say(repo, format!("left out: {reason}")).await?;
        }
        Ok(())
    }

    pub(super) fn observation_lock(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.observing.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(key.to_owned()).or_default().clone()
    }

    /// Several heads that moved at once are one fetch; what fails here is fetched and reported again by itself.
    async fn fetch_together(
        &self,
        repo: &Repository,
        heads: &Heads,
        known: &BTreeMap<BranchName, CommitSha>,
    ) {
        let processed: BTreeSet<&CommitSha> = known.values().collect();
        let moved: BTreeSet<&CommitSha> = heads
            .branches
            .values()
            .filter(|head| !processed.contains(head))
            .collect();
        if moved.len() > 1 {
            let fetches = moved.into_iter().map(|head| self.parts.scm.fetch(repo, head));
            for error in join_all(fetches).await.into_iter().filter_map(Result::err) {
                tracing::debug!(repo = %repo.slug, error = %error, "a head was not fetched with the others");
            }
        }
    }

    async fn forget_deleted(
        &self,
        repo: &Repository,
        heads: &Heads,
        known: &BTreeMap<BranchName, CommitSha>,
    ) -> Result<(), StoreError> {
        for branch in known
            .keys()
            .filter(|branch| !heads.branches.contains_key(*branch))
        {
            self.parts.store.set_branch_head(&repo.key, branch, None).await?;
        }
        Ok(())
    }

    /// One branch moved: a push, unless there is nothing new to deliver.
    async fn moved(
        &self,
        repo: &Repository,
        branch: &BranchName,
        before: Option<&CommitSha>,
        head: &CommitSha,
        known: &BTreeMap<BranchName, CommitSha>,
    ) -> Result<Option<PushId>, IngestError> {
        let only_named = before.is_none() && known.values().any(|other| other == head);
        if only_named || branch.is_internal() {
            self.parts
                .store
                .set_branch_head(&repo.key, branch, Some(head))
                .await?;
            return Ok(None);
        }
        self.parts.scm.fetch(repo, head).await?;
        let range = self.parts.scm.commits(repo, before, head).await?;
        if range.count == 0 {
            self.parts
                .store
                .set_branch_head(&repo.key, branch, Some(head))
                .await?;
            self.say(
                repo,
                format!("{branch} moved back to {}: nothing new to deliver", head.short()),
            )
            .await?;
            return Ok(None);
        }
        let push = Push {
            id: PushId(self.parts.ids.fresh()),
            repo: repo.clone(),
            branch: branch.clone(),
            before: before.cloned(),
            after: head.clone(),
            commits: range.commits,
            commit_count: range.count,
            forced: range.forced,
            at: self.parts.clock.now(),
            trust: Trust::Member,
        };
        self.take_in(push.id);
        let accepted = self.parts.store.record_push(&push, before).await?;
        Ok(accepted.then_some(push.id))
    }

    pub(super) async fn say(&self, repo: &Repository, text: String) -> Result<(), StoreError> {
        let news = News::Message {
            text,
            repo: Some(repo.slug.clone()),
        };
        self.parts.store.say(&news, self.parts.clock.now()).await
    }
}
