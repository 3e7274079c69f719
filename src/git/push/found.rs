//! A new repository on this computer, made of the files of a commit and nothing of its history (semantics 5.6).

use std::io::ErrorKind;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{BranchType, Oid, Repository, RepositoryInitOptions};

use super::copy::copy_tree;
use crate::git::objects::{failed_to_write, oid_of, sha_of, signature};
use crate::model::CommitSha;
use crate::ports::scm::{NewRepository, ScmError};

/// Makes the repository at a path: whole beside it first, then moved there at once. The head of its branch; `None` when
/// something else is there.
pub(crate) fn found(
    mirror: &Repository,
    path: &Path,
    new: &NewRepository,
) -> Result<Option<CommitSha>, ScmError> {
    let doing = || format!("make the repository {}", path.display());
    let parent = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(failed_to_write(doing()))?;
    let beside = tempfile::Builder::new()
        .prefix(".sdm-new-")
        .tempdir_in(parent)
        .map_err(failed_to_write(doing()))?;
    let inside = beside.path().join("repository");
    let head = fill(mirror, &inside, new).map_err(failed_to_write(doing()))?;
    match std::fs::symlink_metadata(path) {
        // Made by us already, before a crash: the same commit.
        Ok(_) => return Ok(has(path, head).then(|| sha_of(head))),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed_to_write(doing())(error)),
        Err(_) => {}
    }
    match std::fs::rename(&inside, path) {
        Ok(()) => Ok(Some(sha_of(head))),
        Err(error) if is_occupied(&error) => Ok(None),
        Err(error) => Err(failed_to_write(doing())(error)),
    }
}

fn is_occupied(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
    )
}

fn has(path: &Path, head: Oid) -> bool {
    Repository::open(path).is_ok_and(|repo| repo.find_commit(head).is_ok())
}

fn fill(mirror: &Repository, path: &Path, new: &NewRepository) -> Result<Oid, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options
        .initial_head(new.branch.as_str())
        .external_template(false)
        .no_reinit(true)
        .mkpath(true);
    let repo = Repository::init_opts(path, &options)?;
    let tree = mirror.find_commit(oid_of(&new.source))?.tree()?;
    let id = tree.id();
    copy_tree(mirror, &repo, tree, None)?;
    let head = commit(&repo, Some("HEAD"), id, new)?;
    let mut checkout = CheckoutBuilder::new();
    checkout.force().disable_filters(true);
    repo.checkout_head(Some(&mut checkout))?;
    if let Some(address) = &new.origin {
        follow(&repo, address, head, new)?;
    }
    Ok(head)
}

/// A commit without parents.
fn commit(
    repo: &Repository,
    reference: Option<&str>,
    tree: Oid,
    new: &NewRepository,
) -> Result<Oid, git2::Error> {
    let (author, committer) = (
        signature(&new.author, new.at)?,
        signature(&new.committer, new.at)?,
    );
    let tree = repo.find_tree(tree)?;
    repo.commit(reference, &author, &committer, &new.message, &tree, &[])
}

/// The branch follows the one of its name at the origin, which is where it is.
fn follow(repo: &Repository, address: &str, head: Oid, new: &NewRepository) -> Result<(), git2::Error> {
    repo.remote("origin", address)?;
    let name = &new.branch;
    repo.reference(&format!("refs/remotes/origin/{name}"), head, true, "generated")?;
    let mut branch = repo.find_branch(name.as_str(), BranchType::Local)?;
    branch.set_upstream(Some(&format!("origin/{name}")))
}

/// Makes the same commit in the mirror, for a repository elsewhere.
pub(crate) fn first_commit(mirror: &Repository, new: &NewRepository) -> Result<CommitSha, ScmError> {
    let doing = || format!("make the first commit of {}", new.slug);
    let make = || {
        commit(
            mirror,
            None,
            mirror.find_commit(oid_of(&new.source))?.tree_id(),
            new,
        )
    };
    make().map(sha_of).map_err(failed_to_write(doing()))
}
