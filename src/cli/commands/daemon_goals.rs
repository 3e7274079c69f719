//! Whether the daemon plans with the goal files that a command reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::context::Context;
use super::super::text::neutralise;
use crate::config::Configuration;
use crate::daemon::goal_files::GoalFiles;
use crate::wire::views::StatusView;

/// A daemon that takes longer is not waited for: only a remark depends on it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says so when a daemon watches this repository with other goal files than those that this command is about to use, which
/// nobody named on its command line.
pub(super) fn remark(context: &Context, configuration: &Configuration) {
    if context.flags.goals.is_some() || context.ui.json {
        return;
    }
    let Some(status) = context
        .client()
        .ok()
        .and_then(|client| client.with_patience(PATIENCE).status().ok())
    else {
        return;
    };
    if context.repository_here(&status).is_some() && !plans_with(&status, configuration) {
        context.ui.note(&format!(
            "the daemon uses other goal files here: {}; name them with --goals, or see what it planned with `sdm explain --stored`",
            shown(&status)
        ));
    }
}

/// Whether these are the daemon's goal files.
pub(super) fn plans_with(status: &StatusView, configuration: &Configuration) -> bool {
    let own = GoalFiles::new(configuration).read().unwrap_or_default();
    let own: BTreeSet<PathBuf> = own.iter().map(|file| real(&file.name)).collect();
    let theirs: BTreeSet<PathBuf> = status.goal_files.iter().map(|name| real(name)).collect();
    own == theirs
}

/// A daemon's goal files, for people.
pub(super) fn shown(status: &StatusView) -> String {
    match status.goal_files.as_slice() {
        [first, ..] if first.starts_with("sdm:") => "those that ship with sdm".to_owned(),
        files => neutralise(&files.join(", ")),
    }
}

fn real(name: &str) -> PathBuf {
    let path = Path::new(name);
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
