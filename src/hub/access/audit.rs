//! The audit log of a hub: a file of JSON lines, each with the hash of the one before, that `sdm audit verify` reads as it is
//! (security model 16).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::access::audit::{Chain, Details, Entry, LONGEST_LINE};
use crate::access::{Credential, Decision, Request, Rule};
use crate::model::Timestamp;

/// Refusals of callers without a good key that are written in a second; more are only counted.
const STRANGERS: u32 = 20;

/// Why the log cannot be kept.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The file.
    #[error("failed to open the audit log {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another hub writes it.
    #[error("another hub writes the audit log {}", .0.display())]
    Taken(PathBuf),
    /// Its end is not an entry.
    #[error("the audit log {} does not end with an entry; look at it with `sdm audit verify`", .0.display())]
    End(PathBuf),
}

/// The log, which only grows.
#[derive(Debug)]
pub struct AuditLog(Mutex<Writer>);

#[derive(Debug)]
struct Writer {
    file: File,
    chain: Chain,
    /// Since when strangers are counted, how many were written, and how many were not.
    strangers: (Timestamp, u32, u32),
}

impl AuditLog {
    /// Opens a log, or begins one that only its owner can read.
    ///
    /// # Errors
    /// The file cannot be opened, is somebody else's, or ends with something else.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let failed = |source| AuditError::Open {
            path: path.to_path_buf(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Taken(path.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let tail = tail(&mut file).map_err(failed)?;
        let whole = tail.rfind('\n').map_or(0, |end| end + 1);
        if whole < tail.len() {
            // A crash in the middle of a line: what was never whole was never written.
            let unfinished = u64::try_from(tail.len() - whole).unwrap_or(0);
            let length = file.metadata().map_err(failed)?.len();
            file.set_len(length - unfinished).map_err(failed)?;
        }
        let chain = match tail[..whole].lines().next_back() {
            None => Chain::EMPTY,
            Some(line) => {
                let last: Result<Entry, _> = serde_json::from_str(line);
                let last = last.ok().filter(|last| last.to_line() == line);
                Chain::after(&last.ok_or_else(|| AuditError::End(path.to_path_buf()))?)
            }
        };
        Ok(Self(Mutex::new(Writer {
            file,
            chain,
            strangers: (Timestamp::from_micros(0), 0, 0),
        })))
    }

    /// Writes what was decided.
    pub fn record(&self, request: &Request<'_>, decision: &Decision, details: &Details) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(request.credential, Credential::Good(_)) {
            writer.write(request, decision, details);
        } else {
            writer.write_stranger(request, decision, details);
        }
    }
}

impl Writer {
    fn write(&mut self, request: &Request<'_>, decision: &Decision, details: &Details) {
        let before = self.chain;
        let entry = self.chain.append(request.now, request, decision, details);
        if let Err(error) = self.file.write_all(format!("{}\n", entry.to_line()).as_bytes()) {
            self.chain = before;
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the audit log cannot be written");
        }
    }

    /// Strangers cannot fill the disk: of a flood the first are written, and the next one says how many were not.
    fn write_stranger(&mut self, request: &Request<'_>, decision: &Decision, details: &Details) {
        let (since, written, unwritten) = self.strangers;
        if request.now.since(since) < Duration::from_secs(1) && written >= STRANGERS {
            self.strangers = (since, written, unwritten.saturating_add(1));
            return;
        }
        let mut decision = decision.clone();
        if request.now.since(since) < Duration::from_secs(1) {
            self.strangers = (since, written + 1, unwritten);
        } else {
            self.strangers = (request.now, 1, 0);
            if unwritten > 0 {
                decision.rule = Rule::Unwritten(unwritten);
            }
        }
        self.write(request, &decision, details);
    }
}

/// The end of the file, long enough for a whole line.
fn tail(file: &mut File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    let longest = u64::try_from(2 * LONGEST_LINE).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(length.saturating_sub(longest)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::access::audit::{Given, verify};
    use crate::access::request::BadCredential;
    use crate::access::{Context, Snapshot, decide};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn knock(log: &AuditLog, now: Timestamp) {
        let request = Request {
            credential: Credential::Bad(BadCredential::Invalid),
            operation: "goal.update",
            resources: &[],
            context: Context::None,
            forge: None,
            exists: true,
            is_too_often: false,
            now,
        };
        let decision = decide(&request, &Snapshot::empty(now));
        log.record(&request, &decision, &Details::default());
    }

    fn entries(path: &Path) -> u64 {
        let file = std::io::BufReader::new(File::open(path).unwrap());
        verify(file, Given::default()).unwrap().entries
    }

    #[test]
    fn k3_the_chain_goes_on_after_a_restart_and_after_a_crash_in_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        knock(&log, NOW);
        knock(&log, NOW);
        assert!(matches!(AuditLog::open(&path), Err(AuditError::Taken(_))));
        drop(log);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"id\":3,\"time\":");
        std::fs::write(&path, &text).unwrap();
        let log = AuditLog::open(&path).unwrap();
        knock(&log, NOW);
        assert_eq!(entries(&path), 3);
        drop(log);
        std::fs::write(&path, "something else\n").unwrap();
        assert!(matches!(AuditLog::open(&path), Err(AuditError::End(_))));
    }

    #[test]
    fn f10_strangers_cannot_fill_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        for _ in 0..1000 {
            knock(&log, NOW);
        }
        knock(&log, NOW.plus(Duration::from_secs(2)));
        assert_eq!(entries(&path), u64::from(STRANGERS) + 1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.lines()
                .next_back()
                .unwrap()
                .contains("and 980 before it that were not written")
        );
    }
}
