//! What goals of other repositories are now, beside what `goals.lock` says of them: for `sdm lock`. Nothing else of the
//! program reaches for these repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::goal_files::GoalFilesError;
use super::goal_lock::{Lock, Locked, content_name, content_path, digest_of, remove_content, write_content};
use super::network;
use crate::config::Configuration;
use crate::engine::catalogue;
use crate::git::mirror::Mirrors;
use crate::git::remote::repository_of_address;
use crate::model::{CommitSha, Diagnostic, Place, Repository, Severity};
use crate::ports::scm::ScmError;
use crate::spec::{self, Reference, Referenced, SourceFile};

/// The file that holds the goals of a repository.
const GOAL_FILE: &str = "goal.yaml";

/// Why references could not be looked at.
#[derive(Debug, Error)]
pub enum ReferenceError {
    /// The lock.
    #[error(transparent)]
    Lock(#[from] GoalFilesError),
    /// The network's settings.
    #[error(transparent)]
    Network(ScmError),
    /// One of them.
    #[error("Referenced goal '{reference}' can not be created")]
    Fetch {
        /// Which.
        reference: String,
        /// Why.
        #[source]
        source: ScmError,
    },
    /// Nothing of that name.
    #[error(
        "Referenced goal '{reference}' can not be created: {address} has no tag, branch or commit `{revision}`"
    )]
    NoRevision {
        /// Which.
        reference: String,
        /// Where.
        address: String,
        /// What it has not.
        revision: String,
    },
    /// No goals there.
    #[error("Referenced goal '{reference}' can not be created: {address} has no {GOAL_FILE} at {commit}")]
    NoFile {
        /// Which.
        reference: String,
        /// Where.
        address: String,
        /// Of which commit.
        commit: String,
    },
    /// Only these are to be looked at, and there are none.
    #[error("no goal file refers to {0}")]
    NotMeant(String),
    /// What is locked cannot be had back.
    #[error("the commit {commit} of {reference} does not have what `goals.lock` says")]
    NotAsLocked {
        /// Which.
        reference: String,
        /// Which commit.
        commit: String,
    },
    /// The system says no.
    #[error("failed to write `goals.lock`")]
    Write(#[from] io::Error),
}

/// How to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockOptions {
    /// Look what references mean now, and not only at what is missing.
    pub update: bool,
    /// Only these, without their goals; all when empty.
    pub only: Vec<String>,
}

/// A reference that is to be locked, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChange {
    /// `owner/repo` or `owner/repo@ref`.
    pub by: String,
    /// What is locked; `None` for a new one.
    pub was: Option<Locked>,
    /// What it is now; `None` when nothing refers to it.
    pub now: Option<Locked>,
    /// The content that is locked, as far as it is there.
    pub before: Vec<u8>,
    /// The content now.
    pub after: Vec<u8>,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockChanges {
    /// Where the lock is.
    directory: PathBuf,
    lock: Lock,
    /// Every reference with a difference.
    pub changes: Vec<LockChange>,
    /// How many stay as they are.
    pub unchanged: usize,
    /// Why goal files could not be used with what would be locked: they are refused before anything is written.
    pub problems: Vec<Diagnostic>,
    /// The files that the problems are in.
    pub files: Vec<SourceFile>,
}

/// Compares what the goal files refer to with what is locked in their directory.
///
/// # Errors
/// The lock cannot be read, or a repository cannot be fetched.
pub async fn look(
    configuration: &Configuration,
    directory: &Path,
    files: &[SourceFile],
    options: &LockOptions,
) -> Result<LockChanges, ReferenceError> {
    let lock = Lock::read(directory)?;
    let wanted = wanted(files);
    if let Some(unknown) = options.only.iter().find(|only| !wanted.contains_key(*only)) {
        return Err(ReferenceError::NotMeant(unknown.clone()));
    }
    let place = tempfile::tempdir()?;
    let network = network::options(configuration).map_err(ReferenceError::Network)?;
    let looking = Looking {
        mirrors: Mirrors::new(place.path().to_owned(), network),
        address: &configuration.reference_address,
        directory,
        options,
    };
    let mut changes = Vec::new();
    for (by, reference) in &wanted {
        changes.extend(looking.change(by, reference, lock.references.get(by)).await?);
    }
    let unchanged = wanted.len() - changes.len();
    let gone = lock.references.iter().filter(|(by, _)| !wanted.contains_key(*by));
    changes.extend(gone.map(|(by, locked)| LockChange {
        by: by.clone(),
        was: Some(locked.clone()),
        now: None,
        before: looking.content(by),
        after: Vec::new(),
    }));
    let files = with_content(files, &looking, &wanted, &changes, &configuration.trusted_owners);
    Ok(LockChanges {
        directory: directory.to_owned(),
        lock,
        changes,
        unchanged,
        problems: problems(&files),
        files,
    })
}

/// The operator's own files, with those of others as they would be locked.
fn with_content(
    files: &[SourceFile],
    looking: &Looking<'_>,
    wanted: &BTreeMap<String, Reference>,
    changes: &[LockChange],
    trusted_owners: &[String],
) -> Vec<SourceFile> {
    let own = files.iter().filter(|file| file.referenced.is_none()).cloned();
    let content = |by: &String| {
        let changed = changes.iter().find(|change| change.by == *by);
        changed.map_or_else(|| looking.content(by), |change| change.after.clone())
    };
    let referenced = wanted.iter().map(|(by, reference)| SourceFile {
        referenced: Some(Referenced {
            by: by.clone(),
            is_trusted: trusted_owners.contains(&reference.owner),
            refused: None,
        }),
        ..SourceFile::new(&content_name(by), content(by))
    });
    own.chain(referenced).collect()
}

/// What is wrong with references, and with what they stand for; anything else is for `sdm check` to say.
fn problems(files: &[SourceFile]) -> Vec<Diagnostic> {
    let loaded = spec::load(files, catalogue());
    let of_others = files.iter().filter(|file| file.referenced.is_some());
    let names: BTreeSet<&str> = of_others.map(|file| &*file.name).collect();
    let is_reference = |place: &Place| loaded.references.iter().any(|(_, at)| at == place);
    let is_meant = |problem: &&Diagnostic| {
        let place = &problem.place;
        problem.severity == Severity::Error && (names.contains(&*place.file) || is_reference(place))
    };
    loaded.diagnostics.iter().filter(is_meant).cloned().collect()
}

/// The repositories that goal files refer to.
fn wanted(files: &[SourceFile]) -> BTreeMap<String, Reference> {
    let references: BTreeSet<Reference> = spec::load(files, catalogue())
        .references
        .into_iter()
        .map(|(reference, _)| reference)
        .collect();
    references
        .into_iter()
        .map(|reference| (reference.file(), reference))
        .collect()
}

struct Looking<'a> {
    mirrors: Mirrors,
    address: &'a str,
    directory: &'a Path,
    options: &'a LockOptions,
}

impl Looking<'_> {
    fn content(&self, by: &str) -> Vec<u8> {
        std::fs::read(content_path(self.directory, by)).unwrap_or_default()
    }

    /// What is different; what is locked and there is not asked for again unless that is wanted.
    async fn change(
        &self,
        by: &str,
        reference: &Reference,
        was: Option<&Locked>,
    ) -> Result<Option<LockChange>, ReferenceError> {
        let before = self.content(by);
        let is_whole = was.is_some_and(|was| was.sha256 == digest_of(&before));
        let only = &self.options.only;
        let is_updated = self.options.update && (only.is_empty() || only.iter().any(|only| only == by));
        let repository = self.repository(reference)?;
        let (commit, after) = match was {
            Some(_) if is_whole && !is_updated => return Ok(None),
            Some(was) if !is_updated => (was.commit.clone(), self.again(by, &repository, was).await?),
            Some(_) | None => self.now(by, reference, &repository).await?,
        };
        let now = Locked {
            address: repository.address,
            commit,
            sha256: digest_of(&after),
        };
        if is_whole && was == Some(&now) {
            return Ok(None);
        }
        Ok(Some(LockChange {
            by: by.to_owned(),
            was: was.cloned(),
            now: Some(now),
            before,
            after,
        }))
    }

    fn repository(&self, reference: &Reference) -> Result<Repository, ReferenceError> {
        let address = self
            .address
            .replace("{owner}", &reference.owner)
            .replace("{repo}", &reference.repo);
        repository_of_address(&address).map_err(|source| ReferenceError::Fetch {
            reference: reference.to_string(),
            source,
        })
    }

    /// What the reference means now.
    async fn now(
        &self,
        by: &str,
        reference: &Reference,
        repository: &Repository,
    ) -> Result<(CommitSha, Vec<u8>), ReferenceError> {
        let revision = reference.revision.as_deref();
        let found = self.mirrors.revision(repository, revision).await;
        let commit = found.map_err(|source| unfetched(by, source))?;
        let commit = commit.ok_or_else(|| ReferenceError::NoRevision {
            reference: by.to_owned(),
            address: repository.address.clone(),
            revision: revision.unwrap_or("HEAD").to_owned(),
        })?;
        let content = self.file(by, repository, &commit).await?;
        Ok((commit, content))
    }

    /// What is locked, once more.
    async fn again(
        &self,
        by: &str,
        repository: &Repository,
        was: &Locked,
    ) -> Result<Vec<u8>, ReferenceError> {
        let content = self.file(by, repository, &was.commit).await?;
        match digest_of(&content) == was.sha256 {
            true => Ok(content),
            false => Err(ReferenceError::NotAsLocked {
                reference: by.to_owned(),
                commit: was.commit.short().to_owned(),
            }),
        }
    }

    async fn file(
        &self,
        by: &str,
        repository: &Repository,
        commit: &CommitSha,
    ) -> Result<Vec<u8>, ReferenceError> {
        let content = self.mirrors.file(repository, commit, GOAL_FILE).await;
        let content = content.map_err(|source| unfetched(by, source))?;
        content.ok_or_else(|| ReferenceError::NoFile {
            reference: by.to_owned(),
            address: repository.address.clone(),
            commit: commit.short().to_owned(),
        })
    }
}

fn unfetched(by: &str, source: ScmError) -> ReferenceError {
    ReferenceError::Fetch {
        reference: by.to_owned(),
        source,
    }
}

impl LockChanges {
    /// Writes all of them: the files first, then the lock that names them, then nothing names those that go.
    ///
    /// # Errors
    /// The system says no; the old lock stays then.
    pub fn write(&self) -> Result<(), ReferenceError> {
        let mut lock = self.lock.clone();
        for change in &self.changes {
            match &change.now {
                Some(now) => {
                    write_content(&self.directory, &change.by, &change.after)?;
                    lock.references.insert(change.by.clone(), now.clone());
                }
                None => drop(lock.references.remove(&change.by)),
            }
        }
        lock.write(&self.directory)?;
        for change in self.changes.iter().filter(|change| change.now.is_none()) {
            remove_content(&self.directory, &change.by)?;
        }
        Ok(())
    }
}
