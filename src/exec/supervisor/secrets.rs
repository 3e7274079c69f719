//! What a step is given in secret (semantics 3.20): variables, files that are there while it runs, descriptors to read once.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

use crate::ports::executor::{SecretFile, StepSecrets};
use crate::runtime::directory::Directory;
use crate::runtime::entry_name;

/// The secrets of a step that runs; its files go when this is dropped.
#[derive(Debug, Default)]
pub(super) struct GivenSecrets {
    /// Each with its directory and name.
    files: Vec<(Directory, Vec<u8>)>,
    /// Ends of pipes that the step reads from; ours are closed, so each is read to its end once.
    pipes: Vec<OwnedFd>,
}

impl GivenSecrets {
    /// Writes the files, fills the pipes, and adds to the command what names them.
    ///
    /// # Errors
    /// A file cannot be written where it is wanted, or a value does not fit into a pipe.
    pub(super) fn give(secrets: &StepSecrets, command: &mut Command) -> io::Result<Self> {
        let mut given = Self::default();
        for file in &secrets.files {
            let written = write(file, &mut given.files);
            written.map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", file.path)))?;
        }
        for (variable, value) in &secrets.environment {
            command.env(variable, value.expose());
        }
        for (variable, value) in &secrets.descriptors {
            let pipe = filled_pipe(value.expose().as_bytes())?;
            command.env(variable, format!("/dev/fd/{}", pipe.as_raw_fd()));
            given.pipes.push(pipe);
        }
        Ok(given)
    }

    /// The descriptors that the step inherits.
    pub(super) fn inherited(&self) -> Vec<RawFd> {
        self.pipes.iter().map(AsRawFd::as_raw_fd).collect()
    }

    /// Closes our ends once the step has its own.
    pub(super) fn hand_over(&mut self) {
        self.pipes.clear();
    }
}

impl Drop for GivenSecrets {
    fn drop(&mut self) {
        for (directory, name) in &self.files {
            // What the step has put in its place is the step's; what cannot be removed goes with the directory it is in.
            let _ = directory.make_room(name);
        }
    }
}

/// To be called between fork and exec: lets these descriptors through.
pub(super) fn let_through(descriptors: &[RawFd]) -> io::Result<()> {
    for descriptor in descriptors {
        // SAFETY: the descriptor is open: its owner lives in the process that was forked.
        #[expect(unsafe_code, reason = "a number of our own that is still open")]
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(*descriptor) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    Ok(())
}

/// Writes a file for its owner alone. No link is followed on the way, and what has its name makes room.
fn write(file: &SecretFile, written: &mut Vec<(Directory, Vec<u8>)>) -> io::Result<()> {
    let mut directory = Directory::open(&file.root)?;
    let mut parts = file.path.split('/').map(str::as_bytes).peekable();
    while let Some(part) = parts.next() {
        if let Some(because) = entry_name::refusal(part) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, because));
        }
        if parts.peek().is_some() {
            directory = directory.child_or_new(part)?;
            continue;
        }
        directory.make_room(part)?;
        let mut content = directory.new_file(part)?;
        written.push((directory, part.to_vec()));
        return content.write_all(file.content.expose().as_bytes());
    }
    Ok(())
}

fn filled_pipe(value: &[u8]) -> io::Result<OwnedFd> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut write = File::from(write);
    match write.write(value)? {
        length if length == value.len() => Ok(read),
        _ => Err(io::Error::other("a secret is too long for a descriptor")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::ports::executor::SecretText;

    fn secrets(root: &std::path::Path, path: &str) -> StepSecrets {
        StepSecrets {
            environment: vec![("TOKEN".to_owned(), SecretText::new("in a variable"))],
            files: vec![SecretFile {
                root: root.to_owned(),
                path: path.to_owned(),
                content: SecretText::new("in a file"),
            }],
            descriptors: vec![("KEY".to_owned(), SecretText::new("in a pipe"))],
        }
    }

    #[test]
    fn e4_files_are_private_and_there_only_meanwhile() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("key"), "tracked").unwrap();
        let mut command = Command::new("true");
        for path in ["key", "config/deep/key"] {
            let given = GivenSecrets::give(&secrets(root.path(), path), &mut command).unwrap();
            let file = root.path().join(path);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "in a file");
            assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
            assert_eq!(given.inherited().len(), 1);
            drop(given);
            assert!(!file.exists());
        }
    }

    #[test]
    fn b5_a_secret_is_not_written_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.path().join("config")).unwrap();
        symlink(outside.path().join("target"), root.path().join("link")).unwrap();
        let mut command = Command::new("true");
        for refused in ["config/key", ".git/config", "a/../b", ""] {
            assert!(
                GivenSecrets::give(&secrets(root.path(), refused), &mut command).is_err(),
                "{refused}"
            );
        }
        let given = GivenSecrets::give(&secrets(root.path(), "link"), &mut command).unwrap();
        assert!(
            std::fs::symlink_metadata(root.path().join("link"))
                .unwrap()
                .is_file()
        );
        drop(given);
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_value_that_no_pipe_holds_is_refused() {
        assert!(filled_pipe(&[b'x'; 60_000]).is_ok());
        assert!(filled_pipe(&vec![b'x'; 200_000]).is_err());
    }
}
