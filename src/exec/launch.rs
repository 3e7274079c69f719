//! Starts the supervisor of an attempt. Blocking: runs on a thread of its own.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::attempt::AttemptDirectory;
use super::news::{self, NewsRecord};
use super::order::Order;
use super::supervisor::TAKEN_OVER;

/// Longest complaint of a supervisor that is passed on.
const LONGEST_COMPLAINT: u64 = 4096;

/// Makes the attempt's directory and starts its supervisor; returns when that has started the command, or has noted why it
/// could not. The process we start ends at once and leaves the supervisor behind, which is nobody's child we know.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is such an attempt; otherwise whatever kept the supervisor from taking over.
pub(super) fn launch(
    program: &Path,
    argument: &str,
    directory: &AttemptDirectory,
    order: &Order,
) -> io::Result<()> {
    let news = directory.create()?;
    let mut child = Command::new(program)
        .arg(argument)
        .arg(directory.path())
        .current_dir("/")
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(news)
        .stderr(Stdio::piped())
        .spawn()
        .inspect_err(|_| {
            // Nothing has run, so the attempt may be made again.
            let _ = directory.remove();
        })?;
    let text = serde_json::to_vec(order)?;
    let handed_over = child
        .stdin
        .take()
        .map_or(Ok(()), |mut pipe| pipe.write_all(&text));
    let mut answer = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        pipe.take(LONGEST_COMPLAINT).read_to_end(&mut answer)?;
    }
    child.wait()?;
    if answer == TAKEN_OVER {
        return Ok(());
    }
    if answer.is_empty() && has_begun(directory) {
        // Killed in the middle, perhaps by its own command: whoever watches finds the attempt lost.
        return Ok(());
    }
    handed_over?;
    if answer.is_empty() {
        return Err(io::Error::other(
            "the supervisor was killed before it started the command",
        ));
    }
    let complaint = String::from_utf8_lossy(&answer);
    Err(io::Error::other(format!(
        "the supervisor did not take over: {}",
        complaint.trim()
    )))
}

/// Whether something of the command may have run.
fn has_begun(directory: &AttemptDirectory) -> bool {
    let records = news::read_from(&directory.news(), 0).map(|(records, _)| records);
    records.is_ok_and(|records| records.contains(&NewsRecord::Beginning {}))
}
