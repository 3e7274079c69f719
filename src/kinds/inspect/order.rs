//! What the step that runs the inspections is told, and what it leaves.

use serde::{Deserialize, Serialize};

use crate::model::ReviewComment;

/// The verb of the step.
pub const VERB: &str = "inspect";

/// The file it leaves in the output directory: an [`Outcome`].
pub use crate::ports::executor::REVIEW_FILE as OUTCOME_FILE;

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The inspections; they run side by side.
    pub inspections: Vec<Inspection>,
    /// Where they run, below the root of the working copy.
    pub directory: String,
}

/// One inspection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// What it is called.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables its arguments refer to.
    pub environment: Vec<(String, String)>,
    /// Format of the report.
    pub report: String,
    /// Where it leaves the report, below the root of the working copy, or a [glob](is_glob) of several; standard output when
    /// absent.
    #[serde(default)]
    pub report_file: Option<String>,
    /// Pattern of lines.
    #[serde(default)]
    pub pattern: Option<String>,
    /// It was carried out in containers by an earlier step, and what it reports is kept.
    #[serde(default)]
    pub in_containers: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Everything that was said.
    pub comments: Vec<ReviewComment>,
    /// How much more was said than is kept.
    pub left_out: u64,
    /// Inspections that failed, each with its reason.
    pub errors: Vec<String>,
    /// The exit code that all programs which did not end with 0 have in common.
    pub code: Option<i32>,
}

/// Whether a report file is several: all that the glob means.
pub fn is_glob(report_file: &str) -> bool {
    report_file.contains(['*', '?', '[', '{'])
}
