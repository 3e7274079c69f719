//! Repositories: what their branches point at, their commits, and working copies of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use super::forges::PushLogin;
use crate::model::push::{Signature, Trust};
use crate::model::{Authors, BranchName, Commit, CommitSha, Push, RepoSlug, Repository, TagName, Timestamp};
use crate::rules::view::ProjectView;

/// Branch heads of a repository at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// Every branch that has a legal name.
    pub branches: BTreeMap<BranchName, CommitSha>,
    /// What `HEAD` names, the provider's default, or none (semantics 2.4).
    pub default_branch: Option<BranchName>,
    /// Refs that were left out, each with its reason.
    pub refused: Vec<String>,
}

/// The commits between two heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRange {
    /// Newest first, at most [`Push::MAX_COMMITS`]; empty only when the branch moved back.
    pub commits: Vec<Commit>,
    /// All of them, also those beyond the limit.
    pub count: u64,
    /// `before` exists and is not an ancestor of `after`.
    pub forced: bool,
}

/// Why a repository could not be read.
#[derive(Debug, Error)]
pub enum ScmError {
    /// The address may not be used (threat A3).
    #[error("`{address}` is not an address that may be fetched: {because}")]
    RefusedAddress {
        /// As given, credentials removed.
        address: String,
        /// The rule it breaks.
        because: String,
    },
    /// The repository is not there any more.
    #[error("the repository {0} is not there")]
    RepositoryGone(String),
    /// The commit is not there (semantics 3.5 row 16).
    #[error("the commit {0} is not in the repository")]
    CommitGone(CommitSha),
    /// The remote refused us.
    #[error("{address} refused the credentials")]
    Unauthorized {
        /// Origin only.
        address: String,
    },
    /// A limit on hostile input was reached.
    #[error("{what} exceeds the limit of {limit}")]
    LimitExceeded {
        /// What.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// The tree holds something that must not be written (threats B1, B5).
    #[error("`{path}` may not be checked out: {because}")]
    RefusedContent {
        /// The path in the tree, escaped.
        path: String,
        /// The rule it breaks.
        because: String,
    },
    /// The computer does not let us: there is no such directory, or it is not for us to write. Stays as it is until somebody
    /// changes that.
    #[error("failed to {doing}")]
    Prevented {
        /// What we were doing.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else; may pass when tried again.
    #[error("failed to {doing}")]
    Failed {
        /// What we were doing.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ScmError {
    /// Whether trying again later can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// A branch that is to be moved or made. Never by force: what is lost is only what the caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchUpdate {
    /// Which.
    pub branch: BranchName,
    /// Its head as the caller saw it; `None` when it is to be made.
    pub expected: Option<CommitSha>,
    /// Its head afterwards: a descendant of the expected one, in the mirror.
    pub target: CommitSha,
    /// Whether a work tree on this computer that has it checked out may be moved along, if nothing in it is changed.
    pub moves_work_tree: bool,
}

/// A tag that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: TagName,
    /// The commit it names.
    pub target: CommitSha,
    /// The message of an annotated tag.
    pub message: String,
    /// Who makes it.
    pub tagger: Signature,
    /// When.
    pub at: Timestamp,
}

/// A commit that is to be made of another one with some files replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// Its parent.
    pub base: CommitSha,
    /// Paths with their new contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// Its message.
    pub message: String,
    /// Author and committer.
    pub author: Signature,
    /// When.
    pub at: Timestamp,
}

/// A repository that is to be made, on this computer or elsewhere, with the files of a commit and no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRepository {
    /// What it is called; the last two parts of its path.
    pub slug: RepoSlug,
    /// The directory that it lies in, below its owner; the one that the seed lies in when absent.
    pub below: Option<PathBuf>,
    /// The commit, in the mirror of the seed, whose files it gets.
    pub source: CommitSha,
    /// Its branch.
    pub branch: BranchName,
    /// The message of its first commit.
    pub message: String,
    /// Author of that.
    pub author: Signature,
    /// Committer of that.
    pub committer: Signature,
    /// When. The same repository with the same time is the same commit.
    pub at: Timestamp,
    /// Where it pushes to, as `origin`, when it lies on this computer.
    pub origin: Option<String>,
}

/// What became of making a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Founded {
    /// It is there.
    Made {
        /// It.
        repo: Repository,
        /// Where.
        path: PathBuf,
        /// Its first commit.
        head: CommitSha,
    },
    /// Something else is there; nothing was done.
    Occupied {
        /// Where.
        path: PathBuf,
    },
}

/// What differs between two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// As `git diff` writes it; what is no text in UTF-8 is replaced. Ends with a line that says so when it was cut.
    pub text: String,
    /// How many files differ.
    pub files: usize,
}

/// Whether a path or the content of a file is meant.
pub type IsMeant = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What became of moving or making a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is where it should be; also when it was before.
    Done,
    /// Somebody else moved it first; nothing was done.
    Moved {
        /// Where it is now, as far as that is known.
        head: Option<CommitSha>,
    },
    /// It is checked out on this computer and its work tree was left alone; nothing was done.
    CheckedOut {
        /// The work tree.
        work_tree: PathBuf,
        /// Why it was left alone.
        because: String,
    },
    /// The repository does not take it; nothing was done.
    Refused {
        /// In its own words, one line.
        because: String,
    },
}

/// Reading repositories, and writing what goals made. Implementations run libgit2 on blocking threads; nobody outside knows.
#[async_trait]
pub trait Scm: Send + Sync {
    /// The heads of the repository's branches right now.
    async fn heads(&self, repo: &Repository) -> Result<Heads, ScmError>;

    /// The tags of the repository and the commits they lead to; those that lead to something else are left out.
    async fn tags(&self, repo: &Repository) -> Result<BTreeMap<String, CommitSha>, ScmError>;

    /// Makes `sha` and its history available in the mirror; cheap when it already is. A burst for one repository is one fetch.
    async fn fetch(&self, repo: &Repository, sha: &CommitSha) -> Result<(), ScmError>;

    /// The commits of a push, from the mirror; without `before`, those not on the default branch (at least the head).
    /// The count is 0 and the list empty when `after` lies before `before`.
    async fn commits(
        &self,
        repo: &Repository,
        before: Option<&CommitSha>,
        after: &CommitSha,
    ) -> Result<CommitRange, ScmError>;

    /// Who wrote a push, as all its commits say, from the mirror; also those that are not kept with it.
    ///
    /// # Errors
    /// They cannot be read.
    async fn authors(&self, push: &Push) -> Result<Authors, ScmError> {
        Ok(push.authors())
    }

    /// `head` and its first parents, newest first, at most `limit`; from the mirror.
    async fn first_parents(
        &self,
        repo: &Repository,
        head: &CommitSha,
        limit: u32,
    ) -> Result<Vec<CommitSha>, ScmError>;

    /// Takes the commits of a pack, which a goal left and which is therefore hostile, into the mirror: exactly those from
    /// `base` (not among them) to `head`, one after the other. Returns them, newest first. Taking them again is harmless.
    ///
    /// # Errors
    /// The pack is not what it should be, or exceeds the limits.
    async fn take_in(
        &self,
        repo: &Repository,
        _pack: &Path,
        _base: &CommitSha,
        _head: &CommitSha,
    ) -> Result<Vec<Commit>, ScmError> {
        Err(only_read(repo))
    }

    /// The id of a commit's tree.
    ///
    /// # Errors
    /// The commit is not there.
    async fn tree_of(&self, repo: &Repository, _commit: &CommitSha) -> Result<CommitSha, ScmError> {
        Err(only_read(repo))
    }

    /// Makes a commit of the mirror anew after another parent and with another message: what it holds, who made it and when stay.
    ///
    /// # Errors
    /// One of them is not there.
    async fn remake(
        &self,
        repo: &Repository,
        _commit: &CommitSha,
        _parent: &CommitSha,
        _message: &str,
    ) -> Result<CommitSha, ScmError> {
        Err(only_read(repo))
    }

    /// Makes a commit in the mirror. The same one at the same time is the same commit.
    ///
    /// # Errors
    /// The base is not there, or a path is not a file's.
    async fn commit(&self, repo: &Repository, _commit: &NewCommit) -> Result<CommitSha, ScmError> {
        Err(only_read(repo))
    }

    /// What differs between two commits of the mirror, as text of about `limit` bytes at most.
    ///
    /// # Errors
    /// One of them is not there.
    async fn difference(
        &self,
        repo: &Repository,
        _base: &CommitSha,
        _head: &CommitSha,
        _limit: usize,
    ) -> Result<Difference, ScmError> {
        Err(only_read(repo))
    }

    /// The path of the first file that differs between two commits of the mirror and whose path or new content is meant.
    ///
    /// # Errors
    /// One of them is not there.
    async fn first_changed(
        &self,
        repo: &Repository,
        _base: &CommitSha,
        _head: &CommitSha,
        _is_meant: IsMeant,
    ) -> Result<Option<String>, ScmError> {
        Err(only_read(repo))
    }

    /// The repository in a directory or at an address, as it is called and known; nothing of it is read over the network.
    ///
    /// # Errors
    /// There is none, or the address may not be used.
    async fn located(&self, place: &str) -> Result<Repository, ScmError> {
        Err(ScmError::RepositoryGone(place.to_owned()))
    }

    /// What stands already where [`Scm::found`] would make a repository; `None` when there is room.
    ///
    /// # Errors
    /// Nothing says where that would be.
    async fn room_for(
        &self,
        seed: &Repository,
        _slug: &RepoSlug,
        _below: Option<&Path>,
    ) -> Result<Option<PathBuf>, ScmError> {
        Err(only_read(seed))
    }

    /// Makes a repository on this computer. Making the same one again is harmless; nothing is written into another one.
    ///
    /// # Errors
    /// It cannot be written.
    async fn found(&self, seed: &Repository, _new: &NewRepository) -> Result<Founded, ScmError> {
        Err(only_read(seed))
    }

    /// Makes the first commit of a new repository in the mirror of its seed.
    ///
    /// # Errors
    /// It cannot be written.
    async fn first_commit(&self, seed: &Repository, _new: &NewRepository) -> Result<CommitSha, ScmError> {
        Err(only_read(seed))
    }

    /// Sends the first branch of a new repository there, from the mirror of its seed, with this login and no other.
    ///
    /// # Errors
    /// It cannot be reached or written.
    async fn push_new(
        &self,
        seed: &Repository,
        _new: &Repository,
        _update: &BranchUpdate,
        _login: &PushLogin,
    ) -> Result<Pushed, ScmError> {
        Err(only_read(seed))
    }

    /// Moves or makes a branch of the repository itself.
    ///
    /// # Errors
    /// The repository cannot be reached or written.
    async fn push(&self, repo: &Repository, _update: &BranchUpdate) -> Result<Pushed, ScmError> {
        Err(only_read(repo))
    }

    /// Where a repository on this computer pushes to as `origin`; `None` when it has none, or is elsewhere itself.
    ///
    /// # Errors
    /// The address of its origin may not be used, or is on this computer too.
    async fn origin(&self, _repo: &Repository) -> Result<Option<Repository>, ScmError> {
        Ok(None)
    }

    /// Whether a commit is at the origin of a repository on this computer, as far as that has heard; nobody else is asked.
    ///
    /// # Errors
    /// The repository or the commit is not there.
    async fn was_seen_at_origin(&self, _repo: &Repository, _sha: &CommitSha) -> Result<bool, ScmError> {
        Ok(false)
    }

    /// Moves or makes a branch of the origin, from the mirror of the repository; that itself is not touched.
    ///
    /// # Errors
    /// The origin cannot be reached or written.
    async fn push_to_origin(
        &self,
        repo: &Repository,
        _origin: &Repository,
        _update: &BranchUpdate,
    ) -> Result<Pushed, ScmError> {
        Err(only_read(repo))
    }

    /// Makes a tag in the repository itself, and sends nothing else there.
    ///
    /// # Errors
    /// The repository cannot be reached or written.
    async fn push_tag(&self, repo: &Repository, _tag: &NewTag) -> Result<Pushed, ScmError> {
        Err(only_read(repo))
    }

    /// Names of the repository's tags that name this commit.
    ///
    /// # Errors
    /// The repository cannot be reached.
    async fn tags_of(&self, repo: &Repository, _sha: &CommitSha) -> Result<Vec<String>, ScmError> {
        Err(only_read(repo))
    }

    /// Does the work of idle times, bounded; calling it again does the rest.
    async fn maintain(&self) {}

    /// The tree and changes of a push. Blocking: open and use it on a blocking thread.
    ///
    /// # Errors
    /// The mirror cannot be opened or the commit is not in it.
    fn view(&self, push: &Push) -> Result<Box<dyn ProjectView>, ScmError>;
}

fn only_read(repo: &Repository) -> ScmError {
    ScmError::RefusedAddress {
        address: repo.slug.to_string(),
        because: "it is only read here".to_owned(),
    }
}

/// A working copy lent to one attempt of a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Absolute path of the tree; nobody else uses it until it is released.
    pub path: PathBuf,
    /// Identity for [`Workspaces::release`]; survives a restart of the daemon.
    pub name: String,
}

/// Lends working copies: worktrees of the mirror, pooled, moved by the changed paths, cleaned after use.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// A clean tree of exactly this commit. The commit must have been fetched. For a push that is not trusted it is made anew,
    /// and gone when it is released (threat B10).
    async fn lend(&self, repo: &Repository, sha: &CommitSha, trust: Trust) -> Result<Workspace, ScmError>;

    /// Takes a workspace back: cleans it for reuse, or removes it when it cannot be trusted.
    /// Read-only, foreign-owned and strange files never make this fail for good.
    async fn release(&self, workspace: &Workspace) -> Result<(), ScmError>;

    /// A workspace that is lent, by its name; also one that an earlier daemon lent. `None` when it is gone.
    fn lent(&self, name: &str) -> Option<Workspace>;

    /// At start: every lent workspace on disk that is not in `in_use` goes back to the pool or away.
    async fn reclaim(&self, in_use: &[String]) -> Result<(), ScmError>;
}
