//! References that keep fetched commits reachable: `refs/sdm/commits/<sha>`, one per fetched commit, bounded.

use std::collections::HashSet;

use git2::{ObjectType, Oid, Reference, Repository, Sort};

/// Where they are.
pub(super) const KEPT: &str = "refs/sdm/commits/";
/// More than this many are trimmed by [`trim`].
const TRIM_ABOVE: usize = 512;
/// The newest ones stay whatever reaches them.
const NEWEST: usize = 256;
/// More than this many never stay, reachable or not.
const AT_MOST: usize = 4096;

/// The commits that are kept.
pub(super) fn tips(mirror: &Repository) -> Result<Vec<Oid>, git2::Error> {
    let mut tips = Vec::new();
    for reference in mirror.references_glob(&format!("{KEPT}*"))? {
        tips.extend(reference?.target());
    }
    Ok(tips)
}

/// Whether a commit is there with its history: kept itself, or an ancestor of one that is.
pub(super) fn has(mirror: &Repository, sha: Oid) -> Result<bool, git2::Error> {
    let odb = mirror.odb()?;
    // What is there and no commit is no damage: somebody's branch points at a tree or a tag.
    if !odb.exists(sha) || odb.read_header(sha)?.1 != ObjectType::Commit {
        return Ok(false);
    }
    // A reference is only made after the commit was found whole; look at it once more, damage happens.
    mirror.find_commit(sha)?.tree()?;
    if mirror.find_reference(&format!("{KEPT}{sha}")).is_ok() {
        return Ok(true);
    }
    let tips = tips(mirror)?;
    if tips.is_empty() {
        return Ok(false);
    }
    let mut walk = mirror.revwalk()?;
    walk.push(sha)?;
    for tip in tips {
        walk.hide(tip)?;
    }
    walk.next().transpose().map(|beyond| beyond.is_none())
}

/// Keeps a commit.
pub(super) fn keep(mirror: &Repository, sha: Oid) -> Result<(), git2::Error> {
    mirror.reference(&format!("{KEPT}{sha}"), sha, true, "fetched")?;
    Ok(())
}

/// Removes references to commits that are not there.
pub(super) fn forget_missing(mirror: &Repository) -> Result<(), git2::Error> {
    let odb = mirror.odb()?;
    for sha in tips(mirror)?.into_iter().filter(|sha| !odb.exists(*sha)) {
        mirror.find_reference(&format!("{KEPT}{sha}"))?.delete()?;
    }
    Ok(())
}

/// Removes references that newer ones make superfluous, once there are many. Objects are not removed.
pub(super) fn trim(mirror: &Repository) -> Result<usize, git2::Error> {
    let mut kept = Vec::new();
    for reference in mirror.references_glob(&format!("{KEPT}*"))? {
        let reference = reference?;
        let time = reference.peel_to_commit()?.time().seconds();
        kept.push((time, reference));
    }
    if kept.len() <= TRIM_ABOVE {
        return Ok(0);
    }
    kept.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let older = kept.split_off(NEWEST);
    let alone = not_reached(mirror, &kept, &older)?;
    let mut removed = 0;
    for (index, (_, mut reference)) in older.into_iter().enumerate() {
        let is_alone = reference.target().is_some_and(|target| alone.contains(&target));
        if !is_alone || index + NEWEST >= AT_MOST {
            reference.delete()?;
            removed += 1;
        }
    }
    Ok(removed)
}

type Aged<'a> = (i64, Reference<'a>);

/// Those of `older` that none of `newer` reaches.
fn not_reached(
    mirror: &Repository,
    newer: &[Aged<'_>],
    older: &[Aged<'_>],
) -> Result<HashSet<Oid>, git2::Error> {
    let mut walk = mirror.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL)?;
    for target in older.iter().filter_map(|(_, reference)| reference.target()) {
        walk.push(target)?;
    }
    for target in newer.iter().filter_map(|(_, reference)| reference.target()) {
        walk.hide(target)?;
    }
    walk.collect()
}
