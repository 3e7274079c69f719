//! What the step that runs the reactions is told, and what it leaves.

use serde::{Deserialize, Serialize};

/// The verb of the step.
pub const VERB: &str = "react";

/// The file it leaves in the output directory: an [`Outcome`].
pub const OUTCOME_FILE: &str = "react.json";

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The reactions; they run side by side.
    pub reactions: Vec<Reaction>,
    /// Where they run, below the root of the working copy.
    pub directory: String,
    /// The changed files; `None` when they cannot be known.
    pub changed: Option<Vec<String>>,
}

/// One reaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// What it is called.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables its arguments refer to.
    pub environment: Vec<(String, String)>,
}

/// What a reaction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Go on.
    Proceed,
    /// The goal fails.
    Fail,
    /// A person has to approve.
    RequireApproval,
}

/// What came of it: each reaction with its response.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// By name.
    pub responses: Vec<(String, Response)>,
    /// The exit code that all reactions which failed have in common.
    pub code: Option<i32>,
}
