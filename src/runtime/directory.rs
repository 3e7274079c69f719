//! A directory by its handle. Names are single components, and links are never followed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat, renameat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmod, fchmodat, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

/// Everything we create is for the owner to write and, inside the pool's private root, for all to read.
const DIRECTORY_MODE: Mode = Mode::from_bits_truncate(0o755);

fn flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

impl Directory {
    /// Opens a directory by its path, whose last component may not be a link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, flags(), Mode::empty())?))
    }

    /// Opens the directory that holds what a path below `root` names, and gives its name there. No link is followed on the
    /// way.
    pub(crate) fn holding(root: &Path, path: &str) -> io::Result<(Self, Vec<u8>)> {
        let mut parts = path.split('/').map(str::as_bytes).peekable();
        let mut directory = Self::open(root)?;
        while let Some(part) = parts.next() {
            if part.is_empty() || part == b"." || part == b".." {
                break;
            }
            if parts.peek().is_none() {
                return Ok((directory, part.to_vec()));
            }
            directory = directory.child(part)?;
        }
        let words = format!("`{}` is not a path below a directory", path.escape_debug());
        Err(io::Error::new(io::ErrorKind::InvalidInput, words))
    }

    /// Opens a directory in this one.
    pub(crate) fn child(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, flags(), Mode::empty())?))
    }

    /// Creates a directory in this one; fails when anything has this name.
    pub(crate) fn create_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(mkdirat(&self.0, name, DIRECTORY_MODE)?)
    }

    /// Opens a directory in this one, creating it when there is nothing.
    pub(crate) fn child_or_new(&self, name: &[u8]) -> io::Result<Self> {
        match self.create_directory(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => self.child(name),
        }
    }

    /// Creates a file and writes it; fails when anything has this name. Returns what it is now.
    pub(crate) fn create_file(&self, name: &[u8], executable: bool, content: &[u8]) -> io::Result<FileStat> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = File::from(openat(&self.0, name, flags, Mode::from_bits_truncate(mode))?);
        file.write_all(content)?;
        Ok(fstat(&file)?)
    }

    /// Replaces a small file of our own as a whole: readers see the old content or the new.
    pub(crate) fn replace_file(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = format!("{name}.new");
        match self.unlink(new.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.create_file(new.as_bytes(), false, content)?;
        Ok(renameat(&self.0, new.as_str(), &self.0, name)?)
    }

    /// Reads a regular file of at most `limit` bytes; does not wait for a FIFO.
    pub(crate) fn read_file(&self, name: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = File::from(openat(&self.0, name, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a file of the expected size",
            ));
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.take(limit + 1).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Opens a regular file for reading; does not wait for a FIFO.
    pub(crate) fn open_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        Ok(File::from(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Creates a file of the owner's alone and opens it for writing; fails when anything has this name.
    pub(crate) fn new_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(File::from(openat(
            &self.0,
            name,
            flags,
            Mode::from_bits_truncate(0o600),
        )?))
    }

    /// Where a symbolic link points.
    pub(crate) fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        Ok(readlinkat(&self.0, name)?.into_vec())
    }

    /// Removes what has this name unless it is a directory; nothing is removed already.
    pub(crate) fn make_room(&self, name: &[u8]) -> io::Result<()> {
        match self.unlink(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Creates a symbolic link; fails when anything has this name.
    pub(crate) fn create_link(&self, name: &[u8], target: &[u8]) -> io::Result<FileStat> {
        symlinkat(target, &self.0, name)?;
        self.stat(name)
    }

    /// What has this name.
    pub(crate) fn stat(&self, name: &[u8]) -> io::Result<FileStat> {
        Ok(fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// This directory itself.
    pub(crate) fn stat_self(&self) -> io::Result<FileStat> {
        Ok(fstat(&self.0)?)
    }

    /// Gives this directory the mode we create directories with.
    pub(crate) fn restore_mode(&self) -> io::Result<()> {
        Ok(fchmod(&self.0, DIRECTORY_MODE)?)
    }

    /// Gives a directory in this one the mode we create directories with; a link is not followed.
    pub(crate) fn restore_mode_of(&self, name: &[u8]) -> io::Result<()> {
        Ok(fchmodat(
            &self.0,
            name,
            DIRECTORY_MODE,
            FchmodatFlags::NoFollowSymlink,
        )?)
    }

    /// Removes anything that is not a directory.
    pub(crate) fn unlink(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_empty(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::RemoveDir)?)
    }

    /// Moves something into another directory of the same file system.
    pub(crate) fn move_to(&self, name: &[u8], other: &Self, new: &[u8]) -> io::Result<()> {
        Ok(renameat(&self.0, name, &other.0, new)?)
    }

    /// The names in this directory, each with whether it is known to be a directory.
    pub(crate) fn names(&self) -> io::Result<Vec<(Vec<u8>, Option<bool>)>> {
        let mut listing = Dir::from_fd(openat(&self.0, ".", flags(), Mode::empty())?)?;
        let mut names = Vec::new();
        for entry in listing.iter() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let is_directory = entry.file_type().map(|kind| kind == Type::Directory);
                names.push((name.to_vec(), is_directory));
            }
        }
        Ok(names)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
