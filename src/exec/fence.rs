//! Keeps what another replica may run again from running on: a process goes on only while the daemon says that it may.
//!
//! The daemon writes down up to which moment it was known to be there, in the system's own time since its start, which nobody
//! sets. A supervisor that finds no such moment lately kills what it supervises and leaves no outcome: the attempt is lost, as
//! everybody else thinks by then. Where the system does not tell its time, nothing is kept from anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a broken fence is called, as a phase.
pub(super) const LOST: &str = "lost";

/// Where the system says how long it has been running, sleep included.
const UPTIME: &str = "/proc/uptime";

/// A moment in a file, and for how long it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fence {
    file: PathBuf,
    patience: Duration,
}

impl Fence {
    pub(super) fn new(directory: &Path, patience: Duration) -> Self {
        Self {
            file: directory.join("held"),
            patience,
        }
    }

    /// Lets processes go on for a while from a moment that lies so far back.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn hold(&self, ago: Duration) -> io::Result<()> {
        let Some(now) = uptime() else { return Ok(()) };
        let moment = now.saturating_sub(ago).as_millis().to_string();
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, moment)?;
        fs::rename(&fresh, &self.file)
    }

    /// Whether nobody has said for too long that processes may go on.
    pub(super) fn is_broken(&self) -> bool {
        let Some(now) = uptime() else { return false };
        let moment = fs::read_to_string(&self.file).ok();
        let moment = moment.and_then(|text| text.trim().parse().ok());
        moment.is_none_or(|moment| now > Duration::from_millis(moment) + self.patience)
    }
}

fn uptime() -> Option<Duration> {
    let text = fs::read_to_string(UPTIME).ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_holds_for_a_while_from_the_moment_that_was_said() {
        let directory = tempfile::tempdir().unwrap();
        let fence = Fence::new(directory.path(), Duration::from_secs(60));
        if uptime().is_none() {
            println!("skipped: the system does not tell how long it runs");
            return;
        }
        assert!(fence.is_broken(), "nobody has said anything");
        fence.hold(Duration::from_secs(1)).unwrap();
        assert!(!fence.is_broken());
        let short = Fence::new(directory.path(), Duration::ZERO);
        assert!(short.is_broken(), "that was a second ago");
        fs::write(directory.path().join("held"), "nonsense").unwrap();
        assert!(fence.is_broken());
    }
}
