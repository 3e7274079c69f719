//! Reading an export without the hub that wrote it: which entry is the first that is not as it was written.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use chrono::DateTime;
use thiserror::Error;

use crate::model::Timestamp;

use super::entry::{Entry, Hash};

/// Longest line in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// How far a clock may be set back between two entries without a remark: clocks are corrected.
const CORRECTION: Duration = Duration::from_secs(10);

/// What is known of an export from elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// Hash of the entry before the first.
    pub after: Option<Hash>,
    /// Hash of the last entry.
    pub head: Option<Hash>,
}

/// What a whole export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many entries.
    pub entries: u64,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// When the first was written.
    pub from: String,
    /// When the last was.
    pub to: String,
    /// Hash of the entry before the first; zeros when there was none.
    pub after: Hash,
    /// Hash of the last.
    pub head: Hash,
}

/// Why an export is not what the hub wrote.
#[derive(Debug, Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("line {line} cannot be read")]
    Unreadable {
        /// From 1.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has no entries.
    #[error("there is no entry in it")]
    Empty,
    /// A line is no entry, or is not written as the hub writes one.
    #[error("line {line} is not an entry as the hub writes them: {because}")]
    NotAnEntry {
        /// From 1.
        line: u64,
        /// What about it.
        because: String,
    },
    /// An order number is not the next.
    #[error("after entry {before} comes entry {id}, in line {line}: {}", order(*before, *id))]
    Order {
        /// From 1.
        line: u64,
        /// Order number of the entry before.
        before: u64,
        /// Order number found.
        id: u64,
    },
    /// The content is another than it was.
    #[error("entry {id}, in line {line}, was changed after it was written{}", if *is_last { ", or the one before it" } else { "" })]
    Changed {
        /// From 1.
        line: u64,
        /// Its order number.
        id: u64,
        /// Whether nothing follows that would tell it from the one before.
        is_last: bool,
    },
    /// The time goes back.
    #[error(
        "entry {id}, in line {line}, is earlier than the one before it: somebody set the clock back, to {time}"
    )]
    Earlier {
        /// From 1.
        line: u64,
        /// Its order number.
        id: u64,
        /// Its time.
        time: String,
    },
    /// It begins with another entry than was said.
    #[error(
        "it begins with entry {id}, which does not follow the entry that was named: entries are missing before it"
    )]
    Beginning {
        /// Order number of the first entry.
        id: u64,
    },
    /// It ends with another entry than was said.
    #[error(
        "it ends with entry {id}, which is not the entry that was named: it was changed, or entries are missing after it"
    )]
    End {
        /// Order number of the last entry.
        id: u64,
    },
}

impl Broken {
    /// The line, where there is one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Unreadable { line, .. }
            | Self::NotAnEntry { line, .. }
            | Self::Order { line, .. }
            | Self::Changed { line, .. }
            | Self::Earlier { line, .. } => Some(*line),
            Self::Empty | Self::Beginning { .. } | Self::End { .. } => None,
        }
    }

    /// The entry, where there is one.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Order { id, .. }
            | Self::Changed { id, .. }
            | Self::Earlier { id, .. }
            | Self::Beginning { id }
            | Self::End { id } => Some(*id),
            Self::Unreadable { .. } | Self::NotAnEntry { .. } | Self::Empty => None,
        }
    }
}

fn order(before: u64, id: u64) -> String {
    match id.checked_sub(before) {
        Some(0) => "it stands there twice".to_owned(),
        Some(2) => format!("entry {} is missing", before + 1),
        Some(_) => format!("entries {} to {} are missing", before + 1, id - 1),
        None => "they are not in their order".to_owned(),
    }
}

/// An entry that was read, and where.
struct Placed {
    line: u64,
    entry: Entry,
    hash: Hash,
    time: Timestamp,
}

/// Reads a whole export.
///
/// # Errors
/// The first thing in it that is not as it was written.
pub fn verify(export: impl BufRead, given: Given) -> Result<Summary, Broken> {
    let mut lines = Lines { export, line: 0 };
    let first = lines.next_entry()?.ok_or(Broken::Empty)?;
    check_beginning(&first, given)?;
    let (after, from, first_id) = (first.entry.prev_hash, first.entry.time.clone(), first.entry.id);
    let mut last = first;
    while let Some(next) = lines.next_entry()? {
        if next.entry.id != last.entry.id.wrapping_add(1) {
            return Err(Broken::Order {
                line: next.line,
                before: last.entry.id,
                id: next.entry.id,
            });
        }
        if next.entry.prev_hash != last.hash {
            return Err(which_changed(&last, &next, &mut lines));
        }
        if next.time.plus(CORRECTION) < last.time {
            return Err(Broken::Earlier {
                line: next.line,
                id: next.entry.id,
                time: next.entry.time,
            });
        }
        last = next;
    }
    if given.head.is_some_and(|head| head != last.hash) {
        return Err(Broken::End { id: last.entry.id });
    }
    Ok(Summary {
        entries: last.entry.id - first_id + 1,
        first: first_id,
        last: last.entry.id,
        from,
        to: last.entry.time,
        after,
        head: last.hash,
    })
}

fn check_beginning(first: &Placed, given: Given) -> Result<(), Broken> {
    let id = first.entry.id;
    let is_named = given.after.is_none_or(|after| after == first.entry.prev_hash);
    // Only the first of all follows nothing.
    let is_genuine = (id == 1) == (first.entry.prev_hash == Hash::NONE) && id > 0;
    if is_named && is_genuine {
        Ok(())
    } else {
        Err(Broken::Beginning { id })
    }
}

/// Two entries do not fit: if the second is what the third follows, then the first was changed.
fn which_changed(first: &Placed, second: &Placed, lines: &mut Lines<impl BufRead>) -> Broken {
    let third = lines.next_entry().ok().flatten();
    let changed = |placed: &Placed, is_last| Broken::Changed {
        line: placed.line,
        id: placed.entry.id,
        is_last,
    };
    match third {
        Some(third) if third.entry.prev_hash == second.hash => changed(first, false),
        Some(_) => changed(second, false),
        None => changed(second, true),
    }
}

struct Lines<R> {
    export: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    fn next_entry(&mut self) -> Result<Option<Placed>, Broken> {
        self.line += 1;
        let line = self.line;
        let mut bytes = Vec::new();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX) + 1;
        let read = (&mut self.export).take(limit).read_until(b'\n', &mut bytes);
        read.map_err(|source| Broken::Unreadable { line, source })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.pop() != Some(b'\n') {
            let because = if bytes.len() >= LONGEST_LINE {
                "it is too long"
            } else {
                "its end is missing"
            };
            return Err(not_an_entry(line, because));
        }
        placed(line, &bytes).map(Some)
    }
}

fn not_an_entry(line: u64, because: impl Into<String>) -> Broken {
    Broken::NotAnEntry {
        line,
        because: because.into(),
    }
}

fn placed(line: u64, bytes: &[u8]) -> Result<Placed, Broken> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_an_entry(line, "it is not UTF-8"))?;
    let entry: Entry = serde_json::from_str(text).map_err(|error| not_an_entry(line, error.to_string()))?;
    if entry.to_line() != text {
        return Err(not_an_entry(line, "the same could have been written otherwise"));
    }
    let time =
        DateTime::parse_from_rfc3339(&entry.time).map_err(|_| not_an_entry(line, "its time is none"))?;
    Ok(Placed {
        line,
        hash: Hash::of(text),
        time: Timestamp::from(time.to_utc()),
        entry,
    })
}
