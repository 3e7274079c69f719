//! Which errands this process carries, so that one is never carried twice, and each can be told to end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::{Errand, ErrandCause, ErrandId};

/// The errands of this process. Clones share them.
#[derive(Clone, Default)]
pub(in crate::engine) struct Errands {
    carried: Arc<Mutex<HashMap<ErrandId, Carried>>>,
    /// A hint to look again.
    pub(in crate::engine) look: Arc<Notify>,
}

/// One of them.
struct Carried {
    stop: CancellationToken,
    /// Whether it is of a listener; somebody waits for any other.
    is_of_listener: bool,
}

/// The right to carry one errand; dropping it gives it back.
pub(super) struct Claim {
    id: ErrandId,
    errands: Errands,
    stop: CancellationToken,
}

impl Errands {
    fn carried(&self) -> MutexGuard<'_, HashMap<ErrandId, Carried>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when it is carried.
    pub(super) fn claim(&self, errand: &Errand) -> Option<Claim> {
        let id = errand.id;
        let mut carried = self.carried();
        if carried.contains_key(&id) {
            return None;
        }
        let stop = CancellationToken::new();
        let one = Carried {
            stop: stop.clone(),
            is_of_listener: matches!(errand.cause, ErrandCause::Event { .. }),
        };
        carried.insert(id, one);
        Some(Claim {
            id,
            errands: self.clone(),
            stop,
        })
    }

    /// How many are carried.
    pub(super) fn count(&self) -> usize {
        self.carried().len()
    }

    /// How many of those are of listeners.
    pub(super) fn count_of_listeners(&self) -> usize {
        self.carried().values().filter(|one| one.is_of_listener).count()
    }

    /// Tells those to end that are not open any more.
    pub(super) fn stop_all_but(&self, open: &[Errand]) {
        let open: HashSet<ErrandId> = open.iter().map(|errand| errand.id).collect();
        for (id, one) in self.carried().iter() {
            if !open.contains(id) {
                one.stop.cancel();
            }
        }
    }
}

impl Claim {
    /// Completes when the errand is over by somebody's word.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.errands.carried().remove(&self.id);
        self.errands.look.notify_one();
    }
}
