//! The state directory: private to its owner, and used by one daemon at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use thiserror::Error;

use crate::config::private_directory;

/// How long a lock is waited for that somebody has: what a daemon that was killed was about to start holds its lock for a moment longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Why the state directory cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another daemon has it.
    #[error("another machine uses the state directory {0}")]
    InUse(PathBuf),
    /// It cannot be made or written.
    #[error("failed to use the state directory {path}")]
    NotUsable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A state directory that belongs to this process until it ends.
#[derive(Debug)]
pub struct StateDirectory {
    root: PathBuf,
    lock: Flock<File>,
}

impl StateDirectory {
    /// The same as [`Self::open`], which waits a moment for the end of a daemon that was killed.
    ///
    /// # Errors
    /// It is still in use after three seconds, or cannot be written.
    pub async fn open_patiently(root: &Path) -> Result<Self, StateError> {
        let trying = async {
            loop {
                match Self::open(root) {
                    Err(StateError::InUse(_)) => tokio::time::sleep(PAUSE).await,
                    opened => return opened,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, trying).await {
            Ok(opened) => opened,
            Err(_) => Self::open(root),
        }
    }

    /// Makes the directory when it is missing, closes it to others and takes the lock, which dies with the process.
    ///
    /// # Errors
    /// It is in use, or cannot be written.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        let unusable = |source| StateError::NotUsable {
            path: root.to_owned(),
            source,
        };
        private_directory(root).map_err(unusable)?;
        let path = root.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut lock =
            Flock::lock(file.map_err(unusable)?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
                match errno {
                    nix::errno::Errno::EWOULDBLOCK => StateError::InUse(root.to_owned()),
                    other => unusable(other.into()),
                }
            })?;
        lock.set_len(0).map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self {
            root: root.to_owned(),
            lock,
        })
    }

    /// Whether the directory at our path still is the one we hold. It is not when somebody removed or replaced it: what is
    /// written then goes to files without a name, and the next start would find none of it.
    pub fn is_still_ours(&self) -> bool {
        let (Ok(held), Ok(named)) = (self.lock.metadata(), std::fs::metadata(self.root.join("lock"))) else {
            return false;
        };
        (held.dev(), held.ino()) == (named.dev(), named.ino())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory below it, private as well.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn beneath(&self, name: &str) -> Result<PathBuf, StateError> {
        let path = self.root.join(name);
        private_directory(&path).map_err(|source| StateError::NotUsable {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }
}
