//! One operation over the network: where it leads, how long it may take, whether it is still wanted, why it failed.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use git2::Oid;
use reqwest::Url;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Network;
use crate::git::address::RemoteAddress;
use crate::git::network::{Login, NetworkOptions};
use crate::model::time::humane;
use crate::ports::scm::ScmError;

/// Why an operation ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Ended {
    #[error("it is not wanted any more")]
    Cancelled,
    #[error("it took longer than the {} allowed for the whole operation", humane(*.0))]
    Deadline(Duration),
    #[error("the other side sent nothing for {}", humane(*.0))]
    Stalled(Duration),
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// The operation that this thread carries out.
pub(super) fn current() -> Option<Arc<Session>> {
    CURRENT.with_borrow(Clone::clone)
}

/// One operation. Made on any thread, carried out on one blocking thread.
pub(crate) struct Session {
    network: Arc<Network>,
    address: RemoteAddress,
    runtime: Handle,
    cancel: CancellationToken,
    ends: Instant,
    received: AtomicU64,
    /// Whether the answer to a look a moment ago will do.
    follows_a_look: AtomicBool,
    /// Commits that it wants and may be taken to be there.
    wanted: Mutex<Vec<Oid>>,
    /// Whether an answer was made up for them.
    has_assumed: AtomicBool,
    failure: Mutex<Option<ScmError>>,
    /// What it does, as the words before the address.
    verb: &'static str,
    /// A login of its own, in place of what is known for its origin.
    login: Option<Login>,
}

/// While it lives, libgit2's connections on this thread belong to the session.
pub(crate) struct Entered {
    // The thread-local is of this thread: not to be sent away.
    _of_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

impl Session {
    /// An operation whose deadline begins now.
    pub(crate) fn new(
        network: Arc<Network>,
        address: RemoteAddress,
        runtime: Handle,
        cancel: CancellationToken,
        verb: &'static str,
    ) -> Arc<Self> {
        Arc::new(Self::of(network, address, runtime, cancel, verb))
    }

    /// The same, not shared yet.
    pub(crate) fn of(
        network: Arc<Network>,
        address: RemoteAddress,
        runtime: Handle,
        cancel: CancellationToken,
        verb: &'static str,
    ) -> Self {
        let ends = Instant::now() + network.options().deadline;
        Self {
            network,
            address,
            runtime,
            cancel,
            ends,
            received: AtomicU64::new(0),
            follows_a_look: AtomicBool::new(false),
            wanted: Mutex::default(),
            has_assumed: AtomicBool::new(false),
            failure: Mutex::new(None),
            verb,
            login: None,
        }
    }

    /// The same with a login of its own.
    pub(crate) fn with_login(self, login: Login) -> Self {
        Self {
            login: Some(login),
            ..self
        }
    }

    /// Its own login, when it has one.
    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Makes this thread's connections belong to the session.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        CURRENT.set(Some(Arc::clone(self)));
        Entered {
            _of_this_thread: PhantomData,
        }
    }

    pub(crate) fn address(&self) -> &RemoteAddress {
        &self.address
    }

    pub(crate) fn options(&self) -> &NetworkOptions {
        self.network.options()
    }

    /// Says that this operation gets what a look has just found, so that it need not look again.
    pub(crate) fn follow_a_look(&self) {
        self.follows_a_look.store(true, Ordering::Relaxed);
    }

    pub(super) fn follows_a_look(&self) -> bool {
        self.follows_a_look.load(Ordering::Relaxed)
    }

    /// Says which commits it wants: they need not be looked for first.
    pub(crate) fn want(&self, commits: &[Oid]) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = commits.to_vec();
        self.has_assumed.store(false, Ordering::Relaxed);
    }

    /// What a server is taken to have that can do what it could (see `capabilities`); where the repository is, and the answer.
    pub(super) fn assumed(&self, asked: &Url) -> Option<(Url, Bytes)> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.is_empty() {
            return None;
        }
        let assumed = self.network.capabilities().assume(asked, &wanted)?;
        self.has_assumed.store(true, Ordering::Relaxed);
        Some(assumed)
    }

    /// Whether it failed after an assumption that may have been wrong: asking properly may help.
    pub(crate) fn assumed_wrongly(&self) -> bool {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let is_final = failure.as_ref().is_some_and(|failure| {
            matches!(
                failure,
                ScmError::LimitExceeded { .. } | ScmError::RefusedAddress { .. }
            )
        });
        self.has_assumed.load(Ordering::Relaxed) && !is_final && !self.is_cancelled()
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// Waits for something of the network, at most `patience`, and not past deadline or cancellation.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let now = Instant::now();
        let until = self.ends.min(now + patience);
        let outcome = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(Ended::Cancelled),
                outcome = tokio::time::timeout_at(until, work) => outcome.map_err(|_| self.too_late(patience)),
            }
        });
        outcome.unwrap_or_else(|ended| Err(self.fail(failed(&self.doing(), ended))))
    }

    fn too_late(&self, patience: Duration) -> Ended {
        if Instant::now() >= self.ends {
            Ended::Deadline(self.options().deadline)
        } else {
            Ended::Stalled(patience)
        }
    }

    /// Whether the operation may go on; asked by libgit2's progress callbacks, where nothing waits.
    pub(crate) fn goes_on(&self) -> bool {
        let ended = if self.cancel.is_cancelled() {
            Ended::Cancelled
        } else if Instant::now() >= self.ends {
            Ended::Deadline(self.options().deadline)
        } else {
            return true;
        };
        self.fail(failed(&self.doing(), ended));
        false
    }

    /// Counts what came in.
    pub(crate) fn count_received(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let limit = self.options().max_received_bytes;
        let total = self.received.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if total <= limit {
            return Ok(());
        }
        Err(self.fail(ScmError::LimitExceeded {
            what: format!("what {} sends", self.address),
            limit: format!("{limit} bytes"),
        }))
    }

    /// Whether so many objects are allowed.
    pub(crate) fn allows_objects(&self, objects: usize) -> bool {
        let limit = self.options().max_objects;
        let allowed = objects as u64 <= limit;
        if !allowed {
            self.fail(ScmError::LimitExceeded {
                what: format!("what {} sends", self.address),
                limit: format!("{limit} objects"),
            });
        }
        allowed
    }

    /// Keeps the precise cause (the first one) and makes the error that travels through libgit2.
    pub(crate) fn fail(&self, error: ScmError) -> io::Error {
        let text = error.to_string();
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        io::Error::other(text)
    }

    /// The precise cause kept by [`Self::fail`].
    pub(crate) fn take_failure(&self) -> Option<ScmError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) fn doing(&self) -> String {
        format!("{} {}", self.verb, self.address)
    }
}

/// A failure that may pass.
pub(crate) fn failed(doing: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ScmError {
    ScmError::Failed {
        doing: doing.to_owned(),
        source: source.into(),
    }
}
