//! Writing an archive.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use aws_lc_rs::digest;
use nix::sys::stat::{FileStat, SFlag};

use super::links::stays_inside;
use super::{DEEPEST, LEVEL, Root};
use crate::ports::kept::ArchiveLimits;
use crate::runtime::choice::Choice;
use crate::runtime::directory::Directory;
use crate::runtime::entry_name;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// Hexadecimal SHA-256 of the archive.
    pub(super) digest: String,
    /// Its bytes.
    pub(super) size: u64,
    /// Files and links in it.
    pub(super) files: u64,
    /// What was left out, each with its reason.
    pub(super) left_out: Vec<String>,
}

/// Most notes about what was left out.
const MOST_NOTES: usize = 20;

/// Writes what is chosen below each root into `target`, sorted, so that the same files make the same archive; without
/// `times` they are the same whenever they were written.
///
/// # Errors
/// Something cannot be read or written, changes meanwhile, or a limit is exceeded.
pub(super) fn pack(
    roots: &[(Root, Directory, Choice)],
    target: File,
    limits: ArchiveLimits,
    times: bool,
) -> io::Result<Packed> {
    let compressor = zstd::Encoder::new(Counted::new(BufWriter::with_capacity(1 << 18, target)), LEVEL)?;
    let mut archive = tar::Builder::new(compressor);
    archive.sparse(false);
    let mut packing = Packing {
        archive,
        times,
        left: limits,
        limits,
        files: 0,
        left_out: Vec::new(),
    };
    for (root, directory, choice) in roots.iter().filter(|(_, _, choice)| !choice.is_empty()) {
        packing.directory(*root, directory, &mut Vec::new(), Some(choice), 0)?;
    }
    packing.finish()
}

struct Packing<W: Write> {
    archive: tar::Builder<W>,
    times: bool,
    left: ArchiveLimits,
    limits: ArchiveLimits,
    files: u64,
    left_out: Vec<String>,
}

impl Packing<zstd::Encoder<'_, Counted<BufWriter<File>>>> {
    fn finish(self) -> io::Result<Packed> {
        let written = self.archive.into_inner()?.finish()?;
        let (digest, size) = written.finish()?;
        Ok(Packed {
            digest,
            size,
            files: self.files,
            left_out: self.left_out,
        })
    }
}

impl<W: Write> Packing<W> {
    /// Everything in a directory that is chosen; all of it without a choice.
    fn directory(
        &mut self,
        root: Root,
        directory: &Directory,
        path: &mut Vec<u8>,
        choice: Option<&Choice>,
        depth: usize,
    ) -> io::Result<()> {
        let mut names: Vec<Vec<u8>> = directory.names()?.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        for name in names {
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            self.entry(root, directory, &name, path, choice, depth)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        root: Root,
        directory: &Directory,
        name: &[u8],
        path: &mut Vec<u8>,
        choice: Option<&Choice>,
        depth: usize,
    ) -> io::Result<()> {
        let is_chosen = choice.is_none_or(|choice| choice.has(path));
        if !is_chosen && !choice.is_some_and(|choice| choice.may_have_below(path)) {
            return Ok(());
        }
        let stat = match directory.stat(name) {
            // Gone since we listed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        };
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if !is_chosen {
            return match kind == SFlag::S_IFDIR && depth < DEEPEST && entry_name::refusal(name).is_none() {
                true => self.directory(root, &directory.child(name)?, path, choice, depth + 1),
                false => Ok(()),
            };
        }
        if let Some(because) = entry_name::refusal(name) {
            self.leave_out(path, because);
        } else if depth >= DEEPEST {
            self.leave_out(path, "it lies too deep");
        } else if kind == SFlag::S_IFDIR {
            self.head(root, path, &stat, tar::EntryType::Directory, 0)?;
            self.directory(root, &directory.child(name)?, path, None, depth + 1)?;
        } else if kind == SFlag::S_IFREG {
            self.file(root, directory, name, path)?;
        } else if kind == SFlag::S_IFLNK {
            self.link(root, directory, name, path, &stat)?;
        } else {
            self.leave_out(path, "it is neither a file nor a directory nor a link");
        }
        Ok(())
    }

    fn file(&mut self, root: Root, directory: &Directory, name: &[u8], path: &[u8]) -> io::Result<()> {
        let file = directory.open_file(name)?;
        let stat = nix::sys::stat::fstat(&file)?;
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            self.leave_out(path, "it is not a file any more");
            return Ok(());
        }
        let size = u64::try_from(stat.st_size).map_err(io::Error::other)?;
        let mut header = self.header(&stat, tar::EntryType::Regular, size)?;
        let mut content = file.take(size);
        self.archive
            .append_data(&mut header, in_archive(root, path), &mut content)?;
        if content.limit() > 0 {
            let message = format!("`{}` changed while it was kept", path.escape_ascii());
            return Err(io::Error::other(message));
        }
        self.files += 1;
        Ok(())
    }

    fn link(
        &mut self,
        root: Root,
        directory: &Directory,
        name: &[u8],
        path: &[u8],
        stat: &FileStat,
    ) -> io::Result<()> {
        let target = directory.read_link(name)?;
        if !stays_inside(path, &target) {
            self.leave_out(path, "the link points outside");
            return Ok(());
        }
        let mut header = self.header(stat, tar::EntryType::Symlink, 0)?;
        self.archive
            .append_link(&mut header, in_archive(root, path), as_path(&target))?;
        self.files += 1;
        Ok(())
    }

    fn head(
        &mut self,
        root: Root,
        path: &[u8],
        stat: &FileStat,
        kind: tar::EntryType,
        size: u64,
    ) -> io::Result<()> {
        let mut header = self.header(stat, kind, size)?;
        self.archive
            .append_data(&mut header, in_archive(root, path), io::empty())
    }

    /// A header, when there is room left.
    fn header(&mut self, stat: &FileStat, kind: tar::EntryType, size: u64) -> io::Result<tar::Header> {
        let bytes = self.left.bytes.checked_sub(size);
        let entries = self.left.entries.checked_sub(1);
        let (Some(bytes), Some(entries)) = (bytes, entries) else {
            return Err(exceeds(self.limits));
        };
        self.left = ArchiveLimits { bytes, entries };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(stat.st_mode & 0o777);
        if self.times {
            header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
        }
        header.set_size(size);
        Ok(header)
    }

    fn leave_out(&mut self, path: &[u8], because: &str) {
        if self.left_out.len() < MOST_NOTES {
            self.left_out
                .push(format!("`{}`: {because}", path.escape_ascii()));
        }
    }
}

/// What is said when there is more than an archive may hold.
pub(super) fn exceeds(limits: ArchiveLimits) -> io::Error {
    io::Error::other(format!(
        "there is more than an archive may hold ({} MiB, {} entries)",
        limits.bytes >> 20,
        limits.entries
    ))
}

fn in_archive(root: Root, path: &[u8]) -> std::path::PathBuf {
    as_path(&[root.name(), b"/", path].concat()).to_owned()
}

fn as_path(path: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

/// A writer that knows the digest and the number of the bytes that went through.
struct Counted<W> {
    inner: W,
    digest: digest::Context,
    size: u64,
}

impl<W: Write> Counted<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            digest: digest::Context::new(&digest::SHA256),
            size: 0,
        }
    }

    fn finish(mut self) -> io::Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hex::encode(self.digest.finish()), self.size))
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(piece)?;
        self.digest.update(&piece[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
