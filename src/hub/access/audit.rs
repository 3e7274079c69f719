//! The audit log of a hub: files of JSON lines, each with the hash of the one before, that `sdm audit verify` reads as they are
//! (security model 16).
//!
//! The hub writes one file. When it is full, or a month old, it gets the number of its first entry behind its name, and the next file
//! goes on with its hash; what is older than 400 days is deleted, file by file from the oldest. So the files are one chain, and what is
//! left of it can be verified.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use thiserror::Error;

use super::super::asked;
use super::noted::Noted;
use crate::access::audit::{Chain, Change, Details, Entry, LONGEST_LINE};
use crate::access::{Credential, Decision, Request, Rule};
use crate::model::Timestamp;

/// Refusals of callers without a good key that are written in a second; more are only counted.
const STRANGERS: u32 = 20;

/// Bytes after which the next file begins.
const FULL: u64 = 64 * 1024 * 1024;

/// How long one file is written to.
const LONG: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long entries are kept.
pub const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// Digits of the number behind the name of a file that is full.
const DIGITS: usize = 20;

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
    path: PathBuf,
    /// Held as long as this hub writes the log.
    _lock: File,
    file: File,
    length: u64,
    /// Number and time of the first entry in the file.
    first: Option<(u64, Timestamp)>,
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
        let lock = appendable(&beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Taken(path.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut file = appendable(path).map_err(failed)?;
        let length = cut_unfinished(&mut file).map_err(failed)?;
        Ok(Self(Mutex::new(Writer {
            chain: chain(path, &mut file)?,
            first: first(path).map_err(failed)?,
            path: path.to_path_buf(),
            _lock: lock,
            file,
            length,
            strangers: (Timestamp::from_micros(0), 0, 0),
        })))
    }

    /// Writes what was decided.
    pub fn record(&self, request: &Request<'_>, decision: &Decision, details: &Details) {
        if !decision.is_allowed() {
            asked::was_refused();
        }
        let mut writer = self.lock();
        if matches!(request.credential, Credential::Good(_)) {
            writer.write(request, decision, details);
        } else {
            writer.write_stranger(request, decision, details);
        }
    }

    /// Writes what has happened.
    pub fn note(&self, noted: &Noted, details: &Details, now: Timestamp) {
        self.note_change(&noted.change(), details, now);
    }

    /// The same; whether it is written.
    pub(super) fn note_change(&self, change: &Change<'_>, details: &Details, now: Timestamp) -> bool {
        let mut writer = self.lock();
        let before = writer.chain;
        let entry = writer.chain.append_change(now, change, details);
        writer.put(&entry, before, now)
    }

    /// Writes what has happened that strangers may lead to: of a flood the first, as of what was decided about them.
    pub(super) fn note_seldom(&self, noted: Noted, details: &Details, now: Timestamp) {
        let admitted = self.lock().admit_stranger(now);
        let said = match admitted {
            None => return,
            Some(0) => noted.said,
            Some(unwritten) => format!("{}; and {unwritten} before it that were not written", noted.said),
        };
        self.note(&Noted { said, ..noted }, details, now);
    }

    /// Waits until what was written survives a loss of power.
    ///
    /// # Errors
    /// The disk.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.lock().file.sync_data()
    }

    /// Writes what was refused beside what was decided; of nobody in particular so much as strangers may fill.
    pub fn note_refusal(&self, noted: &Noted, details: &Details, now: Timestamp) {
        asked::was_refused();
        match noted.is_by_stranger() {
            true => self.note_seldom(noted.clone(), details, now),
            false => self.note(noted, details, now),
        }
    }

    /// Where the log is.
    pub fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn write(&mut self, request: &Request<'_>, decision: &Decision, details: &Details) {
        let before = self.chain;
        let entry = self.chain.append(request.now, request, decision, details);
        self.put(&entry, before, request.now);
    }

    /// Puts an entry behind the others; whether it is there now.
    fn put(&mut self, entry: &Entry, before: Chain, now: Timestamp) -> bool {
        if let Err(error) = self.next_file(now) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the next file of the audit log cannot be begun; this one goes on"
            );
        }
        let line = format!("{}\n", entry.to_line());
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.chain = before;
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the audit log cannot be written");
            // What was written of the line is none, and nothing may follow it.
            let _ = self.file.set_len(self.length);
            return false;
        }
        self.length += line.len() as u64;
        self.first.get_or_insert((entry.id, now));
        true
    }

    /// Begins the next file when this one is full or old.
    fn next_file(&mut self, now: Timestamp) -> std::io::Result<()> {
        let Some((id, began)) = self.first.filter(|_| self.length > 0) else {
            return Ok(());
        };
        if self.length < FULL && now.since(began) < LONG {
            return Ok(());
        }
        self.file.sync_all()?;
        std::fs::rename(&self.path, numbered(&self.path, id))?;
        self.file = appendable(&self.path)?;
        (self.length, self.first) = (0, None);
        forget(&self.path, now)
    }

    fn write_stranger(&mut self, request: &Request<'_>, decision: &Decision, details: &Details) {
        let Some(unwritten) = self.admit_stranger(request.now) else {
            return;
        };
        let mut decision = decision.clone();
        if unwritten > 0 {
            decision.rule = Rule::Unwritten(unwritten);
        }
        self.write(request, &decision, details);
    }

    /// Counts something that strangers lead to: `None` when it is not written, and otherwise how many before it were not.
    fn admit_stranger(&mut self, now: Timestamp) -> Option<u32> {
        let (since, written, unwritten) = self.strangers;
        if now.since(since) >= Duration::from_secs(1) {
            self.strangers = (now, 1, 0);
            return Some(unwritten);
        }
        if written >= STRANGERS {
            self.strangers = (since, written, unwritten.saturating_add(1));
            return None;
        }
        self.strangers = (since, written + 1, unwritten);
        Some(0)
    }
}

fn appendable(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path)
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Where a full file goes whose first entry has this number.
fn numbered(path: &Path, id: u64) -> PathBuf {
    beside(path, &format!("{id:0DIGITS$}"))
}

/// A crash in the middle of a line: what was never whole was never written. The length that is left.
fn cut_unfinished(file: &mut File) -> std::io::Result<u64> {
    let tail = tail(file)?;
    let whole = tail.rfind('\n').map_or(0, |end| end + 1);
    let length = file.metadata()?.len();
    let unfinished = u64::try_from(tail.len() - whole).unwrap_or(0);
    if unfinished > 0 {
        file.set_len(length - unfinished)?;
    }
    Ok(length - unfinished)
}

/// The chain that a log continues: after the last entry of its file, or of the full file before it.
fn chain(path: &Path, file: &mut File) -> Result<Chain, AuditError> {
    let failed = |source| AuditError::Open {
        path: path.to_path_buf(),
        source,
    };
    let mut text = tail(file).map_err(failed)?;
    if text.is_empty()
        && let Some(before) = full_files(path).map_err(failed)?.last()
    {
        text = File::open(before)
            .and_then(|mut file| tail(&mut file))
            .map_err(failed)?;
    }
    match text.lines().next_back() {
        None => Ok(Chain::EMPTY),
        Some(line) => match whole_entry(line) {
            Some(last) => Ok(Chain::after(&last)),
            None => Err(AuditError::End(path.to_path_buf())),
        },
    }
}

fn whole_entry(line: &str) -> Option<Entry> {
    let entry: Entry = serde_json::from_str(line).ok()?;
    (entry.to_line() == line).then_some(entry)
}

/// Number and time of the first entry of a file.
fn first(path: &Path) -> std::io::Result<Option<(u64, Timestamp)>> {
    let mut line = String::new();
    BufReader::new(File::open(path)?).read_line(&mut line)?;
    Ok(whole_entry(line.trim_end()).and_then(|entry| Some((entry.id, time_of(&entry)?))))
}

fn time_of(entry: &Entry) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(&entry.time).ok()?;
    Some(Timestamp::from(time.to_utc()))
}

/// Files of a log that are full, oldest first.
pub(in super::super) fn full_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return Ok(Vec::new());
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let is_full = entry.file_name().to_str().is_some_and(|text| {
            let number = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            number.is_some_and(|digits| {
                digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        });
        if is_full {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// When the last entry of a file was written.
pub(super) fn ended(file: &Path) -> std::io::Result<Option<Timestamp>> {
    let text = tail(&mut File::open(file)?)?;
    let last = text.lines().next_back().and_then(whole_entry);
    Ok(last.and_then(|last| time_of(&last)))
}

/// Deletes files of which every entry is older than entries are kept.
fn forget(path: &Path, now: Timestamp) -> std::io::Result<()> {
    for file in full_files(path)? {
        if ended(&file)?.is_none_or(|last| now.since(last) <= KEPT) {
            break;
        }
        std::fs::remove_file(&file)?;
        tracing::info!(file = %file.display(), "a file of the audit log was older than it is kept");
    }
    Ok(())
}

/// Entries of a log after the one of this number, oldest first and as they were written; at most so many.
///
/// # Errors
/// A file cannot be read, or what is written cannot be written.
pub fn export(path: &Path, after: u64, most: usize, out: &mut dyn Write) -> std::io::Result<usize> {
    let mut files = full_files(path)?;
    files.push(path.to_path_buf());
    let mut count = 0;
    for (index, file) in files.iter().enumerate() {
        // The next file says with what this one ends.
        let next = files.get(index + 1).and_then(|next| number_of(next));
        if next.is_some_and(|next| next <= after + 1) {
            continue;
        }
        let mut lines = BufReader::new(File::open(file)?);
        let mut line = String::new();
        while count < most && lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            if id_of(&line).is_some_and(|id| id > after) {
                out.write_all(line.as_bytes())?;
                count += 1;
            }
            line.clear();
        }
    }
    Ok(count)
}

/// The number of the first entry of a file that is full.
pub(in super::super) fn number_of(file: &Path) -> Option<u64> {
    file.extension()?.to_str()?.parse().ok()
}

/// The number with which a line begins.
fn id_of(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("{\"id\":")?;
    rest.split(',').next()?.parse().ok()
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
    use crate::access::audit::{Given, Outcome, verify};
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

    #[test]
    fn f10_what_is_refused_beside_a_decision_cannot_fill_the_disk_either() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        let refused = |by: &str| Noted {
            outcome: Outcome::Refused("foreign_origin"),
            ..Noted::done(by, "key.create", "from elsewhere".to_owned())
        };
        for _ in 0..500 {
            log.note_refusal(&refused("anonymous"), &Details::default(), NOW);
            knock(&log, NOW);
        }
        assert_eq!(
            entries(&path),
            u64::from(STRANGERS),
            "counted with everything else of strangers"
        );
        log.note_refusal(&refused("addon:build"), &Details::default(), NOW);
        let later = NOW.plus(Duration::from_secs(2));
        log.note_refusal(&refused("anonymous"), &Details::default(), later);
        let text = std::fs::read_to_string(&path).unwrap();
        let last: Vec<&str> = text.lines().rev().take(2).collect();
        assert!(
            last[0].contains("and 980 before it that were not written"),
            "{last:?}"
        );
        for part in ["addon:build", "\"deny\"", "\"foreign_origin\""] {
            assert!(last[1].contains(part), "{last:?}");
        }
    }

    #[test]
    fn k3_files_that_are_full_are_one_chain_and_go_when_they_are_old() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let later = |days: u64| NOW.plus(Duration::from_secs(days * 24 * 3_600));
        let log = AuditLog::open(&path).unwrap();
        for days in [0, 1, 31, 32, 63] {
            knock(&log, later(days));
        }
        drop(log);
        let all = |after: u64| {
            let mut out = Vec::new();
            export(&path, after, 100, &mut out).unwrap();
            verify(out.as_slice(), Given::default()).map(|summary| (summary.first, summary.last))
        };
        assert_eq!(full_files(&path).unwrap().len(), 2);
        assert_eq!(all(0).unwrap(), (1, 5));
        assert_eq!(all(3).unwrap(), (4, 5));
        // The chain goes on over a restart between two files, and old ones go.
        std::fs::rename(&path, numbered(&path, 5)).unwrap();
        let log = AuditLog::open(&path).unwrap();
        knock(&log, later(100));
        knock(&log, later(432));
        drop(log);
        assert_eq!(all(0).unwrap(), (3, 7), "the first file is older than 400 days");
    }
}
