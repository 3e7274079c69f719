//! What the step that runs the fixes is told, and what it leaves.

use serde::{Deserialize, Serialize};

use crate::model::push::Signature;
use crate::model::{CommitSha, Timestamp};
use crate::ports::containers::ContainerOrder;

/// The verb of the step.
pub const VERB: &str = "autofix";

/// The file it leaves in the output directory: an [`Outcome`].
pub const OUTCOME_FILE: &str = "autofix.json";

/// The commits it leaves there, when there are any.
pub const PACK_FILE: &str = "autofix.pack";

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The fixes, in order.
    pub fixes: Vec<Fix>,
    /// Where they run, below the root of the working copy.
    pub directory: String,
    /// Files below the root of the working copy that no commit holds: secrets are written there meanwhile.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Author of the commits.
    pub author: Signature,
    /// Committer.
    pub committer: Signature,
    /// Time of the commits.
    pub at: Timestamp,
}

/// One fix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables its arguments refer to.
    pub environment: Vec<(String, String)>,
    /// Whether its failure is none of the goal.
    pub ignore_failure: bool,
    /// The message of its commit.
    pub message: String,
    /// The container it runs in; here when there is none.
    #[serde(default)]
    pub container: Option<ContainerOrder>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The commit it began with.
    pub base: CommitSha,
    /// The last commit made; the base when nothing was changed.
    pub head: CommitSha,
    /// Names of the fixes that changed something.
    #[serde(default)]
    pub applied: Vec<String>,
    /// Names of the fixes that failed and were ignored.
    #[serde(default)]
    pub ignored: Vec<String>,
    /// Why all of it is a failure.
    #[serde(default)]
    pub error: Option<String>,
}
