//! Into a repository on this computer, by its references: git runs there no more than libgit2 does, and that runs nothing.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::Update;
use super::copy::copy;
use super::work_tree::{self, Movement};
use crate::git::heads::open;
use crate::git::objects::{failed, failed_to_write, oid_of, sha_of};
use crate::model::CommitSha;
use crate::ports::scm::{Pushed, ScmError};

/// What the log of a reference says of us.
pub(super) const LOG_MESSAGE: &str = "sdm";

/// Longest name of a reference, in bytes.
const LONGEST_REFERENCE: usize = 1_000;

/// Longest part of it, which is the name of a file with `.lock` behind it.
const LONGEST_PART: usize = 250;

/// Moves or makes a reference of the repository at a path.
pub(crate) fn push_into(mirror: &Repository, path: &Path, update: &Update) -> Result<Pushed, ScmError> {
    let doing = || format!("write {} of {}", update.reference, path.display());
    let repo = open(path)?;
    if is_too_long(&update.reference) {
        return Ok(Pushed::Refused {
            because: "its name is too long".to_owned(),
        });
    }
    let current = target_of(&repo, &update.reference).map_err(|error| failed(doing())(error))?;
    if current == Some(update.target) || is_same_tag(mirror, &repo, current, update) {
        return Ok(Pushed::Done);
    }
    if current != update.expected {
        return Ok(Pushed::Moved {
            head: current.map(sha_of),
        });
    }
    if current.is_some_and(|old| !follows(mirror, update.target, old)) {
        return Ok(Pushed::Refused {
            because: "the new head does not follow the old one".to_owned(),
        });
    }
    let trees = work_tree::that_have(&repo, &update.reference).map_err(|error| failed(doing())(error))?;
    if let Some(tree) = trees.first()
        && (!update.moves_work_tree || trees.len() > 1)
    {
        return Ok(tree.left_alone("it is checked out there"));
    }
    if let Some(because) = in_the_way(&repo, update).map_err(|error| failed(doing())(error))? {
        return Ok(Pushed::Refused { because });
    }
    copy(mirror, &repo, update.target).map_err(|error| failed_to_write(doing())(error))?;
    match trees.into_iter().next() {
        None => set(&repo, update).map_err(|error| failed_to_write(doing())(error)),
        Some(tree) => match tree
            .move_along(update)
            .map_err(|error| failed_to_write(doing())(error))?
        {
            Movement::Moved => Ok(Pushed::Done),
            Movement::Raced => Ok(Pushed::Moved { head: None }),
            Movement::LeftAlone(because) => Ok(tree.left_alone(&because)),
        },
    }
}

/// Whether no file can have the name of a reference.
fn is_too_long(reference: &str) -> bool {
    reference.len() > LONGEST_REFERENCE || reference.split('/').any(|part| part.len() > LONGEST_PART)
}

fn target_of(repo: &Repository, reference: &str) -> Result<Option<Oid>, git2::Error> {
    match repo.find_reference(reference) {
        Ok(found) => Ok(found.target()),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the tag that is there names the same commit: made by us a moment ago, at another second.
fn is_same_tag(mirror: &Repository, repo: &Repository, current: Option<Oid>, update: &Update) -> bool {
    if !update.reference.starts_with("refs/tags/") {
        return false;
    }
    let here = current
        .and_then(|id| repo.find_object(id, None).ok()?.peel_to_commit().ok())
        .map(|c| c.id());
    let new = mirror
        .find_object(update.target, None)
        .and_then(|object| object.peel_to_commit())
        .map(|commit| commit.id());
    here.is_some_and(|here| new.is_ok_and(|new| new == here))
}

/// Why there cannot be a new reference of this name: it is a file, and others are its directories or lie below it.
fn in_the_way(repo: &Repository, update: &Update) -> Result<Option<String>, git2::Error> {
    if update.expected.is_some() {
        return Ok(None);
    }
    let name = update.reference.as_str();
    let parts: Vec<&str> = name.split('/').collect();
    for length in 3..parts.len() {
        let above = parts[..length].join("/");
        if target_of(repo, &above)?.is_some() {
            return Ok(Some(format!(
                "there is {above} already, below which nothing can be"
            )));
        }
    }
    let mut below = repo.references_glob(&format!("{name}/*"))?;
    let first = below.names().next().transpose()?;
    Ok(first.map(|first| format!("there is {first} already, so {name} can only be a directory")))
}

fn follows(mirror: &Repository, new: Oid, old: Oid) -> bool {
    new == old || mirror.graph_descendant_of(new, old).unwrap_or(false)
}

/// Sets the reference unless somebody moved it since it was read.
fn set(repo: &Repository, update: &Update) -> Result<Pushed, git2::Error> {
    let (name, target) = (&update.reference, update.target);
    let set = match update.expected {
        Some(expected) => repo.reference_matching(name, target, true, expected, LOG_MESSAGE),
        None => repo.reference(name, target, false, LOG_MESSAGE),
    };
    match set {
        Ok(_) => Ok(Pushed::Done),
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists) => Ok(Pushed::Moved {
            head: target_of(repo, name)?.map(sha_of),
        }),
        Err(error) => Err(error),
    }
}

/// Tags of the repository at a path that name a commit.
pub(crate) fn tags_in(path: &Path, sha: &CommitSha) -> Result<Vec<String>, ScmError> {
    let repo = open(path)?;
    let doing = || format!("read the tags of {}", path.display());
    let wanted = oid_of(sha);
    let mut names = Vec::new();
    let references = repo
        .references_glob("refs/tags/*")
        .map_err(|error| failed(doing())(error))?;
    for reference in references.flatten() {
        let names_it = reference
            .peel_to_commit()
            .is_ok_and(|commit| commit.id() == wanted);
        if let Some(name) = reference.name().ok().filter(|_| names_it) {
            names.extend(name.strip_prefix("refs/tags/").map(str::to_owned));
        }
    }
    Ok(names)
}
