//! One hub at a time on one file: the lock lies beside it and dies with its holder.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::store::hub::Place;

/// The memory in a file is this process's alone, as long as this is held.
#[derive(Debug)]
pub(super) struct MemoryLock {
    _file: Flock<File>,
}

impl MemoryLock {
    /// Takes it.
    ///
    /// # Errors
    /// Somebody else has it, or its file cannot be made.
    pub(super) fn take(memory: &Path) -> io::Result<Self> {
        let mut name = OsString::from(memory);
        name.push(".lock");
        let path = PathBuf::from(name);
        if let Some(directory) = path
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
        {
            crate::config::private_directory(directory)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let locked = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        locked
            .map(|file| Self { _file: file })
            .map_err(|(_, errno)| errno.into())
    }

    /// Takes it where the memory is a file; replicas on Postgres share theirs.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn of(place: &Place) -> io::Result<Option<Self>> {
        match place {
            Place::File(path) => Self::take(path).map(Some),
            Place::Postgres(_) => Ok(None),
        }
    }
}
