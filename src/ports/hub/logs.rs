//! Logs of goals at the hub, attempt by attempt. Offsets are those of the machine that wrote the log: whoever has read up to
//! one goes on there, and what comes twice is taken once.
//!
//! The newest logs are in the database; those that have rested for a while lie in files, of which only the places are left here.

use std::{fmt, io};

use async_trait::async_trait;

use super::HubStoreError;
use crate::model::Timestamp;

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// The workspace.
    pub workspace: String,
    /// Key of the goal in the graph. Somebody else's words: never part of a path.
    pub goal: String,
    /// From 1.
    pub attempt: u32,
}

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogState {
    /// Where the machine goes on.
    pub end: u64,
    /// Bytes that are kept.
    pub kept: u64,
    /// Bytes that came when there was no room any more.
    pub dropped: u64,
    /// Nothing more comes.
    pub is_complete: bool,
    /// When it grew last.
    pub changed: Timestamp,
}

impl Default for LogState {
    fn default() -> Self {
        Self {
            end: 0,
            kept: 0,
            dropped: 0,
            is_complete: false,
            changed: Timestamp::from_micros(0),
        }
    }
}

/// What comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogPart {
    /// Where it begins; none: behind what is there.
    pub start: Option<u64>,
    /// Where the next one begins. Without a `start`: how much further.
    pub end: u64,
    /// Its lines as JSON; empty when there are none.
    pub content: String,
    /// Nothing more comes.
    pub is_complete: bool,
    /// When.
    pub at: Timestamp,
}

/// A part that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Where it begins.
    pub start: u64,
    /// Where the next one begins.
    pub end: u64,
    /// Its lines.
    pub content: LogContent,
}

/// Where the lines of a part are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogContent {
    /// Here, as JSON.
    Here(String),
    /// In the log's file.
    InFile(FilePlace),
}

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePlace {
    /// Where it begins, in bytes.
    pub at: u64,
    /// How many bytes it has.
    pub length: u64,
}

/// Logs of goals.
#[async_trait]
pub trait GoalLogs: Send + Sync {
    /// Takes a part that begins where the log ends. Any other part changes nothing, and how the log stands says where to go
    /// on. Beyond `most` bytes parts are counted and not kept.
    async fn append_log(
        &self,
        name: &LogName,
        part: &NewLogPart,
        most: u64,
    ) -> Result<LogState, HubStoreError>;

    /// How a log stands; `None` when nothing of it has come.
    async fn log_state(&self, name: &LogName) -> Result<Option<LogState>, HubStoreError>;

    /// Attempts of a goal of which there is a log, the latest last.
    async fn logged_attempts(&self, workspace: &str, goal: &str) -> Result<Vec<u32>, HubStoreError>;

    /// Parts that end behind an offset, in order.
    async fn log_parts(&self, name: &LogName, from: u64, limit: u32) -> Result<Vec<LogPart>, HubStoreError>;

    /// Logs that have rested since a moment and are not in a file yet.
    async fn rested_logs(&self, since: Timestamp, limit: u32) -> Result<Vec<LogName>, HubStoreError>;

    /// The parts of a log that ends there are in its file now, in order; `false` when it has grown meanwhile.
    async fn file_log(
        &self,
        name: &LogName,
        end: u64,
        places: &[(u64, FilePlace)],
    ) -> Result<bool, HubStoreError>;

    /// Logs that have not grown since a moment.
    async fn old_logs(&self, since: Timestamp, limit: u32) -> Result<Vec<LogName>, HubStoreError>;

    /// Forgets a log.
    async fn drop_log(&self, name: &LogName) -> Result<(), HubStoreError>;
}

/// Where logs are that have rested: one file or object for each, of parts that are read by themselves.
#[async_trait]
pub trait RestedLogs: fmt::Debug + Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Writes the parts of a log, in place of what there is of it; where each of them is. After a crash there is what was
    /// before or what was written, whole.
    ///
    /// # Errors
    /// It cannot be written.
    async fn put(&self, name: &LogName, parts: &[String]) -> io::Result<Vec<FilePlace>>;

    /// A part of a log; `None` when there is nothing of it here.
    ///
    /// # Errors
    /// It is there and cannot be read, or is not what was written.
    async fn read(&self, name: &LogName, place: FilePlace) -> io::Result<Option<String>>;

    /// Removes a log, if it is there.
    ///
    /// # Errors
    /// It is there and stays.
    async fn remove(&self, name: &LogName) -> io::Result<()>;
}
