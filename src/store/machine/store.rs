//! The port: each method hands over to the file that knows.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::append::Append;
use super::completions::{self, SaveCompletion};
use super::database;
use super::facts::{self, SetTrusted, SetVersion};
use super::feed::{self, Entry, Say};
use super::fingerprints::{self, SaveFingerprints};
use super::generated::{self, NoteGenerated};
use super::images::{self, FixImages};
use super::kept::{self, ForgetArchive, KeepFiles, RecordSuccess, UseArchive};
use super::leases::{self, RenewLease};
use super::plans::{self, StorePlan, StorePlanningFailure};
use super::prune::Prune;
use super::pushes::{self, RecordPush, SetBranchHead};
use super::queues::{self, GrantQueue, JoinQueue};
use super::repositories::{self, RememberRepository};
use super::reviews::{self, SaveReview};
use super::rows::to_json;
use super::{SqlStore, goal_sets, goals};
use crate::model::push::Trust;
use crate::model::queue::ReleaseOn;
use crate::model::{
    BranchName, CommitSha, Cursor, FeedEntry, Fingerprint, FixedImage, GoalEvent, GoalKey, GoalSet,
    GoalSetId, News, Plan, Push, PushId, RepoSlug, Repository, Review, StateName, Timestamp, UniqueName,
};
use crate::ports::kept::{Kept, KeptArchive, Sought, Success};
use crate::ports::store::{
    Cause, GoalLocation, GoalSetFilter, GoalSetRecord, Lease, LeaseChanges, PlanningAttempt, StoreError,
    Superseded,
};
use crate::ports::{AttemptRef, Store};
use crate::store::place::Place;

#[async_trait]
impl Store for SqlStore {
    async fn remember_repository(
        &self,
        repo: &Repository,
        heads: &BTreeMap<BranchName, CommitSha>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        if repositories::is_known_as(&self.readers, repo).await? {
            return Ok(false);
        }
        self.writer
            .write(RememberRepository {
                repo: repo.clone(),
                heads: heads.clone(),
                at,
            })
            .await
    }

    async fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        repositories::all(&self.readers).await
    }

    async fn branch_heads(&self, repo_key: &str) -> Result<BTreeMap<BranchName, CommitSha>, StoreError> {
        pushes::branch_heads(&self.readers, repo_key).await
    }

    async fn record_push(&self, push: &Push, expected: Option<&CommitSha>) -> Result<bool, StoreError> {
        self.writer.write(RecordPush::new(push, expected)).await
    }

    async fn record_replay(&self, push: &Push) -> Result<(), StoreError> {
        self.writer.write(RecordPush::again(push)).await.map(|_| ())
    }

    async fn set_branch_head(
        &self,
        repo_key: &str,
        branch: &BranchName,
        head: Option<&CommitSha>,
    ) -> Result<(), StoreError> {
        let write = SetBranchHead {
            repo_key: repo_key.to_owned(),
            branch: branch.clone(),
            head: head.cloned(),
        };
        self.writer.write(write).await
    }

    async fn push(&self, id: PushId) -> Result<Option<Push>, StoreError> {
        pushes::push(&self.readers, id).await
    }

    async fn trust_in(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<Trust>, StoreError> {
        pushes::trust_in(&self.readers, repo_key, sha).await
    }

    async fn pushes(&self, repo: Option<&RepoSlug>, limit: u32) -> Result<Vec<Push>, StoreError> {
        pushes::pushes(&self.readers, repo, limit).await
    }

    async fn unplanned_pushes(&self) -> Result<Vec<(Push, u32)>, StoreError> {
        pushes::unplanned_pushes(&self.readers).await
    }

    async fn store_plan(
        &self,
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: Option<&GoalSet>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let stored = self
            .writer
            .write(StorePlan::new(push, cause, plan, set, at)?)
            .await?;
        if let (true, Some(set)) = (stored, set) {
            self.remembered.keep(set);
        }
        Ok(stored)
    }

    async fn store_plan_over(
        &self,
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: &GoalSet,
        over: &[Superseded],
    ) -> Result<bool, StoreError> {
        let at = set.goals().iter().map(|goal| goal.changed_at).max();
        let at = at.unwrap_or(Timestamp::from_micros(0));
        let write = StorePlan::new(push, cause, plan, Some(set), at)?.over(over)?;
        let stored = self.writer.write(write).await?;
        if stored {
            over.iter().for_each(|one| self.remembered.keep(&one.after));
            self.remembered.keep(set);
        }
        Ok(stored)
    }

    async fn store_planning_failure(
        &self,
        push: &Push,
        error: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(StorePlanningFailure::new(push, error, at))
            .await
    }

    async fn planning_attempts(&self, push: PushId) -> Result<Vec<PlanningAttempt>, StoreError> {
        match self.push(push).await? {
            None => Ok(Vec::new()),
            Some(push) => plans::planning_attempts(&self.readers, push).await,
        }
    }

    async fn goal_set(&self, id: GoalSetId) -> Result<Option<GoalSetRecord>, StoreError> {
        goal_sets::goal_set(&self.readers, &self.remembered, id).await
    }

    async fn goal_sets(&self, filter: &GoalSetFilter) -> Result<Vec<GoalSetRecord>, StoreError> {
        goal_sets::goal_sets(&self.readers, &self.remembered, filter).await
    }

    async fn append(
        &self,
        before: &GoalSet,
        after: &GoalSet,
        events: &[GoalEvent],
        leases: &LeaseChanges,
    ) -> Result<(), StoreError> {
        self.writer
            .write(Append::new(before, after, events, leases)?.by(&self.replica))
            .await?;
        self.remembered.keep(after);
        Ok(())
    }

    async fn goals_in(&self, states: &[StateName]) -> Result<Vec<GoalLocation>, StoreError> {
        goals::goals_in(&self.readers, states).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        leases::leases(&self.readers).await
    }

    async fn renew_lease(&self, attempt: &AttemptRef, expires_at: Timestamp) -> Result<bool, StoreError> {
        let write = RenewLease {
            attempt: attempt.clone(),
            expires_at,
        };
        self.writer.write(write).await
    }

    async fn join_queue(
        &self,
        group: &str,
        set: GoalSetId,
        release_on: ReleaseOn,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let write = JoinQueue {
            queue: group.to_owned(),
            set,
            release_on,
            at,
        };
        self.writer.write(write).await
    }

    async fn grant_queue(
        &self,
        group: &str,
        concurrent: u32,
        newest_first: bool,
    ) -> Result<Vec<GoalSetId>, StoreError> {
        let write = GrantQueue {
            queue: group.to_owned(),
            concurrent,
            newest_first,
        };
        self.writer.write(write).await
    }

    async fn queue_position(&self, group: &str, set: GoalSetId) -> Result<Option<u32>, StoreError> {
        queues::position(&self.readers, group, set).await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<FeedEntry>, StoreError> {
        feed::feed(&self.readers, after, limit).await
    }

    async fn last_cursor(&self) -> Result<Cursor, StoreError> {
        feed::last_cursor(&self.readers, self.dialect).await
    }

    async fn say(&self, news: &News, at: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Say(Entry::new(news, at))).await
    }

    async fn version(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<String>, StoreError> {
        facts::version(&self.readers, repo_key, sha).await
    }

    async fn set_version(&self, repo_key: &str, sha: &CommitSha, version: &str) -> Result<(), StoreError> {
        let write = SetVersion {
            repo_key: repo_key.to_owned(),
            sha: sha.clone(),
            version: version.to_owned(),
        };
        self.writer.write(write).await
    }

    async fn keep_files(&self, kept: &[Kept]) -> Result<(), StoreError> {
        self.writer.write(KeepFiles(kept.to_vec())).await
    }

    async fn find_kept(&self, sought: &Sought) -> Result<Option<Kept>, StoreError> {
        kept::find(&self.readers, sought).await
    }

    async fn outputs_of(&self, success: &Success) -> Result<Vec<Kept>, StoreError> {
        kept::of_attempt(&self.readers, success).await
    }

    async fn archives(&self) -> Result<Vec<KeptArchive>, StoreError> {
        kept::archives(&self.readers).await
    }

    async fn use_archive(&self, trust: Trust, digest: &str, at: Timestamp) -> Result<(), StoreError> {
        let digest = digest.to_owned();
        self.writer.write(UseArchive { trust, digest, at }).await
    }

    async fn forget_archive(&self, trust: Trust, digest: &str) -> Result<(), StoreError> {
        let digest = digest.to_owned();
        self.writer.write(ForgetArchive { trust, digest }).await
    }

    async fn record_success(&self, success: &Success) -> Result<(), StoreError> {
        self.writer.write(RecordSuccess(success.clone())).await
    }

    async fn find_success(&self, inputs: &str, sought: &Sought) -> Result<Option<Success>, StoreError> {
        kept::success(&self.readers, inputs, sought).await
    }

    async fn is_trusted(&self, repo_key: &str) -> Result<bool, StoreError> {
        facts::is_trusted(&self.readers, repo_key).await
    }

    async fn set_trusted(&self, repo_key: &str, trusted: bool) -> Result<(), StoreError> {
        let write = SetTrusted {
            repo_key: repo_key.to_owned(),
            trusted,
        };
        self.writer.write(write).await
    }

    async fn save_review(&self, set: GoalSetId, goal: &GoalKey, review: &Review) -> Result<(), StoreError> {
        let write = SaveReview {
            set,
            goal: goal.clone(),
            body: to_json(review),
        };
        self.writer.write(write).await
    }

    async fn reviews(&self, set: GoalSetId) -> Result<Vec<(GoalKey, Review)>, StoreError> {
        reviews::reviews(&self.readers, set).await
    }

    async fn fix_images(&self, set: GoalSetId, images: &[FixedImage]) -> Result<Vec<FixedImage>, StoreError> {
        let images = images.to_vec();
        self.writer.write(FixImages { set, images }).await
    }

    async fn fixed_images(&self, set: GoalSetId) -> Result<Vec<FixedImage>, StoreError> {
        images::fixed(&self.readers, set).await
    }

    async fn save_fingerprints(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        goal: &UniqueName,
        fingerprints: &[Fingerprint],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let write = SaveFingerprints {
            repo_key: repo_key.to_owned(),
            sha: sha.clone(),
            goal: goal.clone(),
            at,
            body: to_json(&fingerprints),
        };
        self.writer.write(write).await
    }

    async fn fingerprints(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        goal: &UniqueName,
    ) -> Result<Option<Vec<Fingerprint>>, StoreError> {
        fingerprints::fingerprints(&self.readers, repo_key, sha, goal).await
    }

    async fn note_generated(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        chain: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let write = NoteGenerated {
            repo_key: repo_key.to_owned(),
            sha: sha.clone(),
            chain,
            at,
        };
        self.writer.write(write).await
    }

    async fn generated(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<u32>, StoreError> {
        generated::chain(&self.readers, repo_key, sha).await
    }

    async fn save_completion(&self, attempt: &AttemptRef, digest: &str) -> Result<(), StoreError> {
        let write = SaveCompletion {
            attempt: attempt.clone(),
            digest: digest.to_owned(),
        };
        self.writer.write(write).await
    }

    async fn completion(
        &self,
        set: GoalSetId,
        goal: &GoalKey,
    ) -> Result<Option<(AttemptRef, String)>, StoreError> {
        completions::completion(&self.readers, set, goal).await
    }

    async fn prune(&self, before: Timestamp) -> Result<Vec<AttemptRef>, StoreError> {
        let replica = self.replica.clone();
        self.writer.write(Prune { before, replica }).await
    }

    fn shared(&self) -> Option<String> {
        match &self.place {
            Place::File(_) => None,
            place @ Place::Postgres(_) => Some(place.shown()),
        }
    }

    async fn fold_log(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::File(path) => database::fold_log(path).await,
            Place::Postgres(_) => Ok(()),
        }
    }

    fn subscribe(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
