//! The project of one push as tests see it: the view, asked as little as possible.

use std::cell::OnceCell;
use std::sync::Arc;

use super::patterns::{CompiledPatterns, PatternId, PatternMatches};
use super::view::{ProjectView, ViewError};

/// Globs of a rule set, by what they are matched against.
#[derive(Debug)]
pub struct ProjectPatterns {
    /// Against all files of the tree.
    pub tree: CompiledPatterns,
    /// Against the changed files.
    pub changed: CompiledPatterns,
}

/// A view with its listings and glob matches remembered for one evaluation. Failures are not remembered.
pub struct Project<'a> {
    view: &'a dyn ProjectView,
    patterns: &'a ProjectPatterns,
    files: OnceCell<Arc<[String]>>,
    changed: OnceCell<Option<Arc<[String]>>>,
    in_tree: OnceCell<PatternMatches>,
    in_changed: OnceCell<PatternMatches>,
}

impl<'a> Project<'a> {
    /// Asks nothing yet.
    pub fn new(view: &'a dyn ProjectView, patterns: &'a ProjectPatterns) -> Self {
        Self {
            view,
            patterns,
            files: OnceCell::new(),
            changed: OnceCell::new(),
            in_tree: OnceCell::new(),
            in_changed: OnceCell::new(),
        }
    }

    /// Whether the path is a file: a look-up, never a listing.
    ///
    /// # Errors
    /// The view's.
    pub fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        self.view.has_file(path)
    }

    /// A file's content.
    ///
    /// # Errors
    /// The view's.
    pub fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        self.view.content(path)
    }

    /// All files, listed once.
    ///
    /// # Errors
    /// The view's.
    pub fn files(&self) -> Result<&[String], ViewError> {
        Ok(once(&self.files, || self.view.files())?)
    }

    /// The changed files, listed once; `None` when they cannot be known.
    ///
    /// # Errors
    /// The view's.
    pub fn changed_files(&self) -> Result<Option<&[String]>, ViewError> {
        Ok(once(&self.changed, || self.view.changed_files())?.as_deref())
    }

    /// The files that a registered glob matches.
    ///
    /// # Errors
    /// The view's.
    pub fn matching_files(&self, pattern: PatternId) -> Result<impl Iterator<Item = &str>, ViewError> {
        let files = self.files()?;
        let matches = self.in_tree.get_or_init(|| self.patterns.tree.matches(files));
        Ok(matches.of(pattern).iter().map(|index| files[*index].as_str()))
    }

    /// The changed files that a registered glob matches; `None` when the changes cannot be known.
    ///
    /// # Errors
    /// The view's.
    pub fn matching_changes(
        &self,
        pattern: PatternId,
    ) -> Result<Option<impl Iterator<Item = &str>>, ViewError> {
        let Some(changed) = self.changed_files()? else {
            return Ok(None);
        };
        let matches = self
            .in_changed
            .get_or_init(|| self.patterns.changed.matches(changed));
        Ok(Some(
            matches.of(pattern).iter().map(|index| changed[*index].as_str()),
        ))
    }
}

/// The remembered value, or a fresh one that is remembered from now on.
fn once<T>(cell: &OnceCell<T>, ask: impl FnOnce() -> Result<T, ViewError>) -> Result<&T, ViewError> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let value = ask()?;
    Ok(cell.get_or_init(|| value))
}
