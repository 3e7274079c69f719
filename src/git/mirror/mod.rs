//! Bare mirrors: one per repository, fetched by commit id, shared by everything that reads.
//!
//! A mirror belongs to a repository's key, not to its address or name (threat A8), and never shares objects with another
//! one (threat I7). Its configuration is ours: libgit2 runs no hooks and no filters, and neither the pushed repository
//! nor the one fetched from can make it start anything (threat B2).
//!
//! Begin with [`Mirrors::fetch`]. A call joins a batch ([`coalesce`]); a batch holds the mirror's lock ([`layout`]),
//! gets what is missing over the network ([`download`]) or from a directory ([`local`]), looks whether it is whole
//! ([`verify`]) and keeps it reachable ([`kept`]).

mod coalesce;
mod download;
mod fetch;
mod kept;
mod layout;
mod local;
mod revision;
mod shared;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::git::address::RemoteAddress;
use crate::git::network::NetworkOptions;
use crate::git::transport::{Network, Session, failed, install};
use crate::model::{CommitSha, Repository};
use crate::ports::scm::{Heads, ScmError};

use coalesce::Batches;
use layout::Layout;
pub use upkeep::Upkeep;

/// What a session that reads is doing.
const FETCH: &str = "fetch from";

/// All mirrors beneath one directory. Clones share them.
#[derive(Clone)]
pub struct Mirrors {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    network: Arc<Network>,
    batches: Arc<Batches>,
}

impl Mirrors {
    /// Mirrors beneath `root`, which is made when the first one is. Also cuts libgit2, for the whole process, off from
    /// the git configuration of system and user.
    pub fn new(root: PathBuf, options: NetworkOptions) -> Self {
        if let Err(error) = install() {
            // Every later operation over the network says the same.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "failed to set libgit2 up"
            );
        }
        Self {
            inner: Arc::new(Inner {
                root,
                network: Arc::new(Network::new(options)),
                batches: Arc::default(),
            }),
        }
    }

    /// Where the mirror of a repository is, whether it exists or not.
    pub fn path(&self, repo: &Repository) -> PathBuf {
        self.layout(repo).path().to_owned()
    }

    /// Opens a repository's mirror for reading; cheap, and a handle belongs to one thread.
    ///
    /// # Errors
    /// Nothing has been fetched yet, or the mirror cannot be read.
    pub fn open(&self, repo: &Repository) -> Result<git2::Repository, ScmError> {
        let layout = self.layout(repo);
        layout
            .open()
            .map_err(|error| failed(&format!("open the mirror of {}", repo.slug), error))
    }

    /// Makes a commit with its history available in the mirror: at once when it is, else by one fetch that all callers
    /// for the same repository share. Stops early when `cancel` is cancelled or the future dropped and nobody else waits.
    ///
    /// # Errors
    /// The address is refused, the repository or the commit is gone (ST-27), the login is refused, a limit is exceeded,
    /// or something that may pass.
    pub async fn fetch(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        cancel: &CancellationToken,
    ) -> Result<(), ScmError> {
        let ticket = self.inner.batches.join(repo, sha);
        if ticket.starts_runner() {
            let (inner, repo, runtime) = (Arc::clone(&self.inner), repo.clone(), Handle::current());
            // Ends when the batches of this repository are done; a batch ends when nobody waits for it.
            tokio::task::spawn_blocking(move || inner.run_batches(&repo, &runtime));
        }
        tokio::select! {
            outcome = ticket.outcome() => outcome,
            () = cancel.cancelled() => Err(failed(&format!("fetch {sha}"), "it is not wanted any more")),
        }
    }

    /// The heads of the repository's branches as its address has them right now.
    ///
    /// # Errors
    /// As [`Self::fetch`], without those of commits.
    pub async fn heads(&self, repo: &Repository, cancel: &CancellationToken) -> Result<Heads, ScmError> {
        let session = self
            .inner
            .session(&repo.address, &Handle::current(), cancel.clone(), FETCH)?;
        let work = move || match session.address().local_path() {
            Some(path) => local::heads(path),
            None => download::heads(&session),
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(failed("read the heads", error)))
    }

    /// Joins small packs, trims references; for idle times. Skips mirrors that are being fetched into and is bounded
    /// per mirror, so that calling it again does the rest.
    pub async fn maintenance(&self) -> Upkeep {
        let root = self.inner.root.clone();
        let work = move || upkeep::all(&root);
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    fn layout(&self, repo: &Repository) -> Layout {
        Layout::new(&self.inner.root, &repo.key)
    }
}

impl Inner {
    fn session(
        &self,
        address: &str,
        runtime: &Handle,
        cancel: CancellationToken,
        verb: &'static str,
    ) -> Result<Arc<Session>, ScmError> {
        let address = self.allowed(address)?;
        let network = Arc::clone(&self.network);
        Ok(Session::new(network, address, runtime.clone(), cancel, verb))
    }

    fn allowed(&self, address: &str) -> Result<RemoteAddress, ScmError> {
        let policy = self.network.options().policy;
        RemoteAddress::parse_allowed(address, &policy).map_err(|error| ScmError::RefusedAddress {
            address: error.address,
            because: error.because,
        })
    }

    /// Carries out the batches of a repository until there are none; on a blocking thread.
    fn run_batches(&self, repo: &Repository, runtime: &Handle) {
        let layout = Layout::new(&self.root, &repo.key);
        let mut runner = self.batches.runner(repo);
        while let Some(batch) = runner.next() {
            let wanted = batch.wanted();
            let outcome = match self.session(&repo.address, runtime, batch.cancel_token(), FETCH) {
                Ok(session) => fetch::fetch_all(&layout, &session, &wanted),
                Err(error) => fetch::same_for_all(&wanted, error),
            };
            batch.finish(outcome);
        }
    }
}
