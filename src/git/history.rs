//! Small questions about branches and their history.

use std::path::Path;

use git2::Repository;

use super::heads::open;
use super::identity::Discovered;
use super::objects::{commit, failed, sha_of};
use crate::model::{BranchName, CommitSha};
use crate::ports::scm::ScmError;

/// `head` and its first parents, newest first, at most `limit`.
///
/// # Errors
/// The commit is not there, or its history cannot be read.
pub fn first_parents(repo: &Repository, head: &CommitSha, limit: u32) -> Result<Vec<CommitSha>, ScmError> {
    let mut found = vec![commit(repo, head)?];
    while found.len() < limit as usize {
        let last = found.last().expect("it begins with the head");
        if last.parent_count() == 0 {
            break;
        }
        found.push(last.parent(0).map_err(failed("read the history of a commit"))?);
    }
    Ok(found.iter().map(|commit| sha_of(commit.id())).collect())
}

/// The head of a branch of the repository at a path, if both are there.
pub fn head_of(path: &Path, branch: &BranchName) -> Option<CommitSha> {
    let repo = open(path).ok()?;
    let id = repo.refname_to_id(&branch.full_ref()).ok()?;
    Some(sha_of(id))
}

/// The branch checked out where the search began; none when `HEAD` is detached or names no legal branch.
pub fn checked_out_branch(found: &Discovered) -> Option<BranchName> {
    let repo = open(found.work_tree.as_ref().unwrap_or(&found.common_dir)).ok()?;
    let head = repo.find_reference("HEAD").ok()?;
    let target = head.symbolic_target().ok().flatten()?;
    BranchName::from_ref(target)?.ok()
}
