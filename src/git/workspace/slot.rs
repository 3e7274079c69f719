//! One workspace on disk, and the word it leaves behind when the process dies.
//!
//! `state` is written last after everything it promises, and made void before anything it promised changes. So a crash leaves
//! a workspace that can be used, cleaned, or only removed, and its state says which.

use std::io;

use super::record::{Tracked, decode, encode};
use crate::model::CommitSha;
use crate::runtime::directory::Directory;

/// What `state` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SlotState {
    /// Lent to somebody at this commit, under this name.
    Lent { sha: CommitSha, lending: String },
    /// Clean, at this commit.
    Clean { sha: CommitSha },
}

const STATE: &str = "state";
const RECORD: &str = "record";
const TREE: &[u8] = b"tree";
/// Largest `state`, in bytes.
const STATE_LIMIT: u64 = 256;
/// Largest `record`, in bytes.
const RECORD_LIMIT: u64 = 1 << 30;

/// The directory of one workspace.
#[derive(Debug)]
pub(super) struct SlotDirectory(Directory);

impl SlotDirectory {
    /// A new one, with an empty tree.
    pub(super) fn create(root: &Directory, name: &str) -> io::Result<Self> {
        root.create_directory(name.as_bytes())?;
        let slot = Self::open(root, name)?;
        slot.0.create_directory(TREE)?;
        Ok(slot)
    }

    pub(super) fn open(root: &Directory, name: &str) -> io::Result<Self> {
        Ok(Self(root.child(name.as_bytes())?))
    }

    pub(super) fn tree(&self) -> io::Result<Directory> {
        self.0.child(TREE)
    }

    /// `None` when there is no state, or half of one.
    pub(super) fn state(&self) -> Option<SlotState> {
        let content = self.0.read_file(STATE.as_bytes(), STATE_LIMIT).ok()?;
        let line = std::str::from_utf8(&content).ok()?.strip_suffix('\n')?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["lent", sha, lending] => Some(SlotState::Lent {
                sha: CommitSha::parse(sha).ok()?,
                lending: (*lending).to_owned(),
            }),
            ["clean", sha] => Some(SlotState::Clean {
                sha: CommitSha::parse(sha).ok()?,
            }),
            _ => None,
        }
    }

    pub(super) fn set_state(&self, state: &SlotState) -> io::Result<()> {
        let line = match state {
            SlotState::Lent { sha, lending } => format!("lent {sha} {lending}\n"),
            SlotState::Clean { sha } => format!("clean {sha}\n"),
        };
        self.0.replace_file(STATE, line.as_bytes())
    }

    /// Until the next state is set, a crash leaves something that is only removed.
    pub(super) fn void_state(&self) -> io::Result<()> {
        match self.0.unlink(STATE.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(super) fn record(&self) -> io::Result<Vec<Tracked>> {
        let data = self.0.read_file(RECORD.as_bytes(), RECORD_LIMIT)?;
        decode(&data).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the record is damaged"))
    }

    /// Keeps the record and returns it as it was written.
    pub(super) fn set_record(&self, record: &[Tracked]) -> io::Result<Vec<u8>> {
        let data = encode(record);
        self.0.replace_file(RECORD, &data)?;
        Ok(data)
    }
}
