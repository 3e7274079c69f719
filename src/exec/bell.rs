//! Tells watches when the news of their attempt have changed, so that nobody has to look again and again.
//!
//! One watcher of the file system serves all attempts. Its own thread calls [`Subscribers::ring`]; where there is no
//! such watcher (none left to give, a file system without notifications) watches look by themselves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// The watcher, shared by all watches of an executor.
pub(super) struct Bell {
    subscribers: Arc<Subscribers>,
    /// Locked while the watcher is told something, never by its own thread.
    watcher: Mutex<Option<RecommendedWatcher>>,
}

/// Who waits for which file.
#[derive(Default)]
struct Subscribers(Mutex<HashMap<PathBuf, Vec<Arc<Notify>>>>);

impl Subscribers {
    fn ring(&self, event: notify::Result<notify::Event>) {
        let Ok(event) = event else { return };
        let is_written = matches!(event.kind, EventKind::Modify(_));
        // All who had the file open for writing are gone: the attempt has ended, or was killed.
        let is_left = matches!(
            event.kind,
            EventKind::Access(AccessKind::Close(AccessMode::Write))
        );
        if !(is_written || is_left || event.need_rescan()) {
            return;
        }
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let concerned = waiting
            .iter()
            .filter(|(path, _)| event.need_rescan() || event.paths.contains(path));
        concerned
            .flat_map(|(_, bells)| bells)
            .for_each(|bell| bell.notify_one());
    }
}

impl Bell {
    /// Starts the watcher; without one, subscriptions are never rung.
    pub(super) fn new() -> Arc<Self> {
        let subscribers = Arc::<Subscribers>::default();
        let ringing = Arc::clone(&subscribers);
        let watcher = notify::recommended_watcher(move |event| ringing.ring(event))
            .inspect_err(
                |error| tracing::warn!(%error, "no watcher for files: news of attempts will come late"),
            )
            .ok();
        Arc::new(Self {
            subscribers,
            watcher: Mutex::new(watcher),
        })
    }

    /// Rings from now on whenever the file changes or its last writer is gone.
    pub(super) fn subscribe(self: &Arc<Self>, path: &Path) -> Subscription {
        let bell = Arc::<Notify>::default();
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = {
            let mut waiting = self.subscribers.0.lock().unwrap_or_else(PoisonError::into_inner);
            let bells = waiting.entry(path.to_owned()).or_default();
            bells.push(Arc::clone(&bell));
            bells.len() == 1
        };
        let is_watched = match watcher.as_mut() {
            Some(watcher) if is_first => watcher.watch(path, RecursiveMode::NonRecursive).is_ok(),
            Some(_) => true,
            None => false,
        };
        drop(watcher);
        Subscription {
            owner: Arc::clone(self),
            path: path.to_owned(),
            bell,
            is_watched,
        }
    }
}

/// One who waits; dropping it ends the waiting.
pub(super) struct Subscription {
    owner: Arc<Bell>,
    path: PathBuf,
    bell: Arc<Notify>,
    /// Whether it will be rung at all.
    pub(super) is_watched: bool,
}

impl Subscription {
    /// Completes at the next ring, at once when there was one since the last call.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watcher = self.owner.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = {
            let mut waiting = self
                .owner
                .subscribers
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let bells = waiting.entry(self.path.clone()).or_default();
            bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
            let is_last = bells.is_empty();
            if is_last {
                waiting.remove(&self.path);
            }
            is_last
        };
        if let Some(watcher) = watcher.as_mut().filter(|_| is_last) {
            // Fails when the file is gone, and then there is nothing left to watch.
            let _ = watcher.unwatch(&self.path);
        }
    }
}
