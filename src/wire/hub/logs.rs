//! Logs of goals on their way from our machines to our hub, and as the hub shows them.
//!
//! A part begins where the hub says that the log ends; the hub takes no other, and each answer says where to go on. So
//! what is sent twice is kept once, and nothing is left out unless it is said to be lost.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// Where it begins, in bytes of the machine's own log.
    pub from: u64,
    /// Where the next part begins.
    pub next: u64,
    /// Something that belongs behind these lines is lost.
    #[serde(default)]
    pub lost: bool,
    /// Nothing follows.
    #[serde(default)]
    pub complete: bool,
    /// Its lines, in order.
    pub lines: Vec<LoggedLine>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedLine {
    /// Where it is in the machine's log.
    pub offset: u64,
    /// When, in microseconds since 1970.
    pub at: Timestamp,
    /// `out`, `err` or `sdm`.
    pub stream: String,
    /// Its text, without its end.
    pub text: String,
}

/// The hub's answer to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTaken {
    /// Where the machine goes on.
    pub next: u64,
}
