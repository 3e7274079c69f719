//! A project view held in memory: what `sdm test` and tests of rules plan against.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::view::{ProjectView, ViewError};

/// Files and changes as written down; nothing is read from anywhere.
#[derive(Debug, Clone, Default)]
pub struct MemoryView {
    files: BTreeMap<String, Vec<u8>>,
    changed: Option<Arc<[String]>>,
}

impl MemoryView {
    /// An empty tree whose changes are unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more file.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    /// The same with many empty files.
    #[must_use]
    pub fn files<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.files
            .extend(paths.into_iter().map(|path| (path.into(), Vec::new())));
        self
    }

    /// The same with known changes: old and new names of renames, deleted files too.
    #[must_use]
    pub fn changed<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        let mut paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        paths.sort();
        paths.dedup();
        self.changed = Some(paths.into());
        self
    }
}

impl ProjectView for MemoryView {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        Ok(self.files.contains_key(path))
    }

    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        Ok(self.files.keys().cloned().collect())
    }

    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.files.get(path).cloned())
    }

    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        Ok(self.changed.clone())
    }
}
