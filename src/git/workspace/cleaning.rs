//! After use: whatever is not exactly as we wrote it goes (threat I3).
//!
//! Cleaning reads no objects and writes no content. It removes, and notes in the record what must be written again.

use std::io;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use nix::errno::Errno;
use nix::sys::stat::SFlag;

use super::record::{Stamp, Tracked};
use super::removal::Attic;
use crate::git::tree::EntryKind;
use crate::runtime::directory::Directory;

/// The directories that stay although nobody tracks them.
///
/// # Errors
/// A pattern is not a glob.
pub(super) fn kept_directories(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(
            GlobBuilder::new(pattern.trim_matches('/'))
                .literal_separator(true)
                .build()?,
        );
    }
    set.build()
}

/// Removes what is untracked or changed. `record` must be sorted; entries lose their stamp when they are not as written.
///
/// # Errors
/// Something could not be removed: the workspace cannot be used again.
pub(super) fn clean(
    tree: &Directory,
    record: &mut [Tracked],
    keep: &GlobSet,
    attic: &Attic,
) -> io::Result<()> {
    let mut seen = vec![false; record.len()];
    let mut open = vec![(reopen(tree)?, Vec::new())];
    while let Some((directory, path)) = open.pop() {
        if directory.stat_self()?.st_mode & 0o7777 != 0o755 {
            directory.restore_mode()?;
        }
        for (name, _) in directory.names()? {
            let path = if path.is_empty() {
                name.clone()
            } else {
                [path.as_slice(), b"/", &name].concat()
            };
            match judge(&directory, &name, &path, record, keep) {
                Verdict::AsWritten(index) => seen[index] = true,
                Verdict::TrackedDirectory => open.push((enter(&directory, &name)?, path)),
                Verdict::Kept => {}
                Verdict::Stray => attic.remove(&directory, &name)?,
            }
        }
    }
    for (entry, seen) in record.iter_mut().zip(seen) {
        entry.stamp = entry.stamp.filter(|_| seen);
    }
    Ok(())
}

enum Verdict {
    /// The entry of the record that it is, untouched.
    AsWritten(usize),
    /// A directory that holds tracked files.
    TrackedDirectory,
    /// A directory that is to stay.
    Kept,
    /// Anything else.
    Stray,
}

fn judge(directory: &Directory, name: &[u8], path: &[u8], record: &[Tracked], keep: &GlobSet) -> Verdict {
    let Ok(stat) = directory.stat(name) else {
        return Verdict::Stray;
    };
    let is_directory = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR;
    if let Ok(index) = record.binary_search_by(|entry| entry.path.as_slice().cmp(path)) {
        let entry = &record[index];
        let as_written = match entry.kind {
            EntryKind::File { .. } | EntryKind::Link => entry.stamp == Some(Stamp::of(&stat)),
            EntryKind::Submodule => is_directory && is_empty(directory, name),
            EntryKind::Tree => false,
        };
        return if as_written {
            Verdict::AsWritten(index)
        } else {
            Verdict::Stray
        };
    }
    let below = [path, b"/"].concat();
    let first = record.partition_point(|entry| entry.path.as_slice() < below.as_slice());
    let is_tracked = record
        .get(first)
        .is_some_and(|entry| entry.path.starts_with(&below));
    match (is_directory, is_tracked) {
        (true, true) => Verdict::TrackedDirectory,
        (true, false) if path != b".git" && is_kept(path, keep) => Verdict::Kept,
        (true | false, _) => Verdict::Stray,
    }
}

fn is_kept(path: &[u8], keep: &GlobSet) -> bool {
    std::str::from_utf8(path).is_ok_and(|path| keep.is_match(path))
}

fn is_empty(directory: &Directory, name: &[u8]) -> bool {
    let names = directory.child(name).and_then(|directory| directory.names());
    names.is_ok_and(|names| names.is_empty())
}

fn reopen(directory: &Directory) -> io::Result<Directory> {
    directory.child(b".")
}

/// Opens a directory that a goal may have made unreadable.
fn enter(directory: &Directory, name: &[u8]) -> io::Result<Directory> {
    match directory.child(name) {
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => {
            directory.restore_mode_of(name)?;
            directory.child(name)
        }
        opened => opened,
    }
}
