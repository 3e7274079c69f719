//! Files kept between goals (semantics 3.17): what is known of an archive, where archives lie, and what the steps that make and
//! read them are told.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::files::Scope;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, GoalKey, GoalSetId, Timestamp};

/// What an archive was kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptAs {
    /// Output of a goal, found by its classifier.
    Output,
    /// A dependency cache, found by its key.
    Cache,
}

/// Files that a goal left, as the store knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Output or cache.
    pub kept_as: KeptAs,
    /// Classifier or key, sanitised.
    pub classifier: String,
    /// Who may find them.
    pub scope: Scope,
    /// Trust of the push whose goal left them; only goals of the same trust find them (threats B10, K2).
    pub trust: Trust,
    /// Its repository.
    pub repo_key: String,
    /// Its branch.
    pub branch: BranchName,
    /// Its goal set.
    pub goal_set: GoalSetId,
    /// The goal.
    pub goal: GoalKey,
    /// Which attempt of it.
    pub attempt: u32,
    /// Hexadecimal SHA-256 of the archive.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// When it was kept.
    pub at: Timestamp,
}

/// Which files a goal looks for: in its goal set first, then on its branch, on the default branch, in its repository and on the
/// machine, as far as its own scope and that of the files go; of equals the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Outputs or caches.
    pub kept_as: KeptAs,
    /// Classifier or key; with `beginning`, how it begins.
    pub classifier: String,
    /// Whether the classifier is only a beginning.
    pub beginning: bool,
    /// How far to look.
    pub scope: Scope,
    /// Trust of the push of the goal.
    pub trust: Trust,
    /// Its goal set.
    pub goal_set: GoalSetId,
    /// Its repository.
    pub repo_key: String,
    /// Its branch.
    pub branch: BranchName,
    /// The branch that others read from.
    pub default_branch: Option<BranchName>,
}

/// An archive with all that is known of its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptArchive {
    /// Trust of those who may read it.
    pub trust: Trust,
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// When it was last kept or sought.
    pub used_at: Timestamp,
}

/// A success that a later goal with the same inputs may take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    /// Digest of everything the goal depends on.
    pub inputs: String,
    /// Trust of its push.
    pub trust: Trust,
    /// Its repository.
    pub repo_key: String,
    /// Its branch.
    pub branch: BranchName,
    /// Its commit.
    pub sha: CommitSha,
    /// Its goal set.
    pub goal_set: GoalSetId,
    /// The goal.
    pub goal: GoalKey,
    /// Which attempt of it.
    pub attempt: u32,
    /// What it left as data.
    pub data: Option<String>,
    /// When it was stored.
    pub at: Timestamp,
}

/// Where archives lie; those of one trust apart from those of another.
#[async_trait]
pub trait Archives: Send + Sync {
    /// Gives the archive a second name, under which it stays whatever becomes of the first; `false` when it is not there.
    async fn lend(&self, trust: Trust, digest: &str, to: &Path) -> io::Result<bool>;

    /// Whether the archive is there.
    async fn has(&self, trust: Trust, digest: &str) -> io::Result<bool>;

    /// Takes a finished archive; harmless when it was taken before.
    ///
    /// # Errors
    /// There is no such file, or it is no file, and there is no archive of this digest.
    async fn take(&self, trust: Trust, digest: &str, from: &Path) -> io::Result<()>;

    /// Removes an archive; nothing is removed already.
    async fn remove(&self, trust: Trust, digest: &str) -> io::Result<()>;

    /// Every archive that lies there untouched since `before`.
    async fn all(&self, before: Timestamp) -> io::Result<Vec<(Trust, String)>>;
}

/// Most that an archive may hold, unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveLimits {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
}

/// The verb of our own program that restores files.
pub const RESTORE_VERB: &str = "restore-files";

/// The verb of our own program that keeps files.
pub const KEEP_VERB: &str = "keep-files";

/// What the step is told that restores files before a goal's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOrder {
    /// The working copy.
    pub project: PathBuf,
    /// The home directory of goals, when they may find files there.
    pub home: Option<PathBuf>,
    /// What to say first.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What to restore, in this order.
    pub archives: Vec<Restore>,
    /// Bounds of each.
    pub limits: ArchiveLimits,
    /// Where to write what became of it.
    pub report: PathBuf,
}

/// Files to restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// What they are called in the log.
    pub what: String,
    /// The archive; none when there is none.
    pub archive: Option<FoundArchive>,
    /// Whether the goal fails without it.
    pub required: bool,
    /// What is run in the working copy when there is none.
    pub on_miss: Vec<OnMiss>,
}

/// A command that is run when there is no archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ReadOnMiss")]
pub struct OnMiss {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables of this command alone.
    pub environment: Vec<(String, String)>,
}

/// As it is read: orders of earlier versions had the arguments alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReadOnMiss {
    Argv(Vec<String>),
    Whole {
        argv: Vec<String>,
        environment: Vec<(String, String)>,
    },
}

impl From<ReadOnMiss> for OnMiss {
    fn from(read: ReadOnMiss) -> Self {
        let (argv, environment) = match read {
            ReadOnMiss::Argv(argv) => (argv, Vec::new()),
            ReadOnMiss::Whole { argv, environment } => (argv, environment),
        };
        Self { argv, environment }
    }
}

/// An archive to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundArchive {
    /// Where it is.
    pub file: PathBuf,
    /// What its digest must be.
    pub digest: String,
    /// Who left it, for the log.
    pub from: String,
}

/// What became of a restore, in the order of the archives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// The digest of each archive that was restored; none for a miss.
    pub restored: Vec<Option<String>>,
}

/// What the step is told that keeps files after a goal's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepOrder {
    /// The working copy.
    pub project: PathBuf,
    /// The home directory of goals, when files of it may be kept.
    pub home: Option<PathBuf>,
    /// What to keep, each in an archive of its own.
    pub archives: Vec<Keep>,
    /// Bounds of each.
    pub limits: ArchiveLimits,
    /// Where to write what became of it.
    pub report: PathBuf,
}

/// Files to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// What they are called in the log.
    pub what: String,
    /// Globs; those that begin with `~/` are below the home directory.
    pub paths: Vec<String>,
    /// Whether the times of files are kept; without them the same content makes the same archive.
    pub times: bool,
    /// The archive to write.
    pub file: PathBuf,
}

/// What was kept, in the order of what was asked for; none where no file matched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepReport {
    /// Each archive.
    pub archives: Vec<Option<MadeArchive>>,
}

/// An archive as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeArchive {
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// Files and links in it.
    pub files: u64,
}
