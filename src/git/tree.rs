//! Trees as they are stored: read without recursion, with limits, and compared without reading a single file.
//!
//! A pushed tree is hostile (threat B6): it may be deeper than a stack, wider than memory, or name itself a million
//! times. Every walk here keeps its own stack and counts what it has seen.

use git2::{Odb, OdbObject, Oid, Repository};

use super::objects::{exceeds, failed};
use crate::ports::scm::ScmError;

/// What an entry of a tree is, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntryKind {
    /// A directory.
    Tree,
    /// A file, perhaps executable. Any other permission bit, setuid too, is forgotten here.
    File {
        /// Has any execute bit.
        executable: bool,
    },
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
}

impl EntryKind {
    pub(crate) fn of_mode(mode: u32) -> Option<Self> {
        match mode & 0o170_000 {
            0o040_000 => Some(Self::Tree),
            0o100_000 => Some(Self::File {
                executable: mode & 0o111 != 0,
            }),
            0o120_000 => Some(Self::Link),
            0o160_000 => Some(Self::Submodule),
            _ => None,
        }
    }

    /// The mode git writes for it.
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Tree => 0o040_000,
            Self::File { executable: false } => 0o100_644,
            Self::File { executable: true } => 0o100_755,
            Self::Link => 0o120_000,
            Self::Submodule => 0o160_000,
        }
    }
}

/// One entry of one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) name: Box<[u8]>,
    pub(crate) kind: EntryKind,
    pub(crate) oid: Oid,
}

/// How much of a tree we are willing to see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeLimits {
    /// Entries of all kinds, each time they are met.
    pub(crate) entries: usize,
    /// Directories inside one another.
    pub(crate) depth: usize,
    /// Bytes of all paths together.
    pub(crate) path_bytes: usize,
}

impl TreeLimits {
    /// For listing: threat B6.
    pub(crate) const LISTING: Self = Self {
        entries: 1_000_000,
        depth: 4_000,
        path_bytes: 256 << 20,
    };
}

/// Reads trees of one repository.
pub(crate) struct Trees<'r> {
    odb: Odb<'r>,
}

impl<'r> Trees<'r> {
    pub(crate) fn of(repo: &'r Repository) -> Result<Self, ScmError> {
        let odb = repo.odb().map_err(failed("open the object store"))?;
        Ok(Self { odb })
    }

    /// The entries of one tree, in the order they are stored.
    pub(crate) fn entries(&self, tree: Oid) -> Result<Vec<TreeEntry>, ScmError> {
        let object = self.object(tree)?;
        parse(object.data()).ok_or_else(|| not_a_tree(tree))
    }

    /// A tree as it is stored.
    pub(super) fn object(&self, tree: Oid) -> Result<OdbObject<'_>, ScmError> {
        let object = self
            .odb
            .read(tree)
            .map_err(|error| failed(format!("read the tree {tree}"))(error))?;
        match object.kind() {
            git2::ObjectType::Tree => Ok(object),
            _ => Err(not_a_tree(tree)),
        }
    }
}

pub(super) fn not_a_tree(tree: Oid) -> ScmError {
    ScmError::RefusedContent {
        path: format!("tree {tree}"),
        because: "it is not a tree as git writes them".to_owned(),
    }
}

fn parse(mut data: &[u8]) -> Option<Vec<TreeEntry>> {
    let mut entries = Vec::with_capacity(data.len() / 34);
    while !data.is_empty() {
        let (entry, rest) = first_entry(data)?;
        entries.push(TreeEntry {
            name: entry.name.into(),
            kind: entry.kind,
            oid: entry.oid,
        });
        data = rest;
    }
    Some(entries)
}

/// One entry where it is stored.
pub(super) struct StoredEntry<'d> {
    pub(super) name: &'d [u8],
    pub(super) kind: EntryKind,
    pub(super) oid: Oid,
}

/// Reads `<octal mode> <name>\0<20 bytes>`; the entry and what follows it.
pub(super) fn first_entry(data: &[u8]) -> Option<(StoredEntry<'_>, &[u8])> {
    let space = data.iter().position(|byte| *byte == b' ')?;
    let mode = u32::from_str_radix(std::str::from_utf8(&data[..space]).ok()?, 8).ok()?;
    let rest = &data[space + 1..];
    let end = rest.iter().position(|byte| *byte == 0)?;
    let name = &rest[..end];
    // A slash would make two names of one once it is part of a path.
    if name.is_empty() || name.contains(&b'/') {
        return None;
    }
    let entry = StoredEntry {
        name,
        kind: EntryKind::of_mode(mode)?,
        oid: Oid::from_bytes(rest.get(end + 1..end + 21)?).ok()?,
    };
    Some((entry, &rest[end + 21..]))
}

/// Something in a tree that is not a directory, by its whole path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: EntryKind,
    pub(crate) oid: Oid,
}

/// What differs at one path; directories never appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: Vec<u8>,
    /// What is there now, `None` for a deletion.
    pub(crate) now: Option<(EntryKind, Oid)>,
}

/// Counts what a walk has seen.
pub(super) struct Budget {
    limits: TreeLimits,
    entries: usize,
    path_bytes: usize,
}

impl Budget {
    pub(super) fn new(limits: TreeLimits) -> Self {
        Self {
            limits,
            entries: 0,
            path_bytes: 0,
        }
    }

    pub(super) fn spend(&mut self, path: &[u8], depth: usize) -> Result<(), ScmError> {
        self.entries += 1;
        self.path_bytes += path.len();
        if self.entries > self.limits.entries {
            return Err(exceeds(
                "the number of files",
                format!("{} entries", self.limits.entries),
            ));
        }
        if depth > self.limits.depth {
            return Err(exceeds(
                "the depth of the tree",
                format!("{} directories", self.limits.depth),
            ));
        }
        if self.path_bytes > self.limits.path_bytes {
            return Err(exceeds(
                "the length of all paths",
                format!("{} MiB", self.limits.path_bytes >> 20),
            ));
        }
        Ok(())
    }
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Every file, link and submodule beneath `root`, in no particular order.
pub(crate) fn leaves(trees: &Trees<'_>, root: Oid, limits: TreeLimits) -> Result<Vec<Leaf>, ScmError> {
    let mut budget = Budget::new(limits);
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), root, 1)];
    while let Some((directory, tree, depth)) = open.pop() {
        for entry in trees.entries(tree)? {
            let path = joined(&directory, &entry.name);
            budget.spend(&path, depth)?;
            match entry.kind {
                EntryKind::Tree => open.push((path, entry.oid, depth + 1)),
                kind => found.push(Leaf {
                    path,
                    kind,
                    oid: entry.oid,
                }),
            }
        }
    }
    Ok(found)
}

/// What differs between two trees, in no particular order; equal subtrees are never opened. `None` is the empty tree.
pub(crate) fn changes(
    trees: &Trees<'_>,
    before: Option<Oid>,
    after: Option<Oid>,
    limits: TreeLimits,
) -> Result<Vec<Change>, ScmError> {
    let mut budget = Budget::new(limits);
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), before, after, 1)];
    while let Some((directory, old, new, depth)) = open.pop() {
        if old == new {
            continue;
        }
        for (name, old, new) in paired(sorted(trees, old)?, sorted(trees, new)?) {
            let path = joined(&directory, &name);
            budget.spend(&path, depth)?;
            let tree_of = |side: Option<(EntryKind, Oid)>| side.filter(|(kind, _)| *kind == EntryKind::Tree);
            let leaf_of = |side: Option<(EntryKind, Oid)>| side.filter(|(kind, _)| *kind != EntryKind::Tree);
            if leaf_of(old) != leaf_of(new) {
                found.push(Change {
                    path: path.clone(),
                    now: leaf_of(new),
                });
            }
            let (old, new) = (tree_of(old).map(|side| side.1), tree_of(new).map(|side| side.1));
            if old != new {
                open.push((path, old, new, depth + 1));
            }
        }
    }
    Ok(found)
}

fn sorted(trees: &Trees<'_>, tree: Option<Oid>) -> Result<Vec<TreeEntry>, ScmError> {
    let mut entries = tree.map_or_else(|| Ok(Vec::new()), |oid| trees.entries(oid))?;
    // Git sorts directories as if their names ended in a slash; pairing by name needs plain order.
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

type Side = Option<(EntryKind, Oid)>;

/// The names whose entries differ, each with what the two sides hold there.
fn paired(old: Vec<TreeEntry>, new: Vec<TreeEntry>) -> Vec<(Box<[u8]>, Side, Side)> {
    let mut pairs = Vec::new();
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(left), Some(right)) => left.name.cmp(&right.name),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return pairs,
        };
        let left = if order.is_le() { old.next() } else { None };
        let right = if order.is_ge() { new.next() } else { None };
        let side = |entry: &Option<TreeEntry>| entry.as_ref().map(|entry| (entry.kind, entry.oid));
        let (before, after) = (side(&left), side(&right));
        if let Some(entry) = left.or(right)
            && before != after
        {
            pairs.push((entry.name, before, after));
        }
    }
}
