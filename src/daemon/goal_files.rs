//! Reading goal files: those of the operator, or those that ship with the program.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::goal_lock::{self, Lock};
use super::shipped::SHIPPED;
use crate::config::Configuration;
use crate::spec::SourceFile;

/// Goal files of one machine at most.
const MOST_FILES: usize = 1_000;
/// Bytes read of one file; the parser refuses files of more than 1 MiB, so one byte more is enough to say so.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// Where goal files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoalFiles {
    /// Those that ship with the program.
    Shipped,
    /// A file, or every `*.yaml` and `*.yml` of a directory in the order of their names, with what `goals.lock` beside them
    /// locks.
    Path {
        /// Where.
        path: PathBuf,
        /// Owners of repositories whose goals may run commands on this computer.
        trusted_owners: Vec<String>,
    },
}

/// Why goal files could not be read.
#[derive(Debug, Error)]
pub enum GoalFilesError {
    /// The system says no.
    #[error("failed to read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not a regular file.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// An empty directory.
    #[error("{0} has no goal files (*.yaml)")]
    None(PathBuf),
    /// A lock that is none.
    #[error("{path} cannot be used: {because}")]
    Lock {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        because: String,
    },
    /// Too many.
    #[error("{0} has more than {MOST_FILES} goal files")]
    TooMany(PathBuf),
}

impl GoalFiles {
    /// From the configuration.
    pub fn new(configuration: &Configuration) -> Self {
        match &configuration.goals {
            None => Self::Shipped,
            Some(path) => Self::at(path, &configuration.trusted_owners),
        }
    }

    /// Of a path.
    pub fn at(path: &Path, trusted_owners: &[String]) -> Self {
        Self::Path {
            path: path.to_owned(),
            trusted_owners: trusted_owners.to_vec(),
        }
    }

    /// Reads all of them, bounded, without waiting on anything that is not a plain file (threats B5, B7).
    ///
    /// # Errors
    /// One cannot be read; none are given then.
    pub fn read(&self) -> Result<Vec<SourceFile>, GoalFilesError> {
        self.read_as(|path| path.display().to_string())
    }

    /// The same with other names: `shown` says how people are to see a path.
    ///
    /// # Errors
    /// One cannot be read; none are given then.
    pub fn read_as(&self, shown: impl Fn(&Path) -> String) -> Result<Vec<SourceFile>, GoalFilesError> {
        match self {
            Self::Shipped => Ok(SHIPPED.iter().map(|(name, text)| shipped(name, text)).collect()),
            Self::Path { path, trusted_owners } => {
                let own = paths(path)?;
                let own = own.iter().map(|path| read(path, &shown(path)));
                let mut files: Vec<SourceFile> = own.collect::<Result<_, _>>()?;
                let directory = goal_lock::directory_of(path);
                files.extend(Lock::read(&directory)?.files(&directory, trusted_owners, shown));
                Ok(files)
            }
        }
    }
}

fn shipped(name: &str, text: &str) -> SourceFile {
    SourceFile::new(&format!("sdm:goals/{name}"), text)
}

/// The files a path stands for.
fn paths(path: &Path) -> Result<Vec<PathBuf>, GoalFilesError> {
    let found = candidates(path)?;
    match found.is_empty() {
        true => Err(GoalFilesError::None(path.to_owned())),
        false => Ok(found),
    }
}

/// The same without a complaint where a directory has none.
pub(super) fn candidates(path: &Path) -> Result<Vec<PathBuf>, GoalFilesError> {
    let failed = |source| GoalFilesError::Read {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let candidate = entry.map_err(failed)?.path();
        let is_yaml = candidate
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        let is_hidden = candidate
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_yaml && !is_hidden {
            found.push(candidate);
        }
        if found.len() > MOST_FILES {
            return Err(GoalFilesError::TooMany(path.to_owned()));
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn read(path: &Path, name: &str) -> Result<SourceFile, GoalFilesError> {
    let failed = |source| GoalFilesError::Read {
        path: path.to_owned(),
        source,
    };
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(GoalFilesError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(SourceFile::new(name, bytes))
}
