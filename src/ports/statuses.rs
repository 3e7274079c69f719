//! What forges are told of commits (semantics 6, "Commit status"): which commits they have to hear of, and what they heard last.
//!
//! The log is read by cursor, and the commits that it says something of are noted together with how far it was read. So what
//! waits has one note for a commit however much happened to it, and a forge that is away holds up no other.

use async_trait::async_trait;

use super::checks::{CheckRun, CheckState};
use super::forges::Report;
use super::store::StoreError;
use crate::model::{CommitSha, Cursor, GoalSetId};

/// A commit of which the log says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedCommit {
    /// Its repository.
    pub repo_key: String,
    /// It.
    pub sha: CommitSha,
    /// The forge that is to hear of it.
    pub forge: String,
    /// The goal set that something happened to last.
    pub goal_set: GoalSetId,
    /// The entry of the log that says so.
    pub due: Cursor,
}

/// A commit of which its forge does not know the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCommit {
    /// Which.
    pub noted: NotedCommit,
    /// What the forge was told last.
    pub told: Option<Report>,
}

/// A check that a forge was asked to make for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCheck {
    /// What it is called.
    pub context: String,
    /// The id by which it is ours: noted before the forge is asked, so that one whose answer got lost is found again.
    pub id: String,
    /// The run that the forge made; none until it has answered.
    pub run: Option<CheckRun>,
    /// What it was told last.
    pub told: Option<ToldCheck>,
}

/// What a forge was told of a check.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToldCheck {
    /// How it stood.
    pub state: CheckState,
    /// A digest of all that was said.
    pub digest: String,
}

/// See the module.
#[async_trait]
pub trait StatusStore: Send + Sync {
    /// How far the log was read for this; `None` before it ever was.
    async fn statuses_read(&self) -> Result<Option<Cursor>, StoreError>;

    /// Notes commits and moves the mark from `from` to `to`, all or nothing. Those whose goal set is forgotten are left out.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the mark is not at `from`.
    async fn note_commits(
        &self,
        from: Option<Cursor>,
        to: Cursor,
        commits: &[NotedCommit],
    ) -> Result<(), StoreError>;

    /// Forgets the mark and what is noted: a forge that is connected later hears of what happens then.
    async fn stop_statuses(&self) -> Result<(), StoreError>;

    /// Forges that do not know the last of some commit.
    async fn forges_behind(&self) -> Result<Vec<String>, StoreError>;

    /// The commits of which a forge does not know the last, first those that something happened to first.
    async fn due_commits(&self, forge: &str, limit: u32) -> Result<Vec<DueCommit>, StoreError>;

    /// The forge has heard of a commit up to where it was due, or is not told; what happened since stays due.
    async fn status_told(&self, noted: &NotedCommit, report: Option<&Report>) -> Result<(), StoreError>;

    /// The checks that a forge was asked to make for a commit.
    async fn known_checks(&self, noted: &NotedCommit) -> Result<Vec<KnownCheck>, StoreError>;

    /// A forge is about to be asked, or has answered: what is known of the check now, in the place of what was.
    async fn check_known(&self, noted: &NotedCommit, check: &KnownCheck) -> Result<(), StoreError>;
}
