//! From a directory of this machine: the new objects are packed from one store into the other, in this process.
//!
//! libgit2's own local transport sends everything that any reference of the source reaches and knows no commits by id;
//! this sends exactly what the wanted commits have beyond the kept ones. Nothing of the source's configuration is obeyed
//! that could start a program: packing reads objects only (threat B2).

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::download::add_branch;
use super::fetch::FetchError;
use crate::git::identity::SHALLOW;
use crate::git::transport::{Session, failed};
use crate::model::BranchName;
use crate::ports::scm::{Heads, ScmError};

/// Below this many objects more threads cost more than they bring.
const ONE_THREAD_BELOW: usize = 2000;

/// Commits looked at to find where what is missing begins.
const NEAR: usize = 1000;

/// Copies the wanted commits with what the mirror lacks of their history. A commit that is not in the source is left out.
pub(super) fn copy(
    path: &Path,
    mirror: &Repository,
    session: &Arc<Session>,
    missing: &[Oid],
    tips: &[Oid],
) -> Result<(), FetchError> {
    let source = open(path)?;
    if source.is_shallow() {
        return Err(FetchError::Refused(ScmError::RefusedAddress {
            address: path.display().to_string(),
            because: SHALLOW.to_owned(),
        }));
    }
    let copied = transfer(&source, mirror, session, missing, tips);
    copied.map_err(|error| match session.take_failure() {
        Some(failure) => FetchError::Refused(failure),
        None => FetchError::Refused(failed(&session.doing(), error)),
    })
}

fn transfer(
    source: &Repository,
    mirror: &Repository,
    session: &Arc<Session>,
    missing: &[Oid],
    tips: &[Oid],
) -> Result<(), git2::Error> {
    let mut walk = source.revwalk()?;
    let mut wanted = 0;
    for &id in missing {
        match source.find_commit(id) {
            Ok(commit) => walk.push(commit.id())?,
            Err(error) if error.code() == ErrorCode::NotFound => continue,
            Err(error) => return Err(error),
        }
        wanted += 1;
    }
    if wanted == 0 {
        return Ok(());
    }
    for tip in boundary(source, missing, tips) {
        walk.hide(tip)?;
    }
    let mut builder = source.packbuilder()?;
    builder.insert_walk(&mut walk)?;
    let count = builder.object_count();
    if count == 0 {
        return Ok(());
    }
    if !session.allows_objects(count) {
        return Err(git2::Error::from_str("too many objects"));
    }
    builder.set_threads(u32::from(count < ONE_THREAD_BELOW));
    let odb = mirror.odb()?;
    let mut writer = odb.packwriter()?;
    let mut broken: Option<io::Error> = None;
    let packed = builder.foreach(|chunk| {
        let written = session
            .count_received(chunk.len())
            .and_then(|()| writer.write_all(chunk));
        broken = written.err();
        broken.is_none() && session.goes_on()
    });
    if let Some(error) = broken {
        return Err(git2::Error::from_str(&error.to_string()));
    }
    packed?;
    writer.commit()?;
    Ok(())
}

/// The kept commits at which what is missing begins. Hiding a commit reads its whole tree, so only these are hidden
/// where they are near; far from them, everything that is kept and that the source still has.
fn boundary(source: &Repository, missing: &[Oid], tips: &[Oid]) -> Vec<Oid> {
    let kept: HashSet<Oid> = tips.iter().copied().collect();
    let is_here = |tip: &Oid| source.find_commit(*tip).is_ok();
    let (mut seen, mut found, mut next) = (HashSet::new(), Vec::new(), missing.to_vec());
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        if kept.contains(&id) {
            found.push(id);
        } else if let Ok(commit) = source.find_commit(id) {
            next.extend(commit.parent_ids());
        }
        if seen.len() > NEAR {
            found = tips.to_vec();
            break;
        }
    }
    // The source may have forgotten what the mirror keeps.
    found.retain(is_here);
    found
}

/// The branches of the source as it has them now.
pub(super) fn heads(path: &Path) -> Result<Heads, ScmError> {
    let source = open(path)?;
    list(&source).map_err(|error| failed(&format!("read the branches of {}", path.display()), error))
}

fn list(source: &Repository) -> Result<Heads, git2::Error> {
    let mut heads = Heads::default();
    for reference in source.references_glob("refs/heads/*")? {
        let reference = reference?;
        let target = reference.symbolic_target_bytes();
        if target.is_some_and(|target| target.starts_with(b"refs/heads/")) {
            continue;
        }
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        if let Ok(commit) = reference.peel_to_commit() {
            add_branch(&mut heads, &name, commit.id());
        }
    }
    let head = source.find_reference("HEAD")?;
    heads.default_branch = head
        .symbolic_target()
        .ok()
        .flatten()
        .and_then(BranchName::from_ref)
        .and_then(Result::ok);
    Ok(heads)
}

/// Opens exactly this directory, or the git directory in it. libgit2's check that it is the user's own stays on.
pub(super) fn open(path: &Path) -> Result<Repository, ScmError> {
    let flags = RepositoryOpenFlags::NO_SEARCH;
    Repository::open_ext(path, flags, std::iter::empty::<&Path>()).map_err(|error| match error.code() {
        ErrorCode::NotFound => ScmError::RepositoryGone(path.display().to_string()),
        ErrorCode::Owner => failed(
            &format!("open the repository {}", path.display()),
            "it belongs to another user of this machine",
        ),
        _ => failed(&format!("open the repository {}", path.display()), error),
    })
}
