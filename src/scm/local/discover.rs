//! Where a repository keeps what all its working trees share, and where git looks for its hooks.

use std::path::{Path, PathBuf};

use git2::Repository;
use thiserror::Error;

/// Why there is no repository.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// Neither the directory nor one above it.
    #[error("{} is not in a git repository", path.display())]
    NotARepository {
        /// The directory.
        path: PathBuf,
        /// What git says.
        #[source]
        source: git2::Error,
    },
    /// It is there and cannot be used.
    #[error("failed to read the git configuration of {}", path.display())]
    Configuration {
        /// The directory.
        path: PathBuf,
        /// What git says.
        #[source]
        source: git2::Error,
    },
}

/// A repository's directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPaths {
    /// Shared by all working trees: refs, objects, hooks.
    pub common: PathBuf,
    /// The working tree, unless the repository is bare.
    pub worktree: Option<PathBuf>,
    /// Where git runs hooks from.
    pub hooks: PathBuf,
    /// `core.hooksPath` names a directory outside of this repository, which others may share.
    pub hooks_are_foreign: bool,
}

/// Finds the repository of a directory, also from inside of `.git`, of a linked working tree or a bare repository.
///
/// # Errors
/// There is none, or it belongs to somebody else and git does not trust it.
pub fn discover(path: &Path) -> Result<RepositoryPaths, DiscoverError> {
    let not_found = |source| DiscoverError::NotARepository {
        path: path.to_owned(),
        source,
    };
    let repository = Repository::discover(path).map_err(not_found)?;
    let common = real(repository.commondir());
    let worktree = repository.workdir().map(real);
    let configured = hooks_path(&repository).map_err(|source| DiscoverError::Configuration {
        path: path.to_owned(),
        source,
    })?;
    // Relative to where git runs hooks: the top of the working tree, or the git directory of a bare repository.
    let base = worktree.clone().unwrap_or_else(|| common.clone());
    let hooks = configured.map_or_else(|| common.join("hooks"), |hooks| base.join(hooks));
    let hooks = real(&hooks);
    let inside = |directory: &PathBuf| hooks.starts_with(directory);
    let hooks_are_foreign = !inside(&common) && !worktree.as_ref().is_some_and(inside);
    Ok(RepositoryPaths {
        common,
        worktree,
        hooks,
        hooks_are_foreign,
    })
}

/// The directory all working trees share, when `path` is in a repository.
pub fn common_directory(path: &Path) -> Option<PathBuf> {
    Repository::discover(path)
        .ok()
        .map(|repository| real(repository.commondir()))
}

fn hooks_path(repository: &Repository) -> Result<Option<PathBuf>, git2::Error> {
    match repository.config()?.snapshot()?.get_path("core.hooksPath") {
        Ok(path) if path.as_os_str().is_empty() => Ok(None),
        Ok(path) => Ok(Some(path)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize()
        .unwrap_or_else(|_| path.components().collect())
}
