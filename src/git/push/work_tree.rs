//! Work trees on this computer that have a branch checked out: somebody's work (semantics 8.4 DECISION; threat J5).
//!
//! One is moved along only forwards, only when nothing in it is changed or under way, and only where that writes the files as
//! git itself would. Anything else leaves it as it is.

use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{AttrCheckFlags, Delta, ErrorCode, Oid, Repository, RepositoryState, StatusOptions};

use super::Update;
use super::local::LOG_MESSAGE;
use crate::ports::scm::Pushed;

/// A work tree with a branch checked out, or in the middle of rebasing it.
pub(super) struct WorkTree {
    repo: Repository,
    path: PathBuf,
}

/// What became of moving it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Movement {
    /// Work tree and branch are at the new commit.
    Moved,
    /// The branch is not where it was any more; nothing was done.
    Raced,
    /// It is as it was, for this reason.
    LeftAlone(String),
}

/// Every work tree of a repository that has the branch: the main one and the linked ones.
pub(super) fn that_have(repo: &Repository, branch: &str) -> Result<Vec<WorkTree>, git2::Error> {
    let main = Repository::open(repo.commondir())?;
    let mut all = Vec::new();
    if !main.is_bare() {
        all.push(main);
    }
    let linked = repo.worktrees()?;
    for name in linked.iter().flatten().flatten() {
        // One whose directory is gone has nothing to protect.
        let opened = repo
            .find_worktree(name)
            .and_then(|tree| Repository::open_from_worktree(&tree));
        all.extend(opened.ok());
    }
    let of_branch = all.into_iter().filter(|tree| has(tree, branch));
    Ok(of_branch
        .map(|repo| WorkTree {
            path: repo.workdir().unwrap_or(repo.path()).to_owned(),
            repo,
        })
        .collect())
}

fn has(repo: &Repository, branch: &str) -> bool {
    let head = repo.find_reference("HEAD").ok();
    let names_branch = head.and_then(|head| Some(head.symbolic_target().ok()?? == branch));
    // A rebase detaches HEAD and moves the branch when it is done.
    let rebases = |file: &str| {
        let name = std::fs::read_to_string(repo.path().join(file));
        name.is_ok_and(|name| name.trim() == branch)
    };
    names_branch == Some(true) || rebases("rebase-merge/head-name") || rebases("rebase-apply/head-name")
}

impl WorkTree {
    /// The outcome when nothing was done.
    pub(super) fn left_alone(&self, because: &str) -> Pushed {
        Pushed::CheckedOut {
            work_tree: self.path.clone(),
            because: because.to_owned(),
        }
    }

    /// Moves work tree and branch forward together.
    pub(super) fn move_along(&self, update: &Update) -> Result<Movement, git2::Error> {
        let Some(old) = update.expected else {
            return Ok(Movement::LeftAlone("its branch has no commit yet".to_owned()));
        };
        if let Some(because) = self.what_is_in_the_way(old, update.target)? {
            return Ok(Movement::LeftAlone(because));
        }
        let mut transaction = self.repo.transaction()?;
        if let Err(error) = transaction.lock_ref(&update.reference) {
            return match error.code() {
                ErrorCode::Locked => Ok(Movement::LeftAlone("git is at work there".to_owned())),
                _ => Err(error),
            };
        }
        let current = self.repo.find_reference(&update.reference)?.target();
        if current != Some(old) {
            return Ok(Movement::Raced);
        }
        let commit = self.repo.find_commit(update.target)?;
        // Safe: what is not as the old commit has it is a conflict, and with a conflict nothing is written.
        if let Err(error) = self
            .repo
            .checkout_tree(commit.as_object(), Some(CheckoutBuilder::new().safe()))
        {
            return match error.code() {
                ErrorCode::Conflict => Ok(Movement::LeftAlone("files there are in the way".to_owned())),
                ErrorCode::Locked => Ok(Movement::LeftAlone("git is at work there".to_owned())),
                _ => Err(error),
            };
        }
        transaction.set_target(&update.reference, update.target, None, LOG_MESSAGE)?;
        transaction.commit()?;
        Ok(Movement::Moved)
    }

    fn what_is_in_the_way(&self, old: Oid, new: Oid) -> Result<Option<String>, git2::Error> {
        if self.repo.state() != RepositoryState::Clean {
            return Ok(Some("a merge or rebase is under way there".to_owned()));
        }
        if self.repo.path().join("index.lock").exists() {
            return Ok(Some("git is at work there".to_owned()));
        }
        let mut options = StatusOptions::new();
        options
            .include_untracked(false)
            .include_ignored(false)
            .update_index(false);
        if !self.repo.statuses(Some(&mut options))?.is_empty() {
            return Ok(Some("it has uncommitted changes".to_owned()));
        }
        let filtered = self.path_with_filter(old, new)?;
        Ok(filtered.map(|path| format!("{path} is written by a filter there")))
    }

    /// A changed path that git would write by running a program, as with large files kept elsewhere: we would write it wrong.
    fn path_with_filter(&self, old: Oid, new: Oid) -> Result<Option<String>, git2::Error> {
        let tree = |id| self.repo.find_commit(id)?.tree();
        let (old, new) = (tree(old)?, tree(new)?);
        let difference = self.repo.diff_tree_to_tree(Some(&old), Some(&new), None)?;
        for delta in difference
            .deltas()
            .filter(|delta| delta.status() != Delta::Deleted)
        {
            let Some(path) = delta.new_file().path() else {
                continue;
            };
            if self.has_filter(path)? || path.file_name().is_some_and(|name| name == ".gitattributes") {
                return Ok(Some(path.display().to_string()));
            }
        }
        Ok(None)
    }

    fn has_filter(&self, path: &Path) -> Result<bool, git2::Error> {
        let value = self
            .repo
            .get_attr_bytes(path, "filter", AttrCheckFlags::FILE_THEN_INDEX)?;
        Ok(value.is_some_and(|value| !value.is_empty() && value != b"[internal]__FALSE__"))
    }
}
