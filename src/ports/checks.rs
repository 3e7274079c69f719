//! Checks beside a commit: how one goal stands, or all of them, with conclusions that a status does not have (semantics 6, 7.1).

use serde::{Deserialize, Serialize};

/// A check as its forge is to show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is called; the newest of one name counts.
    pub context: String,
    /// How it stands.
    pub state: CheckState,
    /// The same for people, in a line.
    pub title: String,
    /// More of it, in Markdown; a forge shows as much of it as it has room for.
    pub summary: String,
    /// A page with everything.
    pub url: Option<String>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It has not begun.
    Queued,
    /// It has begun, or waits for somebody's word.
    InProgress,
    /// It has ended well.
    Success,
    /// It has failed.
    Failure,
    /// It ended on purpose: no verdict.
    Neutral,
    /// It did not have to be carried out.
    Skipped,
    /// Somebody or something canceled it.
    Canceled,
}

impl CheckState {
    /// Whether it has ended. A forge takes nothing back of a check that has: what goes on is a new one of its name.
    pub const fn is_completed(self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress)
    }
}

/// The one run of a check at a forge: by the number that the forge gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckRun(pub u64);

/// A run as its forge has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundCheck {
    /// Which.
    pub run: CheckRun,
    /// Whether it has ended.
    pub is_completed: bool,
}
