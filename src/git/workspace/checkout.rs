//! Writing files straight from the objects of a tree: no index, no filters, no attributes, no hooks (threats B1, B3, B5).
//!
//! Measured: writing 2,000 files this way takes about two thirds of what libgit2's checkout takes, and moving a tree by the paths
//! that differ a tenth.

use std::io;

use git2::{ObjectType, Odb, Oid, Repository};

use super::record::{Stamp, Tracked};
use super::removal::Attic;
use crate::git::objects::{exceeds, failed};
use crate::git::tree::{Change, EntryKind, Leaf, TreeLimits, Trees, changes, leaves};
use crate::ports::scm::ScmError;
use crate::runtime::directory::Directory;
use crate::runtime::entry_name::refusal;

/// How large a tree may be to be written.
#[derive(Debug, Clone, Copy)]
pub struct CheckoutLimits {
    /// Files, links and submodules.
    pub files: usize,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes of one file; it is held in memory while it is written.
    pub file_bytes: usize,
}

impl Default for CheckoutLimits {
    fn default() -> Self {
        Self {
            files: 500_000,
            bytes: 20 << 30,
            file_bytes: 1 << 30,
        }
    }
}

/// Directories inside one another; each is a handle while files in it are written.
const DEPTH_LIMIT: usize = 128;
/// Longest path, in bytes: programs could not open a longer one.
const PATH_LIMIT: usize = 2_048;

/// Writes into one tree directory.
pub(super) struct Checkout<'a> {
    odb: Odb<'a>,
    tree: &'a Directory,
    attic: &'a Attic,
    limits: CheckoutLimits,
    open: OpenDirectories<'a>,
    written: u64,
}

/// The directory being written to, as handles from the top: files of one directory follow one another.
struct OpenDirectories<'a> {
    tree: &'a Directory,
    attic: &'a Attic,
    open: Vec<(Vec<u8>, Directory)>,
}

impl OpenDirectories<'_> {
    /// The directory of these components, created where it is missing; what is in the way and no directory goes.
    fn enter(&mut self, directories: &[u8]) -> io::Result<&Directory> {
        let wanted: Vec<&[u8]> = components(directories).collect();
        let common = self
            .open
            .iter()
            .zip(&wanted)
            .take_while(|(open, name)| open.0 == **name)
            .count();
        self.open.truncate(common);
        for name in &wanted[common..] {
            let here = self.open.last().map_or(self.tree, |(_, directory)| directory);
            let child = match here.child_or_new(name) {
                Ok(child) => child,
                Err(_) => {
                    self.attic.remove(here, name)?;
                    here.create_directory(name)?;
                    here.child(name)?
                }
            };
            self.open.push((name.to_vec(), child));
        }
        Ok(self.open.last().map_or(self.tree, |(_, directory)| directory))
    }
}

impl<'a> Checkout<'a> {
    pub(super) fn new(
        mirror: &'a Repository,
        tree: &'a Directory,
        attic: &'a Attic,
        limits: CheckoutLimits,
    ) -> Result<Self, ScmError> {
        Ok(Self {
            odb: mirror.odb().map_err(failed("open the object store"))?,
            tree,
            attic,
            limits,
            open: OpenDirectories {
                tree,
                attic,
                open: Vec::new(),
            },
            written: 0,
        })
    }

    /// Writes a whole tree into an empty directory. Returns what was written, sorted.
    pub(super) fn write_all(&mut self, trees: &Trees<'_>, root: Oid) -> Result<Vec<Tracked>, ScmError> {
        let mut found = leaves(trees, root, self.tree_limits())?;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // Everything is looked at before anything is written.
        found.iter().try_for_each(|leaf| check_path(&leaf.path))?;
        found.into_iter().map(|leaf| self.write(leaf)).collect()
    }

    /// Moves a tree from what `record` says to another commit's tree by writing only what differs. Returns the new record.
    pub(super) fn move_to(
        &mut self,
        trees: &Trees<'_>,
        record: Vec<Tracked>,
        from: Oid,
        to: Oid,
    ) -> Result<Vec<Tracked>, ScmError> {
        let mut differing = changes(trees, Some(from), Some(to), self.tree_limits())?;
        differing.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        differing.iter().try_for_each(|change| check_path(&change.path))?;
        let changed = |path: &[u8]| {
            differing
                .binary_search_by(|change| change.path.as_slice().cmp(path))
                .is_ok()
        };
        let (kept, missing): (Vec<Tracked>, Vec<Tracked>) = record
            .into_iter()
            .filter(|entry| !changed(&entry.path))
            .partition(|entry| entry.stamp.is_some());
        for change in differing.iter().rev().filter(|change| change.now.is_none()) {
            self.remove(&change.path)?;
        }
        let mut new = kept;
        let added = differing
            .into_iter()
            .filter_map(leaf_of)
            .chain(missing.into_iter().map(leaf_again));
        for leaf in added {
            new.push(self.write(leaf)?);
        }
        new.sort_by(|a, b| a.path.cmp(&b.path));
        if new.len() > self.limits.files {
            return Err(exceeds(
                "the number of files",
                format!("{} files", self.limits.files),
            ));
        }
        Ok(new)
    }

    fn tree_limits(&self) -> TreeLimits {
        TreeLimits {
            entries: self.limits.files.saturating_mul(2),
            depth: DEPTH_LIMIT,
            path_bytes: TreeLimits::LISTING.path_bytes,
        }
    }

    fn write(&mut self, leaf: Leaf) -> Result<Tracked, ScmError> {
        let (directories, name) = split(&leaf.path);
        let doing = |error: io::Error| failed(format!("write {}", leaf.path.escape_ascii()))(error);
        let content = match leaf.kind {
            EntryKind::File { .. } => Some(read(&self.odb, &leaf, self.limits.file_bytes)?),
            EntryKind::Link => Some(read(&self.odb, &leaf, PATH_LIMIT)?),
            EntryKind::Submodule | EntryKind::Tree => None,
        };
        let content = content.as_ref().map_or(&[][..], |object| object.data());
        self.written += content.len() as u64;
        if self.written > self.limits.bytes {
            return Err(exceeds(
                "the size of all files",
                format!("{} MiB", self.limits.bytes >> 20),
            ));
        }
        let directory = self.open.enter(directories).map_err(doing)?;
        let create = || match leaf.kind {
            EntryKind::File { executable } => directory.create_file(name, executable, content),
            EntryKind::Link => directory.create_link(name, content),
            EntryKind::Submodule | EntryKind::Tree => directory
                .create_directory(name)
                .and_then(|()| directory.stat(name)),
        };
        let stat = replacing(create, || self.attic.remove(directory, name)).map_err(doing)?;
        Ok(Tracked {
            stamp: Some(Stamp::of(&stat)),
            path: leaf.path,
            kind: leaf.kind,
            oid: leaf.oid,
        })
    }

    /// Removes a path, and the directories that become empty with it.
    fn remove(&mut self, path: &[u8]) -> Result<(), ScmError> {
        self.open.open.clear();
        let doing = |error: io::Error| failed(format!("remove {}", path.escape_ascii()))(error);
        let mut handles: Vec<(Directory, &[u8])> = Vec::new();
        let (directories, name) = split(path);
        for component in components(directories) {
            let here = handles.last().map_or(self.tree, |(directory, _)| directory);
            match here.child(component) {
                Ok(child) => handles.push((child, component)),
                // Its directory is gone or is something else by now, and so is the file.
                Err(_) => return Ok(()),
            }
        }
        let parent = handles.last().map_or(self.tree, |(directory, _)| directory);
        self.attic.remove(parent, name).map_err(doing)?;
        while let Some((_, name)) = handles.pop() {
            let parent = handles.last().map_or(self.tree, |(directory, _)| directory);
            if parent.remove_empty(name).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Creates something; what has its name already goes first.
fn replacing<T>(create: impl Fn() -> io::Result<T>, remove: impl Fn() -> io::Result<()>) -> io::Result<T> {
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove()?;
            create()
        }
        created => created,
    }
}

fn leaf_of(change: Change) -> Option<Leaf> {
    let (kind, oid) = change.now?;
    Some(Leaf {
        path: change.path,
        kind,
        oid,
    })
}

fn leaf_again(entry: Tracked) -> Leaf {
    Leaf {
        path: entry.path,
        kind: entry.kind,
        oid: entry.oid,
    }
}

/// Reads a blob after looking at its size.
fn read<'o>(odb: &'o Odb<'_>, leaf: &Leaf, limit: usize) -> Result<git2::OdbObject<'o>, ScmError> {
    let what = || leaf.path.escape_ascii().to_string();
    let doing = |error: git2::Error| failed(format!("read {}", what()))(error);
    let (size, kind) = odb.read_header(leaf.oid).map_err(doing)?;
    if size > limit {
        return Err(exceeds(
            format!("the size of `{}`", what()),
            format!("{limit} bytes"),
        ));
    }
    if kind != ObjectType::Blob {
        return Err(refused(&leaf.path, "it is not a file although its tree says so"));
    }
    odb.read(leaf.oid).map_err(doing)
}

fn check_path(path: &[u8]) -> Result<(), ScmError> {
    if path.len() > PATH_LIMIT {
        return Err(exceeds("the length of a path", format!("{PATH_LIMIT} bytes")));
    }
    match path.split(|byte| *byte == b'/').find_map(refusal) {
        Some(because) => Err(refused(path, because)),
        None => Ok(()),
    }
}

fn refused(path: &[u8], because: &str) -> ScmError {
    ScmError::RefusedContent {
        path: path.escape_ascii().to_string(),
        because: because.to_owned(),
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

fn components(directories: &[u8]) -> impl Iterator<Item = &[u8]> {
    directories
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
}
