//! Writes the log of an attempt: appends whole records, up to a limit, and says what it left out.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::log::LogRecord;
use crate::runtime::clock::{Clock, SystemClock};

/// The machine's own lines.
pub(super) const OWN: &str = "sdm";

/// The log being written.
pub(super) struct Journal {
    file: File,
    clock: SystemClock,
    /// Records not written yet.
    buffer: Vec<u8>,
    /// Bytes on disk.
    length: u64,
    /// Bytes the goal's own output may take.
    limit: u64,
    /// What came after the limit.
    dropped: Amount,
    /// What could not be written.
    lost: Amount,
}

/// Output that is not in the log.
#[derive(Debug, Default, Clone, Copy)]
struct Amount {
    lines: u64,
    bytes: u64,
}

impl Journal {
    /// Begins a log.
    ///
    /// # Errors
    /// The file is there already or cannot be made.
    pub(super) fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let file = File::options()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            clock: SystemClock,
            buffer: Vec::new(),
            length: 0,
            limit,
            dropped: Amount::default(),
            lost: Amount::default(),
        })
    }

    /// A line of the goal's output, unless the log is full; `written` is how many bytes it was there.
    pub(super) fn output(&mut self, stream: &str, text: &str, written: usize) {
        let is_full = self.length + (self.buffer.len() + text.len()) as u64 > self.limit;
        if self.dropped.lines == 0 && !is_full {
            self.record(stream, text);
            return;
        }
        if self.dropped.lines == 0 {
            self.own(&format!(
                "the log has reached its limit of {} bytes; what follows is left out",
                self.limit
            ));
        }
        self.dropped.lines += 1;
        self.dropped.bytes += written as u64;
    }

    /// A line of the machine's own.
    pub(super) fn own(&mut self, text: &str) {
        self.record(OWN, text);
    }

    fn record(&mut self, stream: &str, text: &str) {
        let record = LogRecord {
            at: self.clock.now(),
            stream: stream.into(),
            text: text.into(),
        };
        serde_json::to_writer(&mut self.buffer, &record).expect("a record of texts and numbers is JSON");
        self.buffer.push(b'\n');
    }

    /// Writes what has gathered. What cannot be written is counted and taken back, so that no half record stays: a full
    /// disk costs lines of the log and never the goal.
    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.file.write_all(&self.buffer).is_ok() {
            self.length += self.buffer.len() as u64;
        } else {
            let _ = self.file.set_len(self.length);
            self.lost.lines += self.buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.lost.bytes += self.buffer.len() as u64;
        }
        self.buffer.clear();
    }

    /// Says what was left out, at the end.
    pub(super) fn account(&mut self) {
        let Amount { lines, bytes } = self.dropped;
        if lines > 0 {
            self.own(&format!("{lines} lines ({bytes} bytes) were left out"));
        }
        let Amount { lines, bytes } = self.lost;
        if lines > 0 {
            self.own(&format!("{lines} lines ({bytes} bytes) could not be written"));
        }
    }
}
