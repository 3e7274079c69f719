//! Whether a fetched commit is whole: libgit2 has checked every object's bytes, this checks that none is missing.

use std::collections::HashSet;

use git2::{ErrorClass, ErrorCode, ObjectType, Odb, Oid, Repository, Tree};

/// Most commits of a fetch that are looked at one by one; older history was complete when its packs were made.
const MAX_COMMITS: usize = 100_000;

/// Looks at the new history down to what is known, and at the new part of the commit's tree.
///
/// # Errors
/// An object that is missing or cannot be read.
pub(super) fn is_whole(mirror: &Repository, sha: Oid, known: &[Oid]) -> Result<(), git2::Error> {
    let mut walk = mirror.revwalk()?;
    walk.push(sha)?;
    for &tip in known {
        walk.hide(tip)?;
    }
    let mut seen = HashSet::new();
    let mut base = None;
    for id in walk.take(MAX_COMMITS) {
        let id = id?;
        seen.insert(id);
        if base.is_none() {
            let commit = mirror.find_commit(id)?;
            base = commit
                .parent_ids()
                .find(|parent| !seen.contains(parent) && known.contains(parent));
        }
    }
    let tree = mirror.find_commit(sha)?.tree()?;
    let base = match base.or_else(|| known.first().copied()) {
        Some(base) => Some(mirror.find_commit(base)?.tree()?),
        None => None,
    };
    tree_is_whole(mirror, tree, base)
}

/// Everything of a tree that its counterpart does not have under the same name; without recursion, trees can be deep.
fn tree_is_whole<'r>(
    mirror: &'r Repository,
    tree: Tree<'r>,
    base: Option<Tree<'r>>,
) -> Result<(), git2::Error> {
    let odb = mirror.odb()?;
    let mut seen = HashSet::new();
    let mut open = vec![(tree, base)];
    while let Some((tree, base)) = open.pop() {
        for entry in &tree {
            let counterpart = base
                .as_ref()
                .and_then(|base| base.get_name_bytes(entry.name_bytes()));
            let unchanged = counterpart.as_ref().is_some_and(|other| other.id() == entry.id());
            if unchanged || !seen.insert(entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let base = counterpart.and_then(|other| mirror.find_tree(other.id()).ok());
                    open.push((mirror.find_tree(entry.id())?, base));
                }
                Some(ObjectType::Commit) => {}
                Some(_) | None => must_exist(&odb, entry.id())?,
            }
        }
    }
    Ok(())
}

fn must_exist(odb: &Odb<'_>, id: Oid) -> Result<(), git2::Error> {
    if odb.exists(id) {
        return Ok(());
    }
    let message = format!("the object {id} is missing");
    Err(git2::Error::new(ErrorCode::NotFound, ErrorClass::Odb, message))
}
