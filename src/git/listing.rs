//! The paths of all files of a tree: one walk in the order they are stored, which is theirs, with no memory asked for
//! but that of the paths. A hundred thousand of them are listed whenever a rule asks for a pattern.

use git2::{OdbObject, Oid};

use super::tree::{Budget, EntryKind, TreeLimits, Trees, first_entry, not_a_tree};
use crate::ports::scm::ScmError;

/// A directory that the walk is in.
struct Open<'t> {
    tree: Oid,
    object: OdbObject<'t>,
    /// Bytes of it that are read.
    read: usize,
    /// Length of its path, the slash included.
    prefix: usize,
}

/// The paths of all files beneath `root`; in order where the trees are as git writes them. Names that are not UTF-8
/// have replacement characters.
pub(super) fn file_paths(trees: &Trees<'_>, root: Oid, limits: TreeLimits) -> Result<Vec<String>, ScmError> {
    let mut budget = Budget::new(limits);
    let mut found = Vec::new();
    let mut path = Vec::new();
    let mut open = vec![directory(trees, root, 0)?];
    while let Some(current) = open.last_mut() {
        let unread = &current.object.data()[current.read..];
        if unread.is_empty() {
            open.pop();
            continue;
        }
        let (entry, rest) = first_entry(unread).ok_or_else(|| not_a_tree(current.tree))?;
        path.truncate(current.prefix);
        path.extend_from_slice(entry.name);
        let (kind, oid) = (entry.kind, entry.oid);
        current.read = current.object.data().len() - rest.len();
        budget.spend(&path, open.len())?;
        match kind {
            EntryKind::Tree => {
                path.push(b'/');
                open.push(directory(trees, oid, path.len())?);
            }
            EntryKind::File { .. } => found.push(String::from_utf8_lossy(&path).into_owned()),
            EntryKind::Link | EntryKind::Submodule => {}
        }
    }
    Ok(found)
}

fn directory<'t>(trees: &'t Trees<'_>, tree: Oid, prefix: usize) -> Result<Open<'t>, ScmError> {
    Ok(Open {
        tree,
        object: trees.object(tree)?,
        read: 0,
        prefix,
    })
}
