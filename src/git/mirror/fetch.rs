//! One batch: what is missing is fetched, looked at and kept; a damaged mirror is rebuilt once.

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::{ErrorClass, ErrorCode, Oid, Repository};
use thiserror::Error;

use super::layout::Layout;
use super::{download, kept, local, verify};
use crate::git::transport::{Session, failed};
use crate::model::CommitSha;
use crate::ports::scm::ScmError;

/// What became of each commit of a batch.
pub(super) type Outcome = BTreeMap<CommitSha, Result<(), Arc<ScmError>>>;

/// Why a batch as a whole did not come to an end.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    /// Ours is not to blame.
    #[error(transparent)]
    Refused(#[from] ScmError),
    /// The mirror lacks something it should have.
    #[error("the mirror is damaged")]
    Damaged(#[source] git2::Error),
}

/// Fetches a batch under the mirror's lock.
pub(super) fn fetch_all(layout: &Layout, session: &Arc<Session>, wanted: &[CommitSha]) -> Outcome {
    let started = std::time::Instant::now();
    match under_lock(layout, session, wanted) {
        Ok(outcome) => {
            tracing::debug!(
                address = %session.address(),
                commits = wanted.len(),
                duration_ms = started.elapsed().as_millis(),
                "fetched"
            );
            outcome
        }
        Err(error) => same_for_all(wanted, error),
    }
}

/// The same failure for every commit.
pub(super) fn same_for_all(wanted: &[CommitSha], error: ScmError) -> Outcome {
    let error = Arc::new(error);
    wanted
        .iter()
        .map(|sha| (sha.clone(), Err(Arc::clone(&error))))
        .collect()
}

fn under_lock(layout: &Layout, session: &Arc<Session>, wanted: &[CommitSha]) -> Result<Outcome, ScmError> {
    let _locked = layout.lock(session)?;
    let doing = format!("prepare the mirror {}", layout.path().display());
    layout
        .prepare(&session.address().to_string())
        .map_err(|error| failed(&doing, error))?;
    let damage = match attempt(layout, session, wanted) {
        Err(FetchError::Damaged(damage)) => damage,
        Err(FetchError::Refused(error)) => return Err(error),
        Ok(outcome) => return Ok(outcome),
    };
    tracing::warn!(
        mirror = %layout.path().display(),
        address = %session.address(),
        error = &damage as &dyn std::error::Error,
        "the mirror is damaged and is built again"
    );
    rebuild(layout, session, wanted)
}

/// Fetches into a mirror beside the damaged one and then takes its objects: goals that run borrow the old ones meanwhile, and
/// afterwards too.
fn rebuild(layout: &Layout, session: &Arc<Session>, wanted: &[CommitSha]) -> Result<Outcome, ScmError> {
    let doing = format!("build the mirror {} again", layout.path().display());
    let beside = layout.beside().map_err(|error| failed(&doing, error))?;
    beside
        .prepare(&session.address().to_string())
        .map_err(|error| failed(&doing, error))?;
    let outcome = attempt(&beside, session, wanted).map_err(|error| match error {
        FetchError::Refused(error) => error,
        FetchError::Damaged(error) => failed(&session.doing(), error),
    })?;
    let kept = beside
        .open()
        .and_then(|fresh| kept::tips(&fresh))
        .map_err(|error| failed(&doing, error))?;
    layout
        .take_objects_of(&beside)
        .map_err(|error| failed(&doing, error))?;
    let mirror = layout.open().map_err(|error| failed(&doing, error))?;
    for sha in kept {
        kept::keep(&mirror, sha).map_err(|error| failed(&doing, error))?;
    }
    Ok(outcome)
}

/// What an error of the mirror means: the disk that is full or fails, or the memory that is short, is not the mirror's fault,
/// and trying later helps more than throwing it away.
pub(super) fn judged(error: git2::Error) -> FetchError {
    match error.class() {
        ErrorClass::Os | ErrorClass::NoMemory | ErrorClass::Filesystem
            if error.code() != ErrorCode::NotFound =>
        {
            FetchError::Refused(failed("read or write the mirror", error))
        }
        _ => FetchError::Damaged(error),
    }
}

fn attempt(layout: &Layout, session: &Arc<Session>, wanted: &[CommitSha]) -> Result<Outcome, FetchError> {
    let mirror = layout.open().map_err(judged)?;
    let mut missing = Vec::new();
    for sha in wanted {
        let oid = oid_of(sha)?;
        if !kept::has(&mirror, oid).map_err(judged)? {
            missing.push(oid);
        }
    }
    if !missing.is_empty() {
        let tips = kept::tips(&mirror).map_err(judged)?;
        get(&mirror, session, &missing, &tips)?;
        keep_whole_ones(&mirror, &missing, &tips)?;
    }
    wanted
        .iter()
        .map(|sha| Ok((sha.clone(), fate(&mirror, sha)?)))
        .collect()
}

fn get(mirror: &Repository, session: &Arc<Session>, missing: &[Oid], tips: &[Oid]) -> Result<(), FetchError> {
    match session.address().local_path() {
        Some(path) => local::copy(path, mirror, session, missing, tips),
        None => download::download(mirror, session, missing),
    }
}

/// Keeps what came; what is there without all of its history means damage.
fn keep_whole_ones(mirror: &Repository, missing: &[Oid], tips: &[Oid]) -> Result<(), FetchError> {
    let odb = mirror.odb().map_err(judged)?;
    for &sha in missing {
        let is_commit = odb
            .read_header(sha)
            .is_ok_and(|(_, kind)| kind == git2::ObjectType::Commit);
        if is_commit {
            verify::is_whole(mirror, sha, tips)
                .and_then(|()| kept::keep(mirror, sha))
                .map_err(judged)?;
        }
    }
    kept::trim(mirror).map_err(judged)?;
    Ok(())
}

fn fate(mirror: &Repository, sha: &CommitSha) -> Result<Result<(), Arc<ScmError>>, FetchError> {
    if mirror.find_commit(oid_of(sha)?).is_ok() {
        return Ok(Ok(()));
    }
    Ok(Err(Arc::new(ScmError::CommitGone(sha.clone()))))
}

fn oid_of(sha: &CommitSha) -> Result<Oid, ScmError> {
    Oid::from_str(sha.as_str()).map_err(|error| failed("read a commit id", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_damage_and_a_missing_object_is() {
        let is_damage = |code, class| {
            matches!(
                judged(git2::Error::new(code, class, "why")),
                FetchError::Damaged(_)
            )
        };
        assert!(!is_damage(ErrorCode::GenericError, ErrorClass::Os));
        assert!(!is_damage(ErrorCode::GenericError, ErrorClass::NoMemory));
        assert!(is_damage(ErrorCode::NotFound, ErrorClass::Os));
        assert!(is_damage(ErrorCode::NotFound, ErrorClass::Odb));
        assert!(is_damage(ErrorCode::GenericError, ErrorClass::Zlib));
    }
}
