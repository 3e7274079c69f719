//! The directory of one attempt: what lies in it, and how it comes and goes.
//!
//! `<root>/<goal set>/<unique name>~<environment>/<attempt>/`, mode 0700, holds
//!
//! | File | Written by | Content |
//! |---|---|---|
//! | `news` | supervisor | a JSON record a line; locked (`flock`) from before it appears until nothing of the attempt runs |
//! | `log` | supervisor | the log, a JSON record a line |
//! | `spec.json` | supervisor | what was started, without values of the environment and without secrets |
//! | `outcome.json` | supervisor | the result, in one piece; there is none while the attempt runs |
//! | `outcome.reserved` | supervisor | room for it, so that a disk that fills up does not keep it from being told |
//! | `stop` | daemon | the reason why it should end |
//! | `control` | daemon | a FIFO; a byte in it tells the supervisor to look for `stop` |

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::model::ExecutionResult;
use crate::ports::AttemptRef;

/// Longest escaped name of a goal or an environment; a longer one ends in a digest instead.
const LONGEST_NAME: usize = 100;

/// Largest outcome that is read back; the supervisor never writes more.
const OUTCOME_LIMIT: u64 = 8 * 1024 * 1024;

/// Where one attempt is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDirectory(PathBuf);

impl AttemptDirectory {
    /// The directory of an attempt below `root`; nothing is created.
    pub fn of(root: &Path, attempt: &AttemptRef) -> Self {
        let goal = format!(
            "{}~{}",
            escaped(attempt.goal.unique_name.as_str()),
            escaped(&attempt.goal.environment)
        );
        Self(
            root.join(attempt.goal_set.to_string())
                .join(goal)
                .join(attempt.attempt.to_string()),
        )
    }

    /// The directory a supervisor was told to work in.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the goal, which holds all its attempts.
    pub fn goal(&self) -> &Path {
        self.0
            .parent()
            .expect("an attempt's directory is made below its goal's")
    }

    /// News of the attempt; its lock is the sign of life.
    pub fn news(&self) -> PathBuf {
        self.0.join("news")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// What was started, for people.
    pub fn spec(&self) -> PathBuf {
        self.0.join("spec.json")
    }

    /// The result.
    pub fn outcome(&self) -> PathBuf {
        self.0.join("outcome.json")
    }

    /// Room for the result.
    pub fn reserved(&self) -> PathBuf {
        self.0.join("outcome.reserved")
    }

    /// Why it should end.
    pub fn stop(&self) -> PathBuf {
        self.0.join("stop")
    }

    /// The FIFO that wakes the supervisor.
    pub fn control(&self) -> PathBuf {
        self.0.join("control")
    }

    /// Whether this attempt was ever started and not forgotten.
    pub fn exists(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Whether anything of the attempt still runs: its processes share the lock, and the last of them gives it back.
    ///
    /// # Errors
    /// The file of news cannot be opened for another reason than not being there.
    pub fn is_alive(&self) -> io::Result<bool> {
        is_locked(&self.news())
    }

    /// The result, once there is one.
    ///
    /// # Errors
    /// It cannot be read or is no result.
    pub fn read_outcome(&self) -> io::Result<Option<ExecutionResult>> {
        let file = match File::open(self.outcome()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(OUTCOME_LIMIT).read_to_end(&mut text)?;
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Makes the directory with its news locked, in one step, and returns the news. The lock belongs to the open file:
    /// it is handed to the supervisor, so that there is no moment in which a running attempt looks dead.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when there is such an attempt; anything else the file system says.
    pub fn create(&self) -> io::Result<File> {
        let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(self.goal())?;
        if self.exists() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let number = self.0.file_name().unwrap_or_default().to_string_lossy();
        let fresh = tempfile::Builder::new()
            .prefix(&format!(".new-{number}-"))
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(self.goal())?;
        let news = File::options()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(fresh.path().join("news"))?;
        news.try_lock()?;
        let private_mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::unistd::mkfifo(&fresh.path().join("control"), private_mode)?;
        // A directory that is not empty is never replaced: this is the guard of "at most once".
        match fs::rename(fresh.path(), &self.0) {
            Ok(()) => {
                let _ = fresh.keep();
                Ok(news)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                Err(ErrorKind::AlreadyExists.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the directory, following no link, and those above it when they are empty then.
    ///
    /// # Errors
    /// Something of it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        let number = self.0.file_name().unwrap_or_default().to_string_lossy();
        let doomed = tempfile::Builder::new()
            .prefix(&format!(".old-{number}-"))
            .tempdir_in(self.goal())?;
        fs::rename(&self.0, doomed.path().join("attempt"))?;
        doomed.close()?;
        // Not empty is the ordinary case, and a directory that stays costs nothing.
        if fs::remove_dir(self.goal()).is_ok() {
            let _ = self.goal().parent().map(fs::remove_dir);
        }
        Ok(())
    }
}

/// Whether somebody holds the lock on a file of news; a file that is not there is not locked.
pub fn is_locked(news: &Path) -> io::Result<bool> {
    let file = match File::open(news) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // Shared, so that two who ask at once do not take each other for the supervisor.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a file of mode 0600 so that a reader sees all of it or nothing.
///
/// # Errors
/// Whatever the file system says.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(parent(path))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// As [`write_whole`], and what was written survives a power failure.
///
/// # Errors
/// Whatever the file system says.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(parent(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A name as one component of a path: letters, digits, `_`, `-` and dots inside stay, other bytes become `%XX`.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => text.push(char::from(byte)),
            b'.' if index > 0 => text.push('.'),
            other => write!(text, "%{other:02X}").expect("a string takes all that is written"),
        }
    }
    if text.len() > LONGEST_NAME {
        let digest = hex::encode(digest::digest(&digest::SHA256, name.as_bytes()));
        text.truncate(LONGEST_NAME - 33);
        text.push('%');
        text.push_str(&digest[..32]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_component_each() {
        assert_eq!(escaped("build-1.2_x"), "build-1.2_x");
        assert_eq!(escaped("../../etc"), "%2E.%2F..%2Fetc");
        assert_eq!(escaped("a~b\n"), "a%7Eb%0A");
        let long = "é".repeat(300);
        assert!(escaped(&long).len() <= LONGEST_NAME);
        assert_ne!(escaped(&long), escaped(&"é".repeat(301)));
    }

    #[test]
    fn an_attempt_is_made_once_and_is_alive_as_long_as_its_news_are_held() {
        let root = tempfile::tempdir().unwrap();
        let directory = AttemptDirectory::at(root.path().join("set/goal~0/1"));
        let news = directory.create().unwrap();
        assert!(directory.is_alive().unwrap());
        assert_eq!(directory.create().unwrap_err().kind(), ErrorKind::AlreadyExists);
        drop(news);
        assert!(!directory.is_alive().unwrap());
        directory.remove().unwrap();
        assert!(!root.path().join("set").exists());
    }

    #[test]
    fn i6_removing_an_attempt_follows_no_link() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("canary"), "alive").unwrap();
        let directory = AttemptDirectory::at(root.path().join("set/goal~0/1"));
        drop(directory.create().unwrap());
        std::os::unix::fs::symlink(&outside, directory.path().join("link")).unwrap();
        directory.remove().unwrap();
        assert!(outside.join("canary").exists());
    }
}
