//! A push that somebody else tells of, such as a hub: told exactly, perhaps twice, late or out of order.

use super::Engine;
use super::ingest::IngestError;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, Push, PushId, Repository, Timestamp};

/// A push as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldPush {
    /// The same however often it is told.
    pub id: PushId,
    /// Where.
    pub repo: Repository,
    /// Which branch.
    pub branch: BranchName,
    /// Its head before; none for a new branch.
    pub before: Option<CommitSha>,
    /// Its head afterwards.
    pub after: CommitSha,
    /// Trust in its author.
    pub trust: Trust,
}

impl ToldPush {
    /// The push as far as it is known before its commits are here.
    pub fn without_commits(&self, at: Timestamp) -> Push {
        Push {
            id: self.id,
            repo: self.repo.clone(),
            branch: self.branch.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            commits: Vec::new(),
            commit_count: 0,
            forced: false,
            at,
            trust: self.trust,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is a push of this machine now.
    New,
    /// It was one before, or its commits were.
    Known,
    /// It brings no commit.
    Nothing,
}

impl Engine {
    /// Accepts a push, once.
    ///
    /// # Errors
    /// The repository or the store cannot be read; telling it again later loses nothing.
    pub async fn accept(&self, told: &ToldPush) -> Result<Accepted, IngestError> {
        let lock = self.observation_lock(&told.repo.key);
        let _alone = lock.lock().await;
        let store = &self.parts.store;
        if store.push(told.id).await?.is_some() {
            return Ok(Accepted::Known);
        }
        self.meet(told).await?;
        if told.branch.is_internal() {
            return Ok(Accepted::Nothing);
        }
        if told.trust == Trust::Untrusted {
            return self.accept_untrusted(told).await;
        }
        let heads = store.branch_heads(&told.repo.key).await?;
        let head = heads.get(&told.branch);
        if head == Some(&told.after) {
            return Ok(Accepted::Known);
        }
        self.parts.scm.fetch(&told.repo, &told.after).await?;
        let range = self
            .parts
            .scm
            .commits(&told.repo, told.before.as_ref(), &told.after)
            .await?;
        if range.count == 0 {
            let text = format!(
                "{} moved back to {}: nothing new to deliver",
                told.branch,
                told.after.short()
            );
            self.say(&told.repo, text).await?;
            store
                .set_branch_head(&told.repo.key, &told.branch, Some(&told.after))
                .await?;
            return Ok(Accepted::Nothing);
        }
        let push = Push {
            commits: range.commits,
            commit_count: range.count,
            forced: range.forced,
            ..told.without_commits(self.parts.clock.now())
        };
        let accepted = self.keep_push(&push).await?;
        self.observe_tags(&told.repo).await?;
        Ok(accepted)
    }

    /// What is not trusted moves no branch of the repository, and is not compared with what its members pushed.
    async fn accept_untrusted(&self, told: &ToldPush) -> Result<Accepted, IngestError> {
        let scm = &self.parts.scm;
        for sha in std::iter::once(&told.after).chain(&told.before) {
            scm.fetch(&told.repo, sha).await?;
        }
        let range = scm.commits(&told.repo, told.before.as_ref(), &told.after).await?;
        if range.count == 0 {
            return Ok(Accepted::Nothing);
        }
        let push = Push {
            commits: range.commits,
            commit_count: range.count,
            forced: range.forced,
            ..told.without_commits(self.parts.clock.now())
        };
        self.take_in(push.id);
        self.parts.store.record_replay(&push).await?;
        Ok(Accepted::New)
    }

    /// Until it is kept: another replica may move the head meanwhile.
    async fn keep_push(&self, push: &Push) -> Result<Accepted, IngestError> {
        let store = &self.parts.store;
        self.take_in(push.id);
        loop {
            let heads = store.branch_heads(&push.repo.key).await?;
            let head = heads.get(&push.branch);
            if head == Some(&push.after) {
                return Ok(Accepted::Known);
            }
            if self.is_late(push, head).await? {
                store.record_replay(push).await?;
                return Ok(Accepted::New);
            }
            if store.record_push(push, head).await? {
                return Ok(Accepted::New);
            }
        }
    }

    /// A push that was told late leaves the head where later ones have moved it.
    async fn is_late(&self, push: &Push, head: Option<&CommitSha>) -> Result<bool, IngestError> {
        match head {
            Some(head) if Some(head) != push.before.as_ref() => {
                self.lies_before(&push.repo, &push.after, head).await
            }
            Some(_) | None => Ok(false),
        }
    }

    async fn lies_before(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        head: &CommitSha,
    ) -> Result<bool, IngestError> {
        // A head that was forced away is not there to compare with, so nothing lies before it.
        if self.parts.scm.fetch(repo, head).await.is_err() {
            return Ok(false);
        }
        let beyond = self.parts.scm.commits(repo, Some(head), sha).await?;
        Ok(beyond.count == 0)
    }

    /// At first sight the heads of all other branches count as processed: history is not delivered.
    async fn meet(&self, told: &ToldPush) -> Result<(), IngestError> {
        let store = &self.parts.store;
        let is_known = store
            .repositories()
            .await?
            .iter()
            .any(|known| known.key == told.repo.key);
        let mut others = std::collections::BTreeMap::new();
        if !is_known {
            others = self.parts.scm.heads(&told.repo).await?.branches;
            if told.trust == Trust::Member {
                others.remove(&told.branch);
                others.extend(told.before.clone().map(|before| (told.branch.clone(), before)));
            }
        }
        let now = self.parts.clock.now();
        store.remember_repository(&told.repo, &others, now).await?;
        Ok(())
    }
}
