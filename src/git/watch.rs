//! Noticing that refs of a local repository moved, without hooks.
//!
//! A change on disk is a hint to look and never the truth: what is delivered is the key of a repository whose heads should be
//! read again. Hints coalesce, so memory is bounded by the number of repositories. The work tree is never watched (threat J4).
//!
//! Where the system cannot watch (limits of inotify, some file systems), or a watched directory has vanished, the repository is
//! hinted every two seconds until watching works again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::objects::failed;
use crate::ports::scm::ScmError;

/// A burst of changes is over after so long without one.
const QUIET: Duration = Duration::from_millis(2);
/// A burst is delivered after so long at the latest.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between looks at what cannot be watched.
const POLL: Duration = Duration::from_secs(2);
/// After a directory appeared: what was written into it before it was watched is seen by a second look.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Watches the refs of any number of repositories with one handle of the system.
pub struct RefWatcher {
    /// `None` where the system gives no watcher: everything is polled.
    watcher: Mutex<Option<RecommendedWatcher>>,
    hints: Arc<Hints>,
}

/// Shared with the watcher's own thread.
#[derive(Default)]
struct Hints {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    repositories: BTreeMap<String, Watched>,
    /// Keys to deliver.
    pending: BTreeSet<String>,
    /// Keys to deliver again a little later.
    second_look: BTreeSet<String>,
    /// When what cannot be watched is looked at next.
    next_poll: Option<Instant>,
}

struct Watched {
    common_dir: PathBuf,
    /// Watching failed or has ended; hinted by the clock.
    polled: bool,
}

impl RefWatcher {
    /// A watcher of nothing yet.
    pub fn new() -> Self {
        let hints = Arc::<Hints>::default();
        let receiver = Arc::clone(&hints);
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(move |event| receiver.receive(event), config)
            .inspect_err(|error| tracing::warn!(%error, "refs cannot be watched and are polled"))
            .ok();
        Self {
            watcher: Mutex::new(watcher),
            hints,
        }
    }

    /// Watches the refs of a repository by its common git directory; hints carry `key`. Adding a key again replaces it.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn add(&self, key: &str, common_dir: &Path) -> Result<(), ScmError> {
        let doing = format!("watch the refs in {}", common_dir.display());
        let common_dir = std::fs::canonicalize(common_dir).map_err(failed(doing))?;
        self.remove(key);
        let watched = Watched {
            common_dir: common_dir.clone(),
            polled: true,
        };
        self.hints.state().repositories.insert(key.to_owned(), watched);
        self.establish(key, &common_dir);
        self.hints.changed.notify_one();
        Ok(())
    }

    /// Ends watching; unknown keys are ignored.
    pub fn remove(&self, key: &str) {
        let removed = {
            let mut state = self.hints.state();
            state.pending.remove(key);
            state.second_look.remove(key);
            state.repositories.remove(key)
        };
        if let (Some(watched), Some(watcher)) = (removed, self.watcher().as_mut()) {
            for (path, _) in watched_paths(&watched.common_dir) {
                // It may have vanished by itself.
                let _ = watcher.unwatch(&path);
            }
        }
    }

    /// Waits for changes and returns the keys of the repositories to look at, once a burst is over. May be dropped at any time: no
    /// hint is lost.
    pub async fn changed(&self) -> BTreeSet<String> {
        loop {
            self.await_burst().await;
            let keys = self.hints.take();
            if !keys.is_empty() {
                return keys;
            }
        }
    }

    /// Returns when a burst is over, or the clock has added hints of its own.
    async fn await_burst(&self) {
        let wake_at = self.hints.next_look();
        if !self.hints.has_pending() && timeout_at(wake_at, self.hints.changed.notified()).await.is_err() {
            self.look_by_the_clock();
            return;
        }
        let latest = Instant::now() + PATIENCE;
        while Instant::now() < latest {
            let quiet = (Instant::now() + QUIET).min(latest);
            if timeout_at(quiet, self.hints.changed.notified()).await.is_err() {
                break;
            }
        }
        // A repository that never rests must not keep the others from being polled.
        if wake_at <= Instant::now() {
            self.look_by_the_clock();
        }
    }

    /// Hints what is due for a second look and what is polled, and tries to watch the latter.
    fn look_by_the_clock(&self) {
        for (key, common_dir) in self.hints.take_due() {
            self.establish(&key, &common_dir);
            self.hints.state().pending.insert(key);
        }
    }

    /// Tries to watch; until it works the repository is polled.
    fn establish(&self, key: &str, common_dir: &Path) {
        let mut watcher = self.watcher();
        let Some(watcher) = watcher.as_mut() else { return };
        for (path, mode) in watched_paths(common_dir) {
            // A watch that lost its directory stays registered under the path and would not be made anew.
            let _ = watcher.unwatch(&path);
            if !path.exists() && path != common_dir {
                continue;
            }
            if let Err(error) = watcher.watch(&path, mode) {
                tracing::debug!(repository = key, %error, "refs cannot be watched now and are polled");
                return;
            }
        }
        if let Some(watched) = self.hints.state().repositories.get_mut(key) {
            watched.polled = false;
        }
    }

    fn watcher(&self) -> MutexGuard<'_, Option<RecommendedWatcher>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RefWatcher {
    fn default() -> Self {
        Self::new()
    }
}

/// `HEAD` and `packed-refs` by their directory, branches and tags with all below, and the tables of the newer ref store.
fn watched_paths(common_dir: &Path) -> [(PathBuf, RecursiveMode); 4] {
    [
        (common_dir.to_owned(), RecursiveMode::NonRecursive),
        (common_dir.join("refs/heads"), RecursiveMode::Recursive),
        (common_dir.join("refs/tags"), RecursiveMode::Recursive),
        (common_dir.join("reftable"), RecursiveMode::NonRecursive),
    ]
}

impl Hints {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.state().pending)
    }

    fn has_pending(&self) -> bool {
        !self.state().pending.is_empty()
    }

    fn next_look(&self) -> Instant {
        let now = Instant::now();
        let mut state = self.state();
        // Without anything to poll this only bounds a wait that a hint ends.
        let poll = *state.next_poll.get_or_insert(now + POLL);
        if state.second_look.is_empty() {
            poll
        } else {
            poll.min(now + SECOND_LOOK)
        }
    }

    /// Makes second looks pending; returns what is polled, when it is time.
    fn take_due(&self) -> Vec<(String, PathBuf)> {
        let now = Instant::now();
        let mut state = self.state();
        let due = std::mem::take(&mut state.second_look);
        state.pending.extend(due);
        if state.next_poll.is_some_and(|poll| now < poll) {
            return Vec::new();
        }
        state.next_poll = Some(now + POLL);
        let polled = state.repositories.iter().filter(|(_, watched)| watched.polled);
        polled
            .map(|(key, watched)| (key.clone(), watched.common_dir.clone()))
            .collect()
    }

    /// Called on the watcher's thread.
    fn receive(&self, event: notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.hint_all(),
            Ok(event) => event.paths.iter().for_each(|path| self.hint(path, event.kind)),
            Err(error) => {
                tracing::warn!(%error, "refs could not be watched and are polled");
                let affected = |watched: &Watched| {
                    error.paths.is_empty()
                        || error
                            .paths
                            .iter()
                            .any(|path| path.starts_with(&watched.common_dir))
                };
                let mut state = self.state();
                state
                    .repositories
                    .values_mut()
                    .filter(|watched| affected(watched))
                    .for_each(|watched| watched.polled = true);
            }
        }
    }

    fn hint_all(&self) {
        let mut state = self.state();
        let keys: Vec<String> = state.repositories.keys().cloned().collect();
        state.pending.extend(keys);
        self.changed.notify_one();
    }

    fn hint(&self, path: &Path, kind: EventKind) {
        let is_structure = matches!(
            kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        let is_content = match kind {
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => true,
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            // Our own reading of refs ends here; anything else would be a loop.
            EventKind::Access(_) | EventKind::Modify(_) => false,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => is_structure,
        };
        if !is_structure && !is_content {
            return;
        }
        let mut state = self.state();
        let mut hinted = Vec::new();
        for (key, watched) in &mut state.repositories {
            let Ok(inside) = path.strip_prefix(&watched.common_dir) else {
                continue;
            };
            let is_root = inside.as_os_str().is_empty()
                || inside == Path::new("refs/heads")
                || inside == Path::new("refs");
            if is_root && is_structure {
                watched.polled = true;
            }
            if is_root || is_about_refs(inside) {
                hinted.push(key.clone());
            }
        }
        if hinted.is_empty() {
            return;
        }
        if is_structure {
            state.second_look.extend(hinted.iter().cloned());
        }
        state.pending.extend(hinted);
        self.changed.notify_one();
    }
}

/// Whether a path within a git directory says something about branches; locks say it when they are renamed.
fn is_about_refs(inside: &Path) -> bool {
    if inside.extension() == Some(OsStr::new("lock")) {
        return false;
    }
    inside == Path::new("HEAD")
        || inside == Path::new("packed-refs")
        || inside.starts_with("refs/heads")
        || inside.starts_with("reftable")
}

#[cfg(test)]
mod tests;
