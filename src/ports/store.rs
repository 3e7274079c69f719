//! The machine's memory: pushes, plans, goal sets and the log of everything.
//!
//! Every implementation passes the same contract tests. Each method is one transaction; what it returned as done
//! survives a kill at any later moment.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{
    BranchName, CommitSha, Cursor, FeedEntry, Fingerprint, FixedImage, GoalEvent, GoalKey, GoalSet,
    GoalSetId, Job, JobId, News, Plan, Push, PushId, RepoSlug, Repository, Review, StateName, Timestamp,
    Trace, UniqueName,
};

use super::errands::{ErrandStore, JobStore, PreferenceStore};
use super::executor::AttemptRef;
use super::kept::{Kept, KeptArchive, Sought, Success};
use super::replicas::ReplicaStore;
use super::statuses::StatusStore;
use super::team::TeamStore;
use super::team_logs::LogsOnTheirWay;
use super::triggers::TriggerStore;
use crate::model::push::Trust;
use crate::model::queue::ReleaseOn;
use crate::model::set_tag::SetTag;

/// Why the store did not do as asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else wrote first: read again and decide again.
    #[error("the {0} changed meanwhile")]
    Conflict(&'static str),
    /// A stored row contradicts itself.
    #[error("the stored {what} is not valid: {because}")]
    Corrupt {
        /// Which row.
        what: String,
        /// What is wrong with it.
        because: String,
    },
    /// The database was written by a newer program.
    #[error("the database has schema version {found} and this program knows up to {known}")]
    Newer {
        /// In the file.
        found: i64,
        /// Here.
        known: i64,
    },
    /// The disk is full or cannot be written.
    #[error("the state cannot be written")]
    NotWritable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not answer, or lets nobody in.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not one that this machine can use.
    #[error("the database cannot be used: {0}")]
    Unfit(String),
    /// Anything else.
    #[error("failed to {doing}")]
    Failed {
        /// What we were doing.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a goal set exists; with the push it is the set's natural key, so planning twice stores one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// The push itself.
    Push,
    /// A person asked for the goals anew; the number makes each request its own.
    Again {
        /// From 1.
        number: u32,
    },
    /// A command on a repository; the commit it works on is recorded for it alone.
    Command {
        /// The job it is a task of.
        job: JobId,
        /// Name of the command.
        command: String,
        /// Who asked.
        by: String,
        /// Nothing is changed: what would be is shown.
        dry_run: bool,
        /// How many listeners and commands led to it.
        depth: u32,
        /// Forges are asked in the name of whoever asked, by the hub.
        #[serde(default)]
        as_person: bool,
    },
    /// A goal of the push came to a state that rules wait for (semantics 2.8).
    Goal {
        /// Among the plans of the push, from 1.
        number: u32,
        /// The goal's set.
        goal_set: GoalSetId,
        /// The goal.
        goal: GoalKey,
        /// The version that told of the state.
        version: u32,
        /// How many goals triggered each other up to here, from 1.
        chain: u32,
        /// How many listeners and commands led to it.
        depth: u32,
    },
}

impl Cause {
    /// Of the tasks of a job.
    pub fn of_job(job: &Job) -> Self {
        Self::Command {
            job: job.id,
            command: job.command.name.clone(),
            by: job.by.clone(),
            dry_run: job.dry_run,
            depth: job.depth,
            as_person: job.as_person,
        }
    }

    /// Number within the push: 0 for the push itself and for a command, whose push has no other set.
    pub fn number(&self) -> u32 {
        match self {
            Self::Push | Self::Command { .. } => 0,
            Self::Again { number } | Self::Goal { number, .. } => *number,
        }
    }

    /// How many listeners and commands led to it (threat D10).
    pub fn depth(&self) -> u32 {
        match self {
            Self::Push | Self::Again { .. } => 0,
            Self::Command { depth, .. } | Self::Goal { depth, .. } => *depth,
        }
    }

    /// Who asked for it by a command; empty when nobody did.
    pub fn by(&self) -> &str {
        match self {
            Self::Command { by, .. } => by,
            Self::Push | Self::Again { .. } | Self::Goal { .. } => "",
        }
    }

    /// The job of somebody at the hub in whose name forges are asked; none where the machine asks them in its own.
    pub fn in_name_of(&self) -> Option<JobId> {
        match self {
            Self::Command {
                job, as_person: true, ..
            } => Some(*job),
            Self::Command { .. } | Self::Push | Self::Again { .. } | Self::Goal { .. } => None,
        }
    }

    /// How many goals triggered each other up to it (semantics 2.8).
    pub fn chain(&self) -> u32 {
        match self {
            Self::Push | Self::Again { .. } | Self::Command { .. } => 0,
            Self::Goal { chain, .. } => *chain,
        }
    }
}

/// A goal set with what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalSetRecord {
    /// The set.
    pub set: GoalSet,
    /// The push it delivers.
    pub push: Push,
    /// Why it exists.
    pub cause: Cause,
    /// When it was planned.
    pub created_at: Timestamp,
    /// What the rules that set it are tagged with.
    pub tags: Vec<SetTag>,
}

/// The right to report on one attempt until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Attempt and epoch.
    pub attempt: AttemptRef,
    /// Name of the working copy lent to it, when it has one.
    pub workspace: Option<String>,
    /// When it ends unless renewed.
    pub expires_at: Timestamp,
}

/// What happens to leases in the transaction that writes events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseChanges {
    /// Leases to write.
    pub take: Vec<Lease>,
    /// Leases to remove.
    pub drop: Vec<AttemptRef>,
}

/// A goal as the scheduler looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalLocation {
    /// Its set.
    pub goal_set: GoalSetId,
    /// Its key.
    pub goal: GoalKey,
    /// When it came into this state.
    pub since: Timestamp,
    /// Not to be started before.
    pub not_before: Option<Timestamp>,
}

/// Which goal sets to list; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalSetFilter {
    /// Of this repository.
    pub repo: Option<RepoSlug>,
    /// On this branch.
    pub branch: Option<BranchName>,
    /// Of this commit.
    pub sha: Option<CommitSha>,
    /// Whose id begins with this.
    pub id_prefix: Option<String>,
    /// With this tag, whatever its value is where none is said.
    pub tag: Option<SetTag>,
    /// Only active ones.
    pub active: bool,
    /// At most so many; 0 means 50.
    pub limit: u32,
}

/// A goal set that makes way for another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Superseded {
    /// As it was read.
    pub before: GoalSet,
    /// As it is afterwards.
    pub after: GoalSet,
    /// What leads from one to the other.
    pub events: Vec<GoalEvent>,
}

/// A planning attempt of a push.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanningAttempt {
    /// The push.
    pub push: Push,
    /// Which planning of this push.
    pub number: u32,
    /// Why; none when it failed.
    pub cause: Option<Cause>,
    /// When.
    pub at: Timestamp,
    /// The set it led to.
    pub goal_set: Option<GoalSetId>,
    /// Its reasons; `None` when it failed before there were any.
    pub trace: Option<Trace>,
    /// Why it failed.
    pub error: Option<String>,
}

/// See the module.
#[async_trait]
pub trait Store:
    ErrandStore
    + JobStore
    + LogsOnTheirWay
    + PreferenceStore
    + ReplicaStore
    + StatusStore
    + TeamStore
    + TriggerStore
    + Send
    + Sync
{
    /// Remembers a repository or brings what is known of it up to date; `true` at first sight, and then these are its heads.
    async fn remember_repository(
        &self,
        repo: &Repository,
        heads: &BTreeMap<BranchName, CommitSha>,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Every repository that is remembered, by name.
    async fn repositories(&self) -> Result<Vec<Repository>, StoreError>;

    /// Last processed head of each branch.
    async fn branch_heads(&self, repo_key: &str) -> Result<BTreeMap<BranchName, CommitSha>, StoreError>;

    /// Accepts a push: writes it, moves the branch's head to `push.after` and logs it, all or nothing.
    /// `expected` is the head the caller saw (`None`: no head known); `Ok(false)` when the head is another by now.
    async fn record_push(&self, push: &Push, expected: Option<&CommitSha>) -> Result<bool, StoreError>;

    /// Accepts a push for commits that were processed before; the branch's head stays as it is.
    async fn record_replay(&self, push: &Push) -> Result<(), StoreError>;

    /// Sets a head without a push: first sight of a repository, or `None` for a deleted branch.
    async fn set_branch_head(
        &self,
        repo_key: &str,
        branch: &BranchName,
        head: Option<&CommitSha>,
    ) -> Result<(), StoreError>;

    /// A push by id.
    async fn push(&self, id: PushId) -> Result<Option<Push>, StoreError>;

    /// Trust in the pushes that brought a commit: that of the most trusted one; nothing when none of them is known.
    async fn trust_in(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<Trust>, StoreError>;

    /// The newest pushes, newest first.
    async fn pushes(&self, repo: Option<&RepoSlug>, limit: u32) -> Result<Vec<Push>, StoreError>;

    /// Accepted pushes that have no stored plan for `Cause::Push`, oldest first, with the number of failed tries.
    async fn unplanned_pushes(&self) -> Result<Vec<(Push, u32)>, StoreError>;

    /// Stores a plan with its trace and, when it has goals, its goal set (all its version-1 events), in one transaction.
    /// `Ok(false)` when this (push, cause) already has a plan; nothing is written then. The note of the goal that is the
    /// cause goes with it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the goal that is the cause is not noted any more.
    async fn store_plan(
        &self,
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: Option<&GoalSet>,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The same for a set that takes the place of others: they change in the transaction that stores it, or none of it happens.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of them has another number of events by now.
    async fn store_plan_over(
        &self,
        push: &Push,
        cause: &Cause,
        plan: &Plan,
        set: &GoalSet,
        over: &[Superseded],
    ) -> Result<bool, StoreError>;

    /// Records that planning failed; the push stays unplanned.
    async fn store_planning_failure(&self, push: &Push, error: &str, at: Timestamp)
    -> Result<(), StoreError>;

    /// Planning attempts of a push, oldest first.
    async fn planning_attempts(&self, push: PushId) -> Result<Vec<PlanningAttempt>, StoreError>;

    /// A goal set by id.
    async fn goal_set(&self, id: GoalSetId) -> Result<Option<GoalSetRecord>, StoreError>;

    /// Goal sets by filter, newest first.
    async fn goal_sets(&self, filter: &GoalSetFilter) -> Result<Vec<GoalSetRecord>, StoreError>;

    /// Appends events to a set that still has `expected` events, updates the projections and the leases, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the set has another number of events by now.
    async fn append(
        &self,
        before: &GoalSet,
        after: &GoalSet,
        events: &[GoalEvent],
        leases: &LeaseChanges,
    ) -> Result<(), StoreError>;

    /// Goals in one of these states, oldest first.
    async fn goals_in(&self, states: &[StateName]) -> Result<Vec<GoalLocation>, StoreError>;

    /// All leases.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// Moves the expiry of a lease; `Ok(false)` when it is not held any more.
    async fn renew_lease(&self, attempt: &AttemptRef, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Asks for a slot of a queue, to be given back then; asking again changes nothing.
    async fn join_queue(
        &self,
        group: &str,
        set: GoalSetId,
        release_on: ReleaseOn,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Frees slots that sets have given back, then grants free ones; returns all sets that hold one.
    /// `newest_first` picks the newest waiting set instead of the oldest.
    async fn grant_queue(
        &self,
        group: &str,
        concurrent: u32,
        newest_first: bool,
    ) -> Result<Vec<GoalSetId>, StoreError>;

    /// Position of a waiting set in its queue, from 1; `None` when it does not wait.
    async fn queue_position(&self, group: &str, set: GoalSetId) -> Result<Option<u32>, StoreError>;

    /// Entries after a cursor, oldest first.
    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<FeedEntry>, StoreError>;

    /// The last cursor.
    async fn last_cursor(&self) -> Result<Cursor, StoreError>;

    /// Adds a message of the machine.
    async fn say(&self, news: &News, at: Timestamp) -> Result<(), StoreError>;

    /// The version recorded for a commit.
    async fn version(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<String>, StoreError>;

    /// Records the version of a commit.
    async fn set_version(&self, repo_key: &str, sha: &CommitSha, version: &str) -> Result<(), StoreError>;

    /// Records files that a goal left, so that others find them; again is once.
    async fn keep_files(&self, kept: &[Kept]) -> Result<(), StoreError>;

    /// The nearest files that somebody looks for, of equals the newest.
    async fn find_kept(&self, sought: &Sought) -> Result<Option<Kept>, StoreError>;

    /// The outputs that an attempt left.
    async fn outputs_of(&self, success: &Success) -> Result<Vec<Kept>, StoreError>;

    /// Every archive of which files are recorded, those first that are the first to go: what only goals of an ended set could
    /// find, then what was not used for the longest time.
    async fn archives(&self) -> Result<Vec<KeptArchive>, StoreError>;

    /// Notes that an archive was used.
    async fn use_archive(&self, trust: Trust, digest: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Forgets everything recorded of an archive.
    async fn forget_archive(&self, trust: Trust, digest: &str) -> Result<(), StoreError>;

    /// Records a success that may be taken over.
    async fn record_success(&self, success: &Success) -> Result<(), StoreError>;

    /// The newest success with these inputs where `sought` looks for it.
    async fn find_success(&self, inputs: &str, sought: &Sought) -> Result<Option<Success>, StoreError>;

    /// Whether the repository's owner on this machine has said it may run (threat J2).
    async fn is_trusted(&self, repo_key: &str) -> Result<bool, StoreError>;

    /// Says so, or takes it back.
    async fn set_trusted(&self, repo_key: &str, trusted: bool) -> Result<(), StoreError>;

    /// Keeps what the inspections of a goal said, in place of what an earlier attempt of it kept.
    async fn save_review(&self, set: GoalSetId, goal: &GoalKey, review: &Review) -> Result<(), StoreError>;

    /// The reviews of a goal set, by goal.
    async fn reviews(&self, set: GoalSetId) -> Result<Vec<(GoalKey, Review)>, StoreError>;

    /// Fixes what images are by their names in a goal set, except those that are fixed already; what all of these names are
    /// now, in their order.
    async fn fix_images(&self, set: GoalSetId, images: &[FixedImage]) -> Result<Vec<FixedImage>, StoreError>;

    /// What images are fixed for a goal set, by name.
    async fn fixed_images(&self, set: GoalSetId) -> Result<Vec<FixedImage>, StoreError>;

    /// Keeps the fingerprints that a goal took of a commit.
    async fn save_fingerprints(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        goal: &UniqueName,
        fingerprints: &[Fingerprint],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The fingerprints that a goal took of a commit; `None` when it took none of it.
    async fn fingerprints(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        goal: &UniqueName,
    ) -> Result<Option<Vec<Fingerprint>>, StoreError>;

    /// Notes that a goal makes this commit the head of a branch; `chain` counts such pushes in a row, from 1.
    async fn note_generated(
        &self,
        repo_key: &str,
        sha: &CommitSha,
        chain: u32,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The number in the row of such pushes; `None` when no goal of this machine pushed the commit.
    async fn generated(&self, repo_key: &str, sha: &CommitSha) -> Result<Option<u32>, StoreError>;

    /// Keeps the digest of the token by which an attempt may be completed from outside, in place of an earlier one.
    async fn save_completion(&self, attempt: &AttemptRef, digest: &str) -> Result<(), StoreError>;

    /// The last attempt of a goal that may be completed from outside, with the digest of its token.
    async fn completion(
        &self,
        set: GoalSetId,
        goal: &GoalKey,
    ) -> Result<Option<(AttemptRef, String)>, StoreError>;

    /// Removes goal sets that ended before `before`, have no lease and are reported to the hub if there is one, with their events, and returns their attempts so
    /// that logs can go too. Planned pushes of that age without a set go as well unless they are the head of their branch,
    /// and so do messages, and what is known of files and successes that were not used since. Cursors are not given again.
    async fn prune(&self, before: Timestamp) -> Result<Vec<AttemptRef>, StoreError>;

    /// Where it is, for people, when it is one that replicas of the machine share; never with a password.
    fn shared(&self) -> Option<String>;

    /// Brings everything that is written into the one place that a backup copies, where the store keeps some of it
    /// elsewhere for speed. Nothing depends on it but backups.
    async fn fold_log(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// A counter that moves with every stored change: a hint to look. Subscribe before reading, and nothing is missed.
    fn subscribe(&self) -> tokio::sync::watch::Receiver<u64>;
}
