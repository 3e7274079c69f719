//! Goal files are checked first and swapped whole; a broken edit leaves the old rules running and says so (YM-21).

use std::sync::PoisonError;
use std::time::Duration;

use super::LocalDaemon;
use super::goal_watch::GoalFilesWatch;
use crate::daemon::goal_files::GoalFiles;
use crate::engine::Machine;
use crate::model::{Diagnostic, News, Severity};
use crate::runtime::lifecycle;
use crate::spec::SourceFile;

/// So long pushes wait for goal files that somebody writes.
const LONGEST_HOLD: Duration = Duration::from_secs(10);
/// Pause between two looks at whether the state directory is still there.
const STATE_CHECK: Duration = Duration::from_secs(2);
/// Pause between two house-keepings.
const HOUSE_KEEPING: Duration = Duration::from_secs(3600);

impl LocalDaemon {
    /// Reads the goal files again now.
    pub async fn reload_goal_files(&self) {
        let files = self.0.goal_files.clone();
        let rules_now = self.engine().machine().rules.definitions().len();
        let loaded = tokio::task::spawn_blocking(move || load(&files, rules_now))
            .await
            .expect("checking does not panic");
        let (text, problem) = match loaded {
            Ok(machine) => {
                let text = match machine.rules.definitions().len() {
                    1 => "goal files reloaded: 1 rule".to_owned(),
                    many => format!("goal files reloaded: {many} rules"),
                };
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
    pub(super) fn follow_goal_files(&self, watch: Option<GoalFilesWatch>) {
        if let Some(watch) = watch {
            let daemon = self.clone();
            self.tasks()
                .spawn_forever("goal files", async move { daemon.reload_on_change(watch).await });
        }
    }

    async fn reload_on_change(&self, mut watch: GoalFilesWatch) {
        let stop = self.tasks().stop_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.reload_once(&mut watch) => {}
            }
        }
    }

    /// Waits for a change and takes it over. Meanwhile pushes wait: one that brings other rules is planned by them.
    async fn reload_once(&self, watch: &mut GoalFilesWatch) {
        watch.begins_to_change().await;
        self.engine().hold_plans(true);
        if tokio::time::timeout(LONGEST_HOLD, watch.settles()).await.is_err() {
            self.engine().hold_plans(false);
            watch.settles().await;
        }
        self.reload_goal_files().await;
        self.engine().hold_plans(false);
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

/// A file that is cut off while it is written is most often valid: empty, or with fewer rules than it will have.
fn load(files: &GoalFiles, rules_now: usize) -> Result<Machine, String> {
    let sources = files
        .read()
        .map_err(|error| crate::engine::words::chain(&error))?;
    let says_nothing = |file: &&SourceFile| file.bytes.trim_ascii().is_empty();
    if let Some(empty) = sources.iter().find(says_nothing) {
        return Err(format!(
            "{} is empty; write `{NO_RULES}` if you mean it",
            empty.name
        ));
    }
    let machine = Machine::load(&sources).map_err(|problems| first_of(&problems))?;
    if rules_now > 0 && machine.rules.definitions().is_empty() && !sources.iter().any(says_no_rules) {
        return Err(format!("no rule is left; write `{NO_RULES}` if you mean it"));
    }
    Ok(machine)
}

/// What says that no rules are meant.
const NO_RULES: &str = "rules: []";

fn says_no_rules(file: &SourceFile) -> bool {
    String::from_utf8_lossy(&file.bytes)
        .lines()
        .any(|line| line.starts_with(NO_RULES))
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "rules: [{name: a, goals: {name: a, execute: {run: [x]}}}]";

    fn loaded(text: &str, rules_now: usize) -> Result<usize, String> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a.yaml"), text).unwrap();
        let machine = load(&GoalFiles::at(place.path(), &[]), rules_now);
        let from = place.path().display().to_string();
        machine
            .map(|machine| machine.rules.definitions().len())
            .map_err(|problem| problem.replace(&from, "goals"))
    }

    #[test]
    fn ym_21_a_file_that_was_cut_off_takes_no_rules_away() {
        assert_eq!(loaded(ONE, 3), Ok(1));
        assert_eq!(
            loaded(" \n", 1),
            Err("goals/a.yaml is empty; write `rules: []` if you mean it".to_owned())
        );
        assert_eq!(
            loaded("# the rules of acme\n", 1),
            Err("no rule is left; write `rules: []` if you mean it".to_owned())
        );
        assert_eq!(loaded("# none\nrules: []\n", 1), Ok(0));
        assert_eq!(loaded("# none yet\n", 0), Ok(0));
    }
}
