//! Makes sure that nothing of a goal's earlier attempts runs before the next one begins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::attempt::{AttemptDirectory, is_locked, write_whole};
use super::news;
use super::order::KeptOrder;
use super::process_table;

/// How long the supervisor may take beyond the grace of its command.
const SUPERVISOR_SLACK: Duration = Duration::from_secs(10);

/// How often a lock is tried while somebody is about to give it back.
const PAUSE: Duration = Duration::from_millis(2);

/// Longest reason for a stop that is kept.
const LONGEST_REASON: usize = 500;

/// Notes that an attempt should end and wakes its supervisor.
///
/// # Errors
/// The reason cannot be written.
pub(super) fn ask_to_stop(directory: &AttemptDirectory, reason: &str) -> std::io::Result<()> {
    let reason: String = reason.chars().take(LONGEST_REASON).collect();
    write_whole(&directory.stop(), reason.as_bytes())?;
    wake(directory);
    Ok(())
}

/// A byte into the FIFO. It has no reader before the supervisor is up, which then looks for `stop` by itself, and none
/// after it has ended. One that was halted goes on.
fn wake(directory: &AttemptDirectory) {
    use nix::fcntl::OFlag;
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let fifo = fs::OpenOptions::new()
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(directory.control());
    if let Ok(mut fifo) = fifo {
        let _ = fifo.write_all(b"!");
    }
    for command in news::commands_of(&directory.news()) {
        process_table::wake_supervisor(command.supervisor);
    }
}

/// Waits until nothing of an attempt runs; `false` when it still does after `patience`.
///
/// # Errors
/// Its sign of life cannot be read.
pub(super) async fn wait_until_gone(
    directory: &AttemptDirectory,
    patience: Duration,
) -> std::io::Result<bool> {
    let wait = async {
        while directory.is_alive()? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    };
    tokio::time::timeout(patience, wait)
        .await
        .map_or(Ok(false), |result| result.map(|()| true))
}

/// Ends every other attempt of the same goal: asks those that run, and kills what dead supervisors left behind.
///
/// # Errors
/// One of them cannot be ended, so that another attempt could do the same work twice.
pub(super) async fn end_others(directory: &AttemptDirectory) -> std::io::Result<()> {
    for other in others(directory) {
        if is_locked(&other.news())? {
            if other.read_outcome().ok().flatten().is_none() {
                ask_to_stop(&other, "another attempt of the goal begins")?;
            }
            let patience = grace_of(&other.spec()) + SUPERVISOR_SLACK;
            if !wait_until_gone(&other, patience).await? {
                return Err(std::io::Error::other(format!(
                    "{} still runs {} s after it was told to end",
                    other.path().display(),
                    patience.as_secs()
                )));
            }
        }
        kill_remains(&other);
    }
    Ok(())
}

/// Kills what is left of an attempt whose supervisor and guard were both killed.
pub(super) fn kill_remains(directory: &AttemptDirectory) {
    if directory.outcome().exists() {
        return;
    }
    if process_table::kill_sessions(&news::commands_of(&directory.news())) {
        tracing::warn!(attempt = %directory.path().display(), "killed what a dead supervisor left running");
    }
}

fn others(directory: &AttemptDirectory) -> Vec<AttemptDirectory> {
    let Ok(entries) = fs::read_dir(directory.goal()) else {
        return Vec::new();
    };
    let is_attempt = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path != directory.path() && name.bytes().all(|byte| byte.is_ascii_digit())
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_attempt)
        .map(AttemptDirectory::at)
        .collect()
}

fn grace_of(spec: &Path) -> Duration {
    let kept = fs::read(spec)
        .ok()
        .and_then(|text| serde_json::from_slice::<KeptOrder>(&text).ok());
    kept.map_or(Duration::ZERO, |kept| kept.grace)
}
