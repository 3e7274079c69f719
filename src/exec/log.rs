//! The log of an attempt on disk: one JSON record a line, named by the byte offset where it begins.
//!
//! Records are only appended. A reader takes whole records; a piece without its line end is one that is being written,
//! or the last one of a supervisor that was killed, and is not there for it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::ports::executor::{LogLine, LogPage};

/// Largest page in bytes, whatever is asked for.
pub const LARGEST_PAGE: u64 = 4 * 1024 * 1024;

/// Largest record: a line of the longest length with every byte escaped, and room for the rest.
const LARGEST_RECORD: u64 = 2 * 1024 * 1024;

/// A record as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogRecord<'a> {
    /// When, in microseconds.
    pub(super) at: Timestamp,
    /// Stream: `out`, `err` or `sdm`.
    #[serde(rename = "s", borrow)]
    pub(super) stream: std::borrow::Cow<'a, str>,
    /// Text.
    #[serde(rename = "t", borrow)]
    pub(super) text: std::borrow::Cow<'a, str>,
}

/// Reads whole records from `offset` on, about `limit` bytes of them and always one when there is one. An offset inside
/// a record means the one after it, so that reading may go on "behind" a line one has. `has_ended` says that
/// nothing will be written any more; it must have been found out before this is called.
///
/// # Errors
/// The log is there and cannot be read.
pub(super) fn read_page(path: &Path, offset: u64, limit: u64, has_ended: bool) -> io::Result<LogPage> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(LogPage {
                lines: Vec::new(),
                next_offset: offset,
                complete: has_ended,
            });
        }
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut position = record_start(&mut reader, offset)?;
    let end = position.saturating_add(limit.min(LARGEST_PAGE));
    let mut page = LogPage {
        lines: Vec::new(),
        next_offset: position,
        complete: false,
    };
    let mut record = Vec::new();
    loop {
        record.clear();
        let length = reader
            .by_ref()
            .take(LARGEST_RECORD)
            .read_until(b'\n', &mut record)? as u64;
        if record.last() != Some(&b'\n') {
            page.complete = has_ended;
            return Ok(page);
        }
        if !page.lines.is_empty() && position + length > end {
            return Ok(page);
        }
        page.lines.extend(line(position, &record));
        position += length;
        page.next_offset = position;
    }
}

/// Goes to where the first record at or after `offset` begins.
fn record_start(reader: &mut BufReader<File>, offset: u64) -> io::Result<u64> {
    let length = reader.get_ref().metadata()?.len();
    if offset == 0 || offset > length {
        reader.seek(SeekFrom::Start(offset.min(length)))?;
        return Ok(offset.min(length));
    }
    reader.seek(SeekFrom::Start(offset - 1))?;
    let mut rest = Vec::new();
    let skipped = reader
        .by_ref()
        .take(LARGEST_RECORD)
        .read_until(b'\n', &mut rest)? as u64;
    if rest.last() == Some(&b'\n') {
        return Ok(offset - 1 + skipped);
    }
    // The record that contains the offset is not complete: stay where we were asked to begin.
    reader.seek(SeekFrom::End(0))?;
    Ok(offset)
}

/// A record as the port shows it; one that is damaged is passed over.
fn line(offset: u64, record: &[u8]) -> Option<LogLine> {
    let record: LogRecord<'_> = serde_json::from_slice(record).ok()?;
    Some(LogLine {
        offset,
        at: record.at,
        stream: record.stream.into_owned(),
        text: record.text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(lines: &[&str], tail: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut text = String::new();
        for line in lines {
            let record = LogRecord {
                at: Timestamp::from_micros(7),
                stream: "out".into(),
                text: (*line).into(),
            };
            text += &(serde_json::to_string(&record).unwrap() + "\n");
        }
        std::fs::write(file.path(), text + tail).unwrap();
        file
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n} \"\u{7}\n")).collect();
        let log = log_of(&lines.iter().map(String::as_str).collect::<Vec<_>>(), "");
        let (mut offset, mut read) = (0, Vec::new());
        loop {
            let page = read_page(log.path(), offset, 200, true).unwrap();
            read.extend(page.lines);
            offset = page.next_offset;
            if page.complete {
                break;
            }
        }
        assert_eq!(
            read.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
            lines
        );
        let behind = read_page(log.path(), read[41].offset + 1, 1, true).unwrap();
        assert_eq!(behind.lines[0], read[42]);
    }

    #[test]
    fn e8_a_record_that_was_cut_off_is_not_there() {
        let log = log_of(&["one", "two"], r#"{"at":1,"s":"out","t":"thr"#);
        let page = read_page(log.path(), 0, 10_000, false).unwrap();
        assert_eq!(page.lines.len(), 2);
        assert!(!page.complete);
        let rest = read_page(log.path(), page.next_offset, 10_000, true).unwrap();
        assert_eq!(
            (rest.lines.len(), rest.complete, rest.next_offset),
            (0, true, page.next_offset)
        );
    }
}
