//! Machines and the repositories they watch.

use std::fmt::Write as _;

use super::super::text::{neutralise, plural};
use super::super::theme::{Role, Theme, parse_time};
use crate::wire::views::StatusView;

/// One machine as text.
pub fn machine(theme: &Theme, status: &StatusView) -> String {
    let since = parse_time(&status.started_at)
        .map(|at| theme.date_time(at))
        .unwrap_or_default();
    let mut text = format!(
        "{}  version {}, process {}, since {since}\n",
        theme.paint(Role::Strong, &neutralise(&status.name)),
        neutralise(&status.version),
        status.pid
    );
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(
            text,
            "  {} {value}",
            theme.paint(Role::Dim, &format!("{label:<13}"))
        );
    };
    row("socket", &neutralise(&status.socket));
    row("state", &neutralise(&status.state_directory));
    let files = match status.goal_files.as_slice() {
        [] => "those that ship with sdm".to_owned(),
        files => neutralise(&files.join(", ")),
    };
    row(
        "goal files",
        &format!(
            "{files} ({} {})",
            status.rules,
            plural(status.rules, "rule", "rules")
        ),
    );
    if let Some(problem) = &status.goal_files_problem {
        row(
            "",
            &theme.paint(
                Role::Bad,
                &format!("newer goal files are not in use: {}", neutralise(problem)),
            ),
        );
    }
    if let Some(hub) = &status.hub {
        let standing = match &hub.problem {
            None => hub.standing.clone(),
            Some(problem) => theme.paint(Role::Bad, &neutralise(problem)),
        };
        let workspaces = neutralise(&hub.workspaces.join(", "));
        row(
            "hub",
            &format!("{}  {standing}  for {workspaces}", neutralise(&hub.address)),
        );
    }
    row(
        "running now",
        &format!("{} {}", status.running, plural(status.running, "goal", "goals")),
    );
    if status.repositories.is_empty() {
        row("repositories", "none");
    }
    for (index, repository) in status.repositories.iter().enumerate() {
        let trust = if repository.trusted {
            String::new()
        } else {
            theme.paint(
                Role::Waiting,
                &format!("  not trusted: sdm trust {}", neutralise(&repository.repo)),
            )
        };
        let value = format!(
            "{}  {}  {}{trust}",
            neutralise(&repository.repo),
            neutralise(&repository.path),
            neutralise(&repository.watch)
        );
        row(if index == 0 { "repositories" } else { "" }, &value);
    }
    text
}
