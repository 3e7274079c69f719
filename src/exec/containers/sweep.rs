//! What a driver that was killed without warning has left: found by its labels, and removed (semantics 4.5 DECISION).
//!
//! Only what carries this machine's own mark is looked at, and only what belongs to attempts of which nothing runs any
//! more: their directory says so, as it does for everything else.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::engine::Engine;
use super::remains;
use crate::exec::attempt::AttemptDirectory;
use crate::runtime::clock::Ids;

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks for what was left.
pub struct Sweep {
    engines: Vec<PathBuf>,
    owner: String,
    attempts: PathBuf,
    mark: PathBuf,
    /// When the mark was last touched before a look that found nothing.
    clean_since: Option<SystemTime>,
}

/// By what the containers of the machine that keeps its attempts in a directory are told from all others.
///
/// # Errors
/// It cannot be read or written.
pub fn owner_of(attempts: &Path, ids: &dyn Ids) -> io::Result<String> {
    let path = attempts.join("containers-owner");
    let fresh = ids.fresh().simple().to_string();
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    match made {
        Ok(mut file) => file.write_all(fresh.as_bytes()).map(|()| fresh),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let owner = fs::read_to_string(&path)?;
            match owner.len() == 32 && owner.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => Ok(owner),
                // Cut off by a crash before anybody used it, or not ours: a new one harms nobody.
                false => fs::write(&path, &fresh).map(|()| fresh),
            }
        }
        Err(error) => Err(error),
    }
}

/// The file that tells that containers were made.
pub fn mark_in(attempts: &Path) -> PathBuf {
    attempts.join("containers-used")
}

impl Sweep {
    /// Over the engines of a machine that keeps its attempts in this directory.
    pub fn new(engines: Vec<PathBuf>, owner: String, attempts: PathBuf) -> Self {
        let mark = mark_in(&attempts);
        Self {
            engines,
            owner,
            attempts,
            mark,
            clean_since: None,
        }
    }

    /// Removes what belongs to attempts that are over; how much that was. Asks no engine when nothing was made since
    /// nothing was left.
    ///
    /// # Errors
    /// The engine is not there or does not answer, in words; the next look finds the same.
    pub async fn look(&mut self) -> Result<usize, String> {
        let touched = fs::metadata(&self.mark)
            .and_then(|metadata| metadata.modified())
            .ok();
        if touched.is_none() || touched == self.clean_since {
            return Ok(0);
        }
        let engine = Engine::connect(&self.engines, PATIENCE)
            .await
            .map_err(|error| error.to_string())?;
        let found = remains::find(&engine, &self.owner)
            .await
            .map_err(|error| error.to_string())?;
        if found.is_empty() {
            self.clean_since = touched;
        }
        let mut removed = 0;
        for (attempt, remain) in found {
            let directory = AttemptDirectory::of(&self.attempts, &attempt);
            if directory.is_alive().unwrap_or(true) {
                continue;
            }
            match remains::remove(&engine, &remain).await {
                Ok(()) => removed += 1,
                Err(error) => {
                    tracing::warn!(goal = %attempt.goal, %error, "what containers left cannot be removed");
                }
            }
        }
        Ok(removed)
    }
}
