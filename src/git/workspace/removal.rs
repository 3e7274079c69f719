//! Removing anything a goal can leave behind, without ever leaving the pool or following a link (threats B6, I3, I6).
//!
//! A directory is first moved into the *attic*, then emptied; directories inside it are moved up into the attic in turn. So no
//! path and no stack of handles grows with the depth of a tree, and nothing that is being removed is where a goal expects it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;

use crate::runtime::directory::Directory;

/// A directory of the pool in which things are taken apart; names in it are given once.
#[derive(Debug)]
pub(super) struct Attic {
    directory: Directory,
    next: AtomicU64,
}

impl Attic {
    /// Takes a fresh directory.
    pub(super) fn in_directory(directory: Directory) -> Self {
        Self {
            directory,
            next: AtomicU64::new(0),
        }
    }

    /// Removes what has this name, whatever it is; nothing is removed already.
    ///
    /// # Errors
    /// It is not ours to remove. What could be removed is; the rest stays where it is or in the attic.
    pub(super) fn remove(&self, parent: &Directory, name: &[u8]) -> io::Result<()> {
        if unlink_if_not_directory(parent, name)? {
            return Ok(());
        }
        let first = self.take(parent, name)?;
        self.empty_out(first).map_err(|(error, _)| error)
    }

    /// The attic's own directory.
    pub(super) fn stat(&self) -> io::Result<nix::sys::stat::FileStat> {
        self.directory.stat_self()
    }

    /// Removes a directory like [`Attic::remove`]; what is left of it is put into `retired` under its own name.
    ///
    /// # Errors
    /// Something is left.
    pub(super) fn remove_as(&self, parent: &Directory, name: &[u8], retired: &Directory) -> io::Result<()> {
        if unlink_if_not_directory(parent, name)? {
            return Ok(());
        }
        let taken = self.take(parent, name)?;
        self.empty_out(taken).map_err(|(error, left)| {
            for part in left {
                // When even that fails it stays in the attic, and the next start tries again.
                let _ = self
                    .directory
                    .move_to(&part, retired, &[name, b".", &part].concat());
            }
            error
        })
    }

    /// Moves something out of the way and says how it is called in the attic.
    fn take(&self, parent: &Directory, name: &[u8]) -> io::Result<Vec<u8>> {
        // Moving a directory writes its `..`, so it must be writable itself, and so must its parent.
        let _ = parent.restore_mode_of(name);
        let new = self.next.fetch_add(1, Ordering::Relaxed).to_string().into_bytes();
        match parent.move_to(name, &self.directory, &new) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                parent.restore_mode()?;
                parent.move_to(name, &self.directory, &new)?;
            }
            moved => moved?,
        }
        Ok(new)
    }

    /// Removes directories of the attic and all they hold. Goes on after a failure; reports the first, and what is left.
    fn empty_out(&self, first: Vec<u8>) -> Result<(), (io::Error, Vec<Vec<u8>>)> {
        let (mut open, mut failure, mut left) = (vec![first], None, Vec::new());
        while let Some(name) = open.pop() {
            match self.lift_contents(&name) {
                Ok((inner, trouble)) => {
                    open.extend(inner);
                    failure = failure.or(trouble);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
            if let Err(error) = self.directory.remove_empty(&name) {
                failure = failure.or(Some(error));
                left.push(name);
            }
        }
        failure.map_or(Ok(()), |error| Err((error, left)))
    }

    /// Unlinks the files of one directory and moves its directories up into the attic.
    fn lift_contents(&self, name: &[u8]) -> io::Result<(Vec<Vec<u8>>, Option<io::Error>)> {
        let directory = self.directory.child(name)?;
        // Harmless when it is writable already; when it is not ours, the removals below say so.
        let _ = directory.restore_mode();
        let (mut inner, mut trouble) = (Vec::new(), None);
        for (name, _) in directory.names()? {
            let lifted = match unlink_if_not_directory(&directory, &name) {
                Ok(true) => continue,
                // Most directories hold something, but an empty one needs no move.
                Ok(false) if directory.remove_empty(&name).is_ok() => continue,
                Ok(false) => self.take(&directory, &name),
                Err(error) => Err(error),
            };
            match lifted {
                Ok(name) => inner.push(name),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        Ok((inner, trouble))
    }
}

/// `true` when it is gone, `false` when it is a directory.
fn unlink_if_not_directory(parent: &Directory, name: &[u8]) -> io::Result<bool> {
    let unlinked = || match parent.unlink(name) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    };
    let is = |error: &io::Error, errno: Errno| error.raw_os_error() == Some(errno as i32);
    match unlinked() {
        // Linux says EISDIR; POSIX allows EPERM, which also means that we may not.
        Err(error) if is(&error, Errno::EISDIR) => Ok(false),
        Err(error) if is(&error, Errno::EPERM) && is_directory(parent, name) => Ok(false),
        Err(error) if is(&error, Errno::EACCES) => {
            parent.restore_mode()?;
            unlinked().or_else(|error| {
                if is(&error, Errno::EISDIR) {
                    Ok(false)
                } else {
                    Err(error)
                }
            })
        }
        done => done,
    }
}

fn is_directory(parent: &Directory, name: &[u8]) -> bool {
    use nix::sys::stat::SFlag;
    let format = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT;
    parent
        .stat(name)
        .is_ok_and(|stat| format(stat.st_mode) == SFlag::S_IFDIR)
}
