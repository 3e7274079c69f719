//! Objects copied from the mirror into a repository on this computer, one by one: a goal makes few.

use git2::{ObjectType, Oid, Repository, Tree};

/// Copies a commit or tag with everything that the heads of the other repository do not reach.
///
/// Everything that differs from a parent is written, also when an object of that name is there: one that nothing reaches
/// may lack what it refers to.
pub(super) fn copy(mirror: &Repository, to: &Repository, target: Oid) -> Result<(), git2::Error> {
    let mut tip = target;
    let mut tags = Vec::new();
    while let Ok(tag) = mirror.find_tag(tip) {
        tags.push(tip);
        tip = tag.target_id();
    }
    for commit in missing_commits(mirror, to, tip)? {
        copy_commit(mirror, to, commit)?;
    }
    for tag in tags.into_iter().rev() {
        copy_object(mirror, to, tag)?;
    }
    Ok(())
}

/// Parents before children.
fn missing_commits(mirror: &Repository, to: &Repository, tip: Oid) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = mirror.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(tip)?;
    let odb = mirror.odb()?;
    for reference in to.references_glob("refs/heads/*")? {
        let head = reference?.target();
        if let Some(head) = head.filter(|head| odb.exists(*head)) {
            walk.hide(head)?;
        }
    }
    walk.collect()
}

fn copy_commit(mirror: &Repository, to: &Repository, id: Oid) -> Result<(), git2::Error> {
    let commit = mirror.find_commit(id)?;
    let base = match commit.parent_ids().next() {
        Some(parent) => Some(mirror.find_commit(parent)?.tree()?),
        None => None,
    };
    copy_tree(mirror, to, commit.tree()?, base)?;
    copy_object(mirror, to, id)
}

/// Every entry that is not the same in the base; without recursion, trees can be deep. Trees come after what is in them, for
/// those who read meanwhile and because a repository checks what it is given.
pub(super) fn copy_tree<'r>(
    mirror: &'r Repository,
    to: &Repository,
    tree: Tree<'r>,
    base: Option<Tree<'r>>,
) -> Result<(), git2::Error> {
    let mut trees = vec![tree.id()];
    let mut open = vec![(tree, base)];
    while let Some((tree, base)) = open.pop() {
        for entry in &tree {
            let counterpart = base
                .as_ref()
                .and_then(|base| base.get_name_bytes(entry.name_bytes()));
            if counterpart.as_ref().is_some_and(|other| other.id() == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let base = counterpart.and_then(|other| mirror.find_tree(other.id()).ok());
                    trees.push(entry.id());
                    open.push((mirror.find_tree(entry.id())?, base));
                }
                Some(ObjectType::Commit) => {}
                Some(_) | None => copy_object(mirror, to, entry.id())?,
            }
        }
    }
    trees
        .into_iter()
        .rev()
        .try_for_each(|id| copy_object(mirror, to, id))
}

fn copy_object(mirror: &Repository, to: &Repository, id: Oid) -> Result<(), git2::Error> {
    let odb = mirror.odb()?;
    let object = odb.read(id)?;
    to.odb()?.write(object.kind(), object.data()).map(|_| ())
}
