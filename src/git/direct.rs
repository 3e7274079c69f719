//! A repository read where it is, without a mirror: for questions about commits that are already there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use git2::ErrorCode;

use super::changes::PushRange;
use super::commits::commit_range;
use super::heads::{self, heads};
use super::history::first_parents;
use super::identity::{address_of, path_of};
use super::objects::{failed, sha_of};
use super::origin::origin_of;
use super::snapshot::{SnapshotLimits, uncommitted};
use super::view::GitView;
use crate::model::{CommitSha, Push, Repository, Timestamp};
use crate::ports::scm::{CommitRange, Heads, Scm, ScmError};
use crate::rules::view::ProjectView;

/// A repository on this computer, and perhaps a snapshot of its uncommitted tree beside it.
#[derive(Debug)]
pub struct Direct {
    path: PathBuf,
    /// Borrows the repository's objects and holds those of the snapshot; gone when this is dropped.
    beside: Option<tempfile::TempDir>,
}

impl Direct {
    /// The repository at exactly this path.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: &Path) -> Result<Self, ScmError> {
        heads::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            beside: None,
        })
    }

    fn repository(&self) -> Result<git2::Repository, ScmError> {
        match &self.beside {
            Some(beside) => heads::open(beside.path()),
            None => heads::open(&self.path),
        }
    }

    /// Where the objects can be fetched from.
    pub fn address(&self) -> String {
        match &self.beside {
            Some(beside) => address_of(beside.path()),
            None => address_of(&self.path),
        }
    }

    /// The commit that a name means, as git resolves names. A name that looks like an option never reaches a program:
    /// libgit2 parses it as a revision (threat A2). `None` when it means none, or several.
    ///
    /// # Errors
    /// The repository cannot be read, or the name is ambiguous.
    pub fn resolve(&self, revision: &str) -> Result<Option<CommitSha>, ScmError> {
        let repo = self.repository()?;
        let found = repo
            .revparse_single(revision)
            .and_then(|object| object.peel_to_commit());
        match found {
            Ok(commit) => Ok(Some(sha_of(commit.id()))),
            Err(error) if means_nothing(error.code()) => Ok(None),
            Err(error) => {
                let shown: String = revision.escape_debug().take(200).collect();
                Err(failed(format!("find the commit `{shown}`"))(error))
            }
        }
    }

    /// The first parent of a commit, if it has one.
    ///
    /// # Errors
    /// The commit is not there.
    pub fn first_parent(&self, sha: &CommitSha) -> Result<Option<CommitSha>, ScmError> {
        Ok(first_parents(&self.repository()?, sha, 2)?.into_iter().nth(1))
    }

    /// The commits of a push made up from these ends.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn range(&self, before: Option<&CommitSha>, after: &CommitSha) -> Result<CommitRange, ScmError> {
        commit_range(&self.repository()?, before, after, None)
    }

    /// Takes the uncommitted tree as a commit; nothing of the repository is touched (threat J5).
    ///
    /// # Errors
    /// There is no work tree, or it exceeds the limits.
    pub fn snapshot_worktree(&mut self, at: Timestamp) -> Result<CommitSha, ScmError> {
        let user = heads::open(&self.path)?;
        let beside = tempfile::Builder::new()
            .prefix("sdm-")
            .tempdir()
            .map_err(failed("make a directory"))?;
        let store = git2::Repository::init_bare(beside.path()).map_err(failed("make a repository"))?;
        let objects = user.commondir().join("objects");
        let alternates = beside.path().join("objects/info/alternates");
        std::fs::write(&alternates, format!("{}\n", objects.display()))
            .map_err(failed("name the objects"))?;
        drop(store);
        let store = heads::open(beside.path())?;
        let sha = uncommitted(&self.path, &store, at, SnapshotLimits::default())?;
        self.beside = Some(beside);
        Ok(sha)
    }
}

/// What libgit2 says of a name that no commit has, or not one alone.
fn means_nothing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotFound
            | ErrorCode::Ambiguous
            | ErrorCode::InvalidSpec
            | ErrorCode::Peel
            | ErrorCode::UnbornBranch
    )
}

#[async_trait]
impl Scm for Direct {
    async fn heads(&self, repo: &Repository) -> Result<Heads, ScmError> {
        let path = path_of(&repo.address).unwrap_or_else(|| self.path.clone());
        heads(&path)
    }

    async fn origin(&self, repo: &Repository) -> Result<Option<Repository>, ScmError> {
        origin_of(&path_of(&repo.address).unwrap_or_else(|| self.path.clone()))
    }

    async fn tags(&self, repo: &Repository) -> Result<BTreeMap<String, CommitSha>, ScmError> {
        let path = path_of(&repo.address).unwrap_or_else(|| self.path.clone());
        super::tags::tags(&path)
    }

    async fn fetch(&self, _repo: &Repository, sha: &CommitSha) -> Result<(), ScmError> {
        super::objects::commit(&self.repository()?, sha).map(|_| ())
    }

    async fn commits(
        &self,
        _repo: &Repository,
        before: Option<&CommitSha>,
        after: &CommitSha,
    ) -> Result<CommitRange, ScmError> {
        self.range(before, after)
    }

    async fn first_parents(
        &self,
        _repo: &Repository,
        head: &CommitSha,
        limit: u32,
    ) -> Result<Vec<CommitSha>, ScmError> {
        first_parents(&self.repository()?, head, limit)
    }

    fn view(&self, push: &Push) -> Result<Box<dyn ProjectView>, ScmError> {
        let range = PushRange {
            before: push.before.clone(),
            after: push.after.clone(),
            default_head: None,
        };
        Ok(Box::new(GitView::open(self.repository()?, range)?))
    }
}
