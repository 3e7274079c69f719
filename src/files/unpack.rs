//! Reading an archive, which is hostile (threats B5, B6, B11).
//!
//! Every entry is judged by itself: one that is refused is left out and named, the others go on. A limit ends everything.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::AsFd;

use aws_lc_rs::digest;
use nix::sys::stat::{Mode, fchmod, futimens};
use nix::sys::time::TimeSpec;

use super::links::stays_inside;
use super::pack::exceeds;
use super::{DEEPEST, Root};
use crate::ports::kept::ArchiveLimits;
use crate::runtime::directory::Directory;
use crate::runtime::entry_name;

/// Longest name of an entry in bytes.
const LONGEST_NAME: u64 = 16 * 1024;

/// Largest window of a compressed archive, as a power of two: what decompression may take of the memory.
const LARGEST_WINDOW: u32 = 27;

/// Most notes about what was refused.
const MOST_NOTES: usize = 20;

/// What was restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Files and links.
    pub(super) files: u64,
    /// Entries that were refused, with reasons.
    pub(super) refused: Vec<String>,
    /// How many were refused in all.
    pub(super) refused_count: u64,
}

/// Where the entries of an archive go; without a home, what belongs there is refused.
pub(super) struct Targets {
    /// The working copy.
    pub(super) project: Directory,
    /// The home directory.
    pub(super) home: Option<Directory>,
}

impl Targets {
    fn root(&self, root: Root) -> Option<&Directory> {
        match root {
            Root::Project => Some(&self.project),
            Root::Home => self.home.as_ref(),
        }
    }
}

/// Restores an archive below its targets.
///
/// # Errors
/// It is not an archive, a limit is exceeded, or the file system refuses.
pub(super) fn unpack(archive: File, targets: &Targets, limits: ArchiveLimits) -> io::Result<Unpacked> {
    let mut decoder = zstd::Decoder::new(BufReader::with_capacity(1 << 18, archive))?;
    decoder.window_log_max(LARGEST_WINDOW)?;
    let mut unpacking = Unpacking {
        targets,
        limits,
        left: limits,
        open: None,
        seen: HashSet::new(),
        directories: Vec::new(),
        done: Unpacked::default(),
    };
    let mut archive = tar::Archive::new(decoder);
    let mut long = Long::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        if !long.take(&mut entry)? {
            let (name, link) = long.names(&entry);
            unpacking.entry(&mut entry, &name, &link)?;
        }
    }
    unpacking.close_directories()?;
    Ok(unpacking.done)
}

/// Names that do not fit into a header stand in entries of their own before it.
#[derive(Default)]
struct Long {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Long {
    /// Whether the entry was such a name.
    fn take<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> io::Result<bool> {
        let slot = match entry.header().entry_type() {
            tar::EntryType::GNULongName => &mut self.name,
            tar::EntryType::GNULongLink => &mut self.link,
            _ => return Ok(false),
        };
        if entry.size() > LONGEST_NAME {
            return Err(io::Error::other("a name in the archive is too long"));
        }
        let mut name = Vec::new();
        entry.read_to_end(&mut name)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        *slot = Some(name);
        Ok(true)
    }

    /// Name and target of the link of the entry they belong to.
    fn names<R: Read>(&mut self, entry: &tar::Entry<'_, R>) -> (Vec<u8>, Vec<u8>) {
        let name = self.name.take();
        let link = self.link.take();
        let header = entry.header();
        (
            name.unwrap_or_else(|| header.path_bytes().into_owned()),
            link.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned()),
        )
    }
}

/// The directory that was written to last, with the handles of those above it.
struct Open {
    root: Root,
    names: Vec<Vec<u8>>,
    handles: Vec<Directory>,
}

struct Unpacking<'t> {
    targets: &'t Targets,
    limits: ArchiveLimits,
    left: ArchiveLimits,
    open: Option<Open>,
    /// Digests of the names so far, without case.
    seen: HashSet<[u8; 16]>,
    /// Directories with the mode and time they get at the end.
    directories: Vec<(Place, u32, u64)>,
    done: Unpacked,
}

/// Where an entry goes: its root, and the components of its path.
type Place = (Root, Vec<Vec<u8>>);

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, name: &[u8], link: &[u8]) -> io::Result<()> {
        let entries = self.left.entries.checked_sub(1);
        let bytes = self.left.bytes.checked_sub(entry.size());
        let (Some(entries), Some(bytes)) = (entries, bytes) else {
            return Err(exceeds(self.limits));
        };
        self.left = ArchiveLimits { bytes, entries };
        match self.judge(name) {
            Ok((root, path)) => self.write(entry, root, &path, link).or_else(|error| {
                // What stands in the way concerns this entry; what the disk says concerns all.
                match in_the_way(&error) {
                    Some(because) => {
                        self.refuse(name, because);
                        Ok(())
                    }
                    None => Err(error),
                }
            }),
            Err(because) => {
                self.refuse(name, because);
                Ok(())
            }
        }
    }

    /// The place an entry is for, component by component.
    fn judge(&mut self, name: &[u8]) -> Result<Place, &'static str> {
        if name.starts_with(b"/") {
            return Err("its name is absolute");
        }
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let mut parts = name.split(|byte| *byte == b'/');
        let root = parts.next().and_then(Root::parse).ok_or("it belongs nowhere")?;
        let path: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        if path.is_empty() {
            return Err("it has no name");
        }
        if path.len() > DEEPEST {
            return Err("it lies too deep");
        }
        if let Some(because) = path.iter().find_map(|part| entry_name::refusal(part)) {
            return Err(because);
        }
        if !self.seen.insert(without_case(name)) {
            return Err("another entry has the same name, case aside");
        }
        Ok((root, path))
    }

    fn write<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        root: Root,
        path: &[Vec<u8>],
        link: &[u8],
    ) -> io::Result<()> {
        let Some((leaf, above)) = path.split_last() else {
            return Ok(());
        };
        let mode = entry.header().mode().unwrap_or(0o644) & 0o777;
        let modified = entry.header().mtime().unwrap_or(0);
        let whole = || path.join(&b'/');
        match entry.header().entry_type() {
            tar::EntryType::Directory => {
                if self.directory(root, path)?.is_none() {
                    self.refuse(&whole(), "nothing of it may be written here");
                    return Ok(());
                }
                self.directories.push(((root, path.to_vec()), mode, modified));
            }
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let Some(directory) = self.directory(root, above)? else {
                    self.refuse(&whole(), "nothing of it may be written here");
                    return Ok(());
                };
                directory.make_room(leaf)?;
                let mut file = directory.new_file(leaf)?;
                io::copy(entry, &mut file)?;
                finish(&file, mode, modified)?;
                self.done.files += 1;
            }
            tar::EntryType::Symlink if !stays_inside(&whole(), link) => {
                self.refuse(&whole(), "the link points outside");
            }
            tar::EntryType::Symlink => {
                let Some(directory) = self.directory(root, above)? else {
                    self.refuse(&whole(), "nothing of it may be written here");
                    return Ok(());
                };
                directory.make_room(leaf)?;
                directory.create_link(leaf, link)?;
                self.done.files += 1;
            }
            _ => self.refuse(&whole(), "it is neither a file nor a directory nor a link"),
        }
        Ok(())
    }

    /// The directory at a path, made where it is missing; no link is followed. The one used last stays open, because
    /// entries of a directory follow each other.
    fn directory(&mut self, root: Root, path: &[Vec<u8>]) -> io::Result<Option<&Directory>> {
        let Some(top) = self.targets.root(root) else {
            return Ok(None);
        };
        let mut open = match self.open.take() {
            Some(open) if open.root == root => open,
            Some(_) | None => Open {
                root,
                names: Vec::new(),
                handles: Vec::new(),
            },
        };
        let common = open
            .names
            .iter()
            .zip(path)
            .take_while(|(one, other)| one == other)
            .count();
        open.names.truncate(common);
        open.handles.truncate(common);
        for name in &path[common..] {
            let next = open.handles.last().unwrap_or(top).child_or_new(name)?;
            open.handles.push(next);
            open.names.push(name.clone());
        }
        let open = self.open.insert(open);
        Ok(Some(open.handles.last().unwrap_or(top)))
    }

    /// Modes and times of directories come last: until then we write into them.
    fn close_directories(&mut self) -> io::Result<()> {
        for ((root, path), mode, modified) in std::mem::take(&mut self.directories).into_iter().rev() {
            if let Some(directory) = self.directory(root, &path)? {
                finish(directory, mode | 0o700, modified)?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, name: &[u8], because: &str) {
        self.done.refused_count += 1;
        if self.done.refused.len() < MOST_NOTES {
            self.done
                .refused
                .push(format!("`{}`: {because}", name.escape_ascii()));
        }
    }
}

/// What an error says about this entry alone.
fn in_the_way(error: &io::Error) -> Option<&'static str> {
    match nix::errno::Errno::from_raw(error.raw_os_error()?) {
        nix::errno::Errno::ELOOP | nix::errno::Errno::ENOTDIR => {
            Some("a link or a file is where a directory is needed")
        }
        nix::errno::Errno::EISDIR => Some("a directory stands in its place"),
        nix::errno::Errno::ENAMETOOLONG => Some("its name is too long"),
        _ => None,
    }
}

fn finish(file: &impl AsFd, mode: u32, modified: u64) -> io::Result<()> {
    fchmod(file, Mode::from_bits_truncate(mode))?;
    if modified == 0 {
        // The time was not kept.
        return Ok(());
    }
    let moment = TimeSpec::new(i64::try_from(modified).unwrap_or(0), 0);
    Ok(futimens(file, &moment, &moment)?)
}

/// A digest of a name as a file system without case would compare it.
fn without_case(name: &[u8]) -> [u8; 16] {
    let folded = match std::str::from_utf8(name) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    };
    let whole = digest::digest(&digest::SHA256, &folded);
    let mut short = [0; 16];
    short.copy_from_slice(&whole.as_ref()[..16]);
    short
}
