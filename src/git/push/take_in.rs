//! Commits that a goal left as a pack, taken into the mirror: hostile, like everything a goal leaves (threats B1, B12).
//!
//! libgit2 checks every object's bytes while it indexes the pack; what the commits are, and that they are whole, is looked at here.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use git2::{ObjectType, Oid, Repository, Tree};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::git::objects::{exceeds, failed, oid_of};
use crate::model::CommitSha;
use crate::ports::scm::ScmError;
use crate::runtime::entry_name::refusal as name_refusal;

/// Largest pack in bytes.
const MAX_PACK: u64 = 256 << 20;

/// Most commits of one pack.
const MAX_COMMITS: usize = 100;

/// Most entries of trees that may differ from the base.
const MAX_CHANGES: usize = 200_000;

/// Takes a pack in; the caller holds the mirror's lock. Nothing refers to the commits yet.
pub(crate) fn take_in(
    mirror: &Repository,
    pack: &Path,
    base: &CommitSha,
    head: &CommitSha,
) -> Result<Vec<Oid>, ScmError> {
    let (base, head) = (oid_of(base), oid_of(head));
    if head != base {
        index(mirror, pack)?;
    }
    let commits = chain(mirror, base, head)?;
    if let Some(first) = commits.first() {
        check_names(mirror, base, *first)?;
    }
    Ok(commits)
}

fn index(mirror: &Repository, pack: &Path) -> Result<(), ScmError> {
    let doing = "take in the commits of a goal";
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = nix::fcntl::open(pack, flags, Mode::empty()).map_err(failed(doing))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(failed(doing))?;
    if !metadata.is_file() {
        return Err(refused("the pack of a goal", "it is not a file"));
    }
    if metadata.len() > MAX_PACK {
        return Err(exceeds("what a goal commits", format!("{MAX_PACK} bytes")));
    }
    let odb = mirror.odb().map_err(failed(doing))?;
    let mut writer = odb.packwriter().map_err(failed(doing))?;
    let mut piece = vec![0; 256 * 1024];
    let mut file = file.take(MAX_PACK);
    loop {
        let length = file.read(&mut piece).map_err(failed(doing))?;
        if length == 0 {
            break;
        }
        let written = writer.write_all(&piece[..length]);
        written.map_err(|error| refused("the pack of a goal", &error.to_string()))?;
    }
    writer
        .commit()
        .map(|_| ())
        .map_err(|error| refused("the pack of a goal", error.message()))
}

/// From head to base by first and only parents, newest first.
fn chain(mirror: &Repository, base: Oid, head: Oid) -> Result<Vec<Oid>, ScmError> {
    let mut commits = Vec::new();
    let mut next = head;
    while next != base {
        if commits.len() == MAX_COMMITS {
            return Err(exceeds(
                "the number of commits of a goal",
                format!("{MAX_COMMITS} commits"),
            ));
        }
        let commit = mirror
            .find_commit(next)
            .map_err(|error| refused(&next.to_string(), error.message()))?;
        commits.push(next);
        match (commit.parent_count(), commit.parent_ids().next()) {
            (1, Some(parent)) => next = parent,
            _ => {
                return Err(refused(
                    &next.to_string(),
                    "it does not follow the commit the goal began with",
                ));
            }
        }
    }
    Ok(commits)
}

/// Looks at every entry that differs from the base: its name, and that its object is there.
fn check_names(mirror: &Repository, base: Oid, head: Oid) -> Result<(), ScmError> {
    let tree_of = |id| mirror.find_commit(id)?.tree();
    let doing = "look at the commits of a goal";
    let base: Tree<'_> = tree_of(base).map_err(failed(doing))?;
    let head: Tree<'_> = tree_of(head).map_err(|error: git2::Error| refused("a tree", error.message()))?;
    let odb = mirror.odb().map_err(failed(doing))?;
    let (mut open, mut seen) = (vec![(head, Some(base), String::new())], 0_usize);
    while let Some((tree, base, path)) = open.pop() {
        for entry in &tree {
            let name = entry.name_bytes();
            let counterpart = base.as_ref().and_then(|base| base.get_name_bytes(name));
            let is_same = |other: &git2::TreeEntry<'_>| {
                other.id() == entry.id() && other.filemode() == entry.filemode()
            };
            if counterpart.as_ref().is_some_and(is_same) {
                continue;
            }
            seen += 1;
            if seen > MAX_CHANGES {
                return Err(exceeds(
                    "what a goal changes",
                    format!("{MAX_CHANGES} entries of trees"),
                ));
            }
            let path = format!("{path}{}", name.escape_ascii());
            if let Some(because) = name_refusal(name) {
                return Err(refused(&path, because));
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let tree = mirror.find_tree(entry.id());
                    let tree = tree.map_err(|error| refused(&path, error.message()))?;
                    let base = counterpart.and_then(|other| mirror.find_tree(other.id()).ok());
                    open.push((tree, base, format!("{path}/")));
                }
                Some(ObjectType::Blob) if odb.exists(entry.id()) => {}
                Some(ObjectType::Commit) => {
                    return Err(refused(&path, "it is a submodule that was not there before"));
                }
                Some(_) | None => return Err(refused(&path, "its content is missing")),
            }
        }
    }
    Ok(())
}

fn refused(path: &str, because: &str) -> ScmError {
    ScmError::RefusedContent {
        path: path.to_owned(),
        because: because.to_owned(),
    }
}
