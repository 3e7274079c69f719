//! A burst for one repository is one fetch: callers join the batch that runs or the one that comes next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::fetch::Outcome;
use super::shared::copy_for_one;
use crate::git::transport::failed;
use crate::model::{CommitSha, Repository};
use crate::ports::scm::ScmError;

type Key = (String, String);

fn key_of(repo: &Repository) -> Key {
    (repo.key.clone(), repo.address.clone())
}

/// Commits fetched together.
pub(super) struct Batch {
    inside: Mutex<Inside>,
    /// Cancelled when nobody waits any more.
    cancel: CancellationToken,
    outcome: watch::Sender<Option<Arc<Outcome>>>,
}

#[derive(Default)]
struct Inside {
    wanted: BTreeSet<CommitSha>,
    waiting: usize,
}

impl Batch {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inside: Mutex::default(),
            cancel: CancellationToken::new(),
            outcome: watch::Sender::new(None),
        })
    }

    pub(super) fn wanted(&self) -> Vec<CommitSha> {
        locked(&self.inside).wanted.iter().cloned().collect()
    }

    pub(super) fn cancel_token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        self.outcome.send_replace(Some(Arc::new(outcome)));
    }

    /// Joins unless everybody has left already; with `only_if_wanted` only a batch that has the commit.
    fn join(&self, sha: &CommitSha, only_if_wanted: bool) -> bool {
        let mut inside = locked(&self.inside);
        if self.cancel.is_cancelled() || (only_if_wanted && !inside.wanted.contains(sha)) {
            return false;
        }
        inside.wanted.insert(sha.clone());
        inside.waiting += 1;
        true
    }
}

#[derive(Default)]
struct Queue {
    running: Option<Arc<Batch>>,
    next: Option<Arc<Batch>>,
}

/// The batches of all repositories that are being fetched right now.
#[derive(Default)]
pub(super) struct Batches(Mutex<HashMap<Key, Queue>>);

/// One caller's part in a batch; dropping it is leaving.
pub(super) struct Ticket {
    sha: CommitSha,
    batch: Arc<Batch>,
    outcome: watch::Receiver<Option<Arc<Outcome>>>,
    starts_runner: bool,
}

impl Batches {
    pub(super) fn join(&self, repo: &Repository, sha: &CommitSha) -> Ticket {
        let mut queues = locked(&self.0);
        let is_new = !queues.contains_key(&key_of(repo));
        let queue = queues.entry(key_of(repo)).or_default();
        let ticket = |batch: &Arc<Batch>, starts_runner| Ticket {
            sha: sha.clone(),
            outcome: batch.outcome.subscribe(),
            batch: Arc::clone(batch),
            starts_runner,
        };
        if let Some(running) = queue.running.as_ref().filter(|batch| batch.join(sha, true)) {
            return ticket(running, false);
        }
        if let Some(next) = queue.next.as_ref().filter(|batch| batch.join(sha, false)) {
            return ticket(next, is_new);
        }
        let batch = queue.next.insert(Batch::new());
        batch.join(sha, false);
        ticket(batch, is_new)
    }

    /// The side that carries batches out; there is one per repository, started by the first ticket.
    pub(super) fn runner(&self, repo: &Repository) -> Runner<'_> {
        Runner {
            batches: self,
            key: key_of(repo),
        }
    }
}

impl Ticket {
    /// Whether this caller found no runner and has to start one.
    pub(super) fn starts_runner(&self) -> bool {
        self.starts_runner
    }

    /// This caller's outcome.
    pub(super) async fn outcome(&self) -> Result<(), ScmError> {
        let doing = || format!("fetch {}", self.sha);
        let mut outcome = self.outcome.clone();
        let outcome = match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(error) => return Err(failed(&doing(), error)),
        };
        match outcome.and_then(|outcome| outcome.get(&self.sha).cloned()) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(copy_for_one(&error)),
            None => Err(failed(&doing(), "the fetch ended without an outcome")),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inside = locked(&self.batch.inside);
        inside.waiting -= 1;
        if inside.waiting == 0 {
            self.batch.cancel.cancel();
        }
    }
}

/// Takes the batches of one repository in turn. When it is dropped early (a panic), whoever waits gets an error.
pub(super) struct Runner<'a> {
    batches: &'a Batches,
    key: Key,
}

impl Runner<'_> {
    /// The next batch, which new callers for the same commits may still join; `None` when there is none, and then the
    /// next caller starts a new runner.
    pub(super) fn next(&mut self) -> Option<Arc<Batch>> {
        let mut queues = locked(&self.batches.0);
        let queue = queues.get_mut(&self.key)?;
        let Some(batch) = queue.next.take() else {
            queues.remove(&self.key);
            return None;
        };
        queue.running = Some(Arc::clone(&batch));
        Some(batch)
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        // After a normal end there is nothing of ours left; a queue found here may belong to a newer runner.
        if !std::thread::panicking() {
            return;
        }
        if let Some(queue) = locked(&self.batches.0).remove(&self.key) {
            for batch in queue.running.into_iter().chain(queue.next) {
                batch.finish(Outcome::new());
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
