//! Fetching into mirrors from real servers: what arrives, what is asked for, and what must never happen.

mod access;
mod hostile;
mod push;
mod reach;
mod references;
mod trouble;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sdm::git::address::AddressPolicy;
use sdm::git::mirror::Mirrors;
use sdm::git::network::{NetworkOptions, ProxyChoice};
use sdm::model::{CommitSha, RepoSlug, Repository};
use sdm::ports::scm::ScmError;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::git_servers::TestRepository;

/// A served repository `r` with one commit, and a place for mirrors.
pub(super) struct Scene {
    pub(super) directory: TempDir,
    pub(super) repository: TestRepository,
    pub(super) first: String,
}

impl Scene {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = TestRepository::init(&directory.path().join("served/r"));
        let first = repository.commit("README.md", "hello");
        Self {
            directory,
            repository,
            first,
        }
    }

    pub(super) fn served(&self) -> PathBuf {
        self.directory.path().join("served")
    }

    pub(super) fn canary(&self) -> PathBuf {
        self.directory.path().join("CANARY")
    }

    pub(super) fn mirrors(&self, options: NetworkOptions) -> Mirrors {
        Mirrors::new(self.directory.path().join("mirrors"), options)
    }
}

pub(super) fn options() -> NetworkOptions {
    NetworkOptions {
        proxy: ProxyChoice::Direct,
        policy: AddressPolicy::LOCAL,
        deadline: Duration::from_secs(60),
        ..NetworkOptions::default()
    }
}

pub(super) fn at(address: &str) -> Repository {
    Repository {
        key: "forge:1".to_owned(),
        slug: RepoSlug::new("o", "r"),
        address: address.to_owned(),
        default_branch: None,
    }
}

pub(super) fn sha(text: &str) -> CommitSha {
    CommitSha::parse(text).unwrap()
}

pub(super) async fn fetch(mirrors: &Mirrors, repo: &Repository, commit: &str) -> Result<(), ScmError> {
    mirrors.fetch(repo, &sha(commit), &CancellationToken::new()).await
}

pub(super) fn assert_has(mirrors: &Mirrors, repo: &Repository, commit: &str, file: &str) {
    let mirror = mirrors.open(repo).unwrap();
    let commit = mirror.find_commit(git2::Oid::from_str(commit).unwrap()).unwrap();
    let entry = commit.tree().unwrap().get_path(Path::new(file)).unwrap();
    assert!(entry.to_object(&mirror).is_ok());
}
