//! What rules may ask about the content of a push.

use std::fmt::Debug;
use std::sync::Arc;

use aws_lc_rs::digest;
use thiserror::Error;

use crate::model::Push;

/// The tree and the changes of one push, read on demand from git objects.
///
/// Implementations are opened only when a test asks: a plan that needs no content never touches one. Paths use `/`
/// and are relative to the root of the tree; paths that are not UTF-8 appear with replacement characters.
pub trait ProjectView {
    /// Whether `path` is a file (not a directory, link or submodule) at the pushed commit.
    ///
    /// # Errors
    /// The objects cannot be read.
    fn has_file(&self, path: &str) -> Result<bool, ViewError>;

    /// All files of the tree, sorted.
    ///
    /// # Errors
    /// The objects cannot be read, or the tree exceeds the limits.
    fn files(&self) -> Result<Arc<[String]>, ViewError>;

    /// The content of a file, `None` when there is none; content past the reader's limit is an error.
    ///
    /// # Errors
    /// The objects cannot be read, or the file exceeds the limit.
    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError>;

    /// What identifies the content of a file, and whether it may be executed; `None` when there is no such file.
    ///
    /// # Errors
    /// The objects cannot be read.
    fn file_id(&self, path: &str) -> Result<Option<String>, ViewError> {
        let content = self.content(path)?;
        Ok(content.map(|content| hex::encode(digest::digest(&digest::SHA256, &content))))
    }

    /// Paths changed by the push, old and new names of renames, sorted; `None` when that cannot be known (semantics 2.5).
    ///
    /// # Errors
    /// The objects cannot be read.
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError>;
}

/// What rules may ask forges about the repository of a push; each question is a look-up that may take a moment.
pub trait ForgeView: Debug + Send + Sync {
    /// Whether its repository, or the one it was cloned from, is at one of them; nothing else is asked where it is not.
    ///
    /// # Errors
    /// Where it was cloned from cannot be read.
    fn knows(&self, push: &Push) -> Result<bool, ViewError>;

    /// Whether anybody may read the repository.
    ///
    /// # Errors
    /// The forge does not say.
    fn is_public(&self, push: &Push) -> Result<bool, ViewError>;

    /// The number of an open pull request of the branch.
    ///
    /// # Errors
    /// The forge does not say.
    fn pull_request(&self, push: &Push) -> Result<Option<u64>, ViewError>;
}

/// Why a question about a push has no answer.
#[derive(Debug, Error)]
#[error("failed to read {what}: {because}")]
pub struct ViewError {
    /// The path, object or fact.
    pub what: String,
    /// The cause.
    pub because: String,
}
