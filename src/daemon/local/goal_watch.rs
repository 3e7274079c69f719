//! Notices that goal files changed, and when their writer is done (YM-21).
//!
//! What the system tells of a directory is a hint; whether something changed is seen by comparing how the files look with how they
//! looked when they were last read. So a directory that went away and came back, a symbolic link that points elsewhere and
//! a hint that was lost are noticed all the same.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::daemon::goal_files::{GoalFiles, candidates};
use crate::daemon::goal_lock::{LOCK, directory_of};

/// Nothing must have changed for this long before files are read.
const QUIET: Duration = Duration::from_millis(300);
/// Pause between two looks when no hint comes.
const LOOK: Duration = Duration::from_secs(2);
/// So many quiet times an open file is waited for: who cuts a file without opening it never says that it is closed.
const PATIENCE: u32 = 15;

/// Notices changes of goal files from the moment it is made; made before they are read, so that no edit is missed.
pub(super) struct GoalFilesWatch {
    path: PathBuf,
    hints: Arc<Hints>,
    seen: Look,
    /// Watches the directory until it is dropped.
    watcher: Option<notify::RecommendedWatcher>,
}

/// What the system said.
#[derive(Debug, Default)]
struct Hints {
    changed: Notify,
    /// Files that were written to and are not closed yet.
    open: Mutex<BTreeSet<PathBuf>>,
}

/// How goal files look from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Look {
    directory: Option<(u64, u64)>,
    files: Vec<(PathBuf, Option<Outside>)>,
}

/// A file as the system describes it: device, inode, length, and when content and inode changed.
type Outside = (u64, u64, u64, (i64, i64), (i64, i64));

impl GoalFilesWatch {
    /// `None` when the files are inside the program.
    pub(super) fn begin(files: &GoalFiles) -> Option<Self> {
        let GoalFiles::Path { path, .. } = files else {
            return None;
        };
        let hints = Arc::<Hints>::default();
        let watcher = watch(path, &hints);
        Some(Self {
            path: path.clone(),
            hints,
            seen: Look::at(path),
            watcher,
        })
    }

    /// Completes when files are other than they were.
    pub(super) async fn begins_to_change(&mut self) {
        loop {
            tokio::time::timeout(LOOK, self.hints.changed.notified())
                .await
                .ok();
            if self.look().await {
                return;
            }
        }
    }

    /// Completes when nobody seems to write them any more.
    pub(super) async fn settles(&mut self) {
        let mut patience = PATIENCE;
        loop {
            tokio::time::sleep(QUIET).await;
            if self.look().await {
                patience = PATIENCE;
                continue;
            }
            patience = patience.saturating_sub(1);
            if patience == 0 || !self.is_being_written() {
                self.hints.open().clear();
                return;
            }
        }
    }

    fn is_being_written(&self) -> bool {
        let open = self.hints.open();
        self.seen.files.iter().any(|(file, _)| open.contains(file))
    }

    /// Whether anything looks other than at the last look. A directory that is another one is watched from now on.
    async fn look(&mut self) -> bool {
        let path = self.path.clone();
        let now = tokio::task::spawn_blocking(move || Look::at(&path))
            .await
            .expect("looking does not panic");
        if now.directory != self.seen.directory {
            self.hints.open().clear();
            drop(self.watcher.take());
            self.watcher = watch(&self.path, &self.hints);
        }
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

impl Hints {
    fn open(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: notify::Event) {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => self.open().extend(event.paths),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(_)) => {
                let mut open = self.open();
                for path in &event.paths {
                    open.remove(path);
                }
            }
            // What was only read; else the daemon's own look would be a hint.
            EventKind::Access(_) => return,
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Other => {}
        }
        self.changed.notify_one();
    }
}

impl Look {
    /// Files that cannot be looked at look like none.
    fn at(path: &Path) -> Self {
        let directory = directory_of(path);
        let mut files = candidates(path).unwrap_or_default();
        files.push(directory.join(LOCK));
        Self {
            directory: std::fs::metadata(&directory)
                .ok()
                .map(|found| (found.dev(), found.ino())),
            files: files.into_iter().map(with_outside).collect(),
        }
    }
}

fn with_outside(file: PathBuf) -> (PathBuf, Option<Outside>) {
    let outside = outside(&file);
    (file, outside)
}

fn outside(file: &Path) -> Option<Outside> {
    let found = std::fs::metadata(file).ok()?;
    let content = (found.mtime(), found.mtime_nsec());
    let inode = (found.ctime(), found.ctime_nsec());
    Some((found.dev(), found.ino(), found.len(), content, inode))
}

/// Hints of the directory that the files are in; without them changes are noticed a little later.
fn watch(path: &Path, hints: &Arc<Hints>) -> Option<notify::RecommendedWatcher> {
    let hints = Arc::clone(hints);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
        Ok(event) => hints.take(event),
        Err(_) => hints.changed.notify_one(),
    });
    let begun = watcher.and_then(|mut watcher| {
        watcher.watch(&directory_of(path), RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    begun
        .inspect_err(|error| {
            tracing::debug!(path = %path.display(), error = %error, "no hints of changed goal files");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Longest wait for a change that must be noticed.
    const LONG: Duration = Duration::from_secs(20);

    fn begin(path: &Path) -> GoalFilesWatch {
        GoalFilesWatch::begin(&GoalFiles::at(path, &[])).expect("a path")
    }

    async fn notices(watch: &mut GoalFilesWatch) {
        tokio::time::timeout(LONG, changes(watch))
            .await
            .expect("the change is noticed");
    }

    async fn changes(watch: &mut GoalFilesWatch) {
        watch.begins_to_change().await;
        watch.settles().await;
    }

    #[tokio::test]
    async fn ym_21_a_directory_that_went_away_and_came_back_is_watched_again() {
        let place = tempfile::tempdir().unwrap();
        let goals = place.path().join("goals");
        fs::create_dir(&goals).unwrap();
        fs::write(goals.join("a.yaml"), "rules: []").unwrap();
        let mut watch = begin(&goals);
        fs::rename(&goals, place.path().join("away")).unwrap();
        notices(&mut watch).await;
        fs::create_dir(&goals).unwrap();
        fs::write(goals.join("a.yaml"), "rules: []").unwrap();
        notices(&mut watch).await;
        fs::write(goals.join("a.yaml"), "rules: [a]").unwrap();
        notices(&mut watch).await;
    }

    #[tokio::test]
    async fn ym_21_a_link_that_points_elsewhere_and_the_file_behind_one_are_noticed() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["one", "two"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("a.yaml"), name).unwrap();
        }
        symlink("one", path("goals")).unwrap();
        let mut directory = begin(&path("goals"));
        symlink("two", path("next")).unwrap();
        fs::rename(path("next"), path("goals")).unwrap();
        notices(&mut directory).await;
        symlink("one/a.yaml", path("goals.yaml")).unwrap();
        let mut file = begin(&path("goals.yaml"));
        fs::write(path("one/a.yaml"), "another text").unwrap();
        notices(&mut file).await;
    }

    #[tokio::test]
    async fn ym_21_a_file_that_is_still_written_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.yaml");
        fs::write(&path, "rules: []").unwrap();
        let mut watch = begin(place.path());
        let mut writer = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut writer, b"rules:").unwrap();
        let early = tokio::time::timeout(QUIET * 4, changes(&mut watch)).await;
        assert!(early.is_err(), "its writer has not closed it");
        std::io::Write::write_all(&mut writer, b" [b]").unwrap();
        drop(writer);
        notices(&mut watch).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "rules: [b]");
    }
}
