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
    /// What for.
    #[serde(default)]
    pub purpose: Purpose,
}

/// What becomes of the changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// They are a commit in the repository.
    #[default]
    Transform,
    /// The files of a seed, changed or not, begin a new repository.
    Generate,
}

impl Purpose {
    /// What the log says when the programs have ended; with the commit, where they changed something.
    pub fn words(self, made: Option<&CommitSha>) -> String {
        match (self, made) {
            (Self::Transform, None) => "nothing was changed".to_owned(),
            (Self::Transform, Some(sha)) => format!("files were changed: committed as {}", sha.short()),
            (Self::Generate, None) => "the new repository has the files of the seed as they are".to_owned(),
            (Self::Generate, Some(_)) => {
                "the new repository has the files of the seed as they were changed".to_owned()
            }
        }
    }
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
