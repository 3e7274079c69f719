//! Goal files are checked first and swapped whole; a broken edit leaves the old rules running and says so (YM-21).

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::LocalDaemon;
use crate::daemon::goal_files::GoalFiles;
use crate::daemon::goal_lock::LOCK;
use crate::engine::Machine;
use crate::model::{Diagnostic, News, Severity};
use crate::runtime::lifecycle;

/// Quiet time after a change before files are read.
const QUIET: Duration = Duration::from_millis(50);
/// Pause between two looks at whether the state directory is still there.
const STATE_CHECK: Duration = Duration::from_secs(2);
/// Pause between two house-keepings.
const HOUSE_KEEPING: Duration = Duration::from_secs(3600);

impl LocalDaemon {
    /// Reads the goal files again now.
    pub async fn reload_goal_files(&self) {
        let files = self.0.goal_files.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&files))
            .await
            .expect("checking does not panic");
        let (text, problem) = match loaded {
            Ok(machine) => {
                let text = format!("goal files reloaded: {} rules", machine.rules.definitions().len());
                self.engine().swap_machine(machine);
                if let Some(team) = &self.0.team {
                    team.announce_again();
                }
                (text, None)
            }
            Err(problem) => (
                format!("goal files not reloaded, the old rules stay: {problem}"),
                Some(problem),
            ),
        };
        let is_news = problem.is_some() || self.has_problem();
        *self
            .0
            .goal_files_problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = problem;
        tracing::info!("{text}");
        lifecycle::notify_status(&text);
        let news = News::Message { text, repo: None };
        if let Err(error) = self.engine().store().say(&news, self.engine().now()).await {
            tracing::warn!(error = %error, is_news, "a message could not be stored");
        }
    }

    fn has_problem(&self) -> bool {
        self.0
            .goal_files_problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Reloads whenever the operator's goal files change.
    pub(super) fn follow_goal_files(&self, watch: GoalFilesWatch) {
        if watch.is_needed {
            let daemon = self.clone();
            self.tasks()
                .spawn_forever("goal files", async move { daemon.reload_on_change(watch).await });
        }
    }

    async fn reload_on_change(&self, watch: GoalFilesWatch) {
        let stop = self.tasks().stop_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = watch.changed.notified() => {}
            }
            while tokio::time::timeout(QUIET, watch.changed.notified())
                .await
                .is_ok()
            {}
            self.reload_goal_files().await;
        }
    }

    /// Signs of life for the service manager, and forgetting what is old.
    pub(super) fn keep_house(&self) {
        let daemon = self.clone();
        self.tasks()
            .spawn_forever("house keeping", async move { daemon.house_keeping().await });
        let daemon = self.clone();
        self.tasks().spawn_forever(
            "state directory",
            async move { daemon.guard_state_directory().await },
        );
        if let Some(interval) = lifecycle::watchdog_interval() {
            let stop = self.tasks().stop_token();
            self.tasks().spawn_forever("watchdog", async move {
                while tokio::time::timeout(interval, stop.cancelled()).await.is_err() {
                    lifecycle::notify_alive();
                }
            });
        }
    }

    /// Ends, which ends the machine, when the state directory is not ours any more: better than to take on work that
    /// nobody would ever find again.
    async fn guard_state_directory(&self) {
        let stop = self.tasks().stop_token();
        while tokio::time::timeout(STATE_CHECK, stop.cancelled()).await.is_err() {
            if !self.0.state.is_still_ours() {
                let path = self.0.configuration.state_directory.display();
                tracing::error!("the state directory {path} was removed or replaced while the machine ran");
                return;
            }
        }
    }

    async fn house_keeping(&self) {
        let stop = self.tasks().stop_token();
        let kept = Duration::from_secs(u64::from(self.0.configuration.retention_days) * 86_400);
        while tokio::time::timeout(HOUSE_KEEPING, stop.cancelled())
            .await
            .is_err()
        {
            self.forget_older_than(kept).await;
            self.engine().tidy_files().await;
            if self.engine().running() == 0 {
                self.engine().parts.scm.maintain().await;
            }
        }
    }

    async fn forget_older_than(&self, kept: Duration) {
        let now = self.engine().now().as_micros();
        let age = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        let before = crate::model::Timestamp::from_micros(now.saturating_sub(age));
        match self.engine().store().prune(before).await {
            Ok(attempts) => {
                for attempt in &attempts {
                    self.engine().executor().forget(attempt).await.ok();
                }
            }
            Err(error) => tracing::warn!(error = %error, "old goal sets could not be removed"),
        }
    }
}

fn load(files: &GoalFiles) -> Result<Machine, String> {
    let sources = files
        .read()
        .map_err(|error| crate::engine::words::chain(&error))?;
    Machine::load(&sources).map_err(|problems| first_of(&problems))
}

fn first_of(problems: &[Diagnostic]) -> String {
    let errors: Vec<_> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    let more = match errors.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more; see `sdm check`)", many - 1),
    };
    errors.first().map_or_else(String::new, |problem| {
        format!("{}: {}{more}", problem.place, problem.message)
    })
}

/// Notices changes of goal files from the moment it is made; made before they are read, so that no edit is missed.
pub(super) struct GoalFilesWatch {
    changed: Arc<Notify>,
    is_needed: bool,
    /// Watches until it is dropped.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl GoalFilesWatch {
    pub(super) fn begin(files: &GoalFiles) -> Self {
        let changed = Arc::new(Notify::new());
        let GoalFiles::Path { path, .. } = files else {
            return Self {
                changed,
                is_needed: false,
                _watcher: None,
            };
        };
        let watcher = watch(path, Arc::clone(&changed)).inspect_err(|error| {
            tracing::warn!(path = %path.display(), error = %error, "goal files cannot be watched; send HUP to reload");
        });
        Self {
            changed,
            is_needed: true,
            _watcher: watcher.ok(),
        }
    }
}

fn watch(path: &Path, changed: Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    let is_file = path.is_file();
    let own_name = path.file_name().map(std::ffi::OsStr::to_owned);
    let directory = if is_file {
        path.parent().unwrap_or(path)
    } else {
        path
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns_us = |event: &notify::Event| {
            !event.kind.is_access()
                && (!is_file
                    || event.paths.iter().any(|path| {
                        let name = path.file_name();
                        name == own_name.as_deref() || name.is_some_and(|name| name == LOCK)
                    }))
        };
        if event.as_ref().map_or(true, concerns_us) {
            changed.notify_one();
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
