//! What the step that runs a transform is told, and what it leaves.

use serde::{Deserialize, Serialize};

use crate::model::push::Signature;
use crate::model::{CommitSha, Timestamp};

/// The verb of the step.
pub const VERB: &str = "transform";

/// The file it leaves in the output directory: an [`Outcome`].
pub const OUTCOME_FILE: &str = "transform.json";

/// The commit it leaves there, when something changed.
pub const PACK_FILE: &str = "transform.pack";

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The programs, in order; the first that fails is the last.
    pub programs: Vec<Ordered>,
    /// Where they run, below the root of the working copy.
    pub directory: String,
    /// The message of the commit.
    pub message: String,
    /// Its author.
    pub author: Signature,
    /// Its committer.
    pub committer: Signature,
    /// Its time.
    pub at: Timestamp,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    /// What it is called.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables its arguments refer to.
    pub environment: Vec<(String, String)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The commit it began with.
    pub base: CommitSha,
    /// The commit made; the base when nothing was changed.
    pub head: CommitSha,
    /// Why all of it is a failure.
    #[serde(default)]
    pub error: Option<String>,
}
