//! `sdm hooks add` and `remove`.

use std::path::PathBuf;

use serde_json::json;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::scm::local::discover::{DiscoverError, RepositoryPaths, discover};
use crate::scm::local::hooks::{Change, HookError, HookReport, add, remove};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum HooksCommand {
    /// Put sdm's part into the git hooks; what is there already stays and runs
    Add(Args),
    /// Take sdm's part out again, byte for byte
    Remove(Args),
}

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Repository, instead of the one we stand in
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Also in a directory of hooks that lies outside of the repository (core.hooksPath)
    #[arg(long)]
    shared: bool,
}

/// `sdm hooks`.
pub(super) fn run(context: &mut Context, command: &HooksCommand) -> CommandResult {
    let (HooksCommand::Add(args) | HooksCommand::Remove(args)) = command;
    let paths = discover(&context.absolute(&args.path))?;
    let reports = match command {
        HooksCommand::Add(_) => add(&paths, args.shared)?,
        HooksCommand::Remove(_) => remove(&paths, args.shared)?,
    };
    report(context, &paths, &reports)
}

/// Says what happened to each hook; a hook that could not be edited makes the outcome bad.
pub(super) fn report(
    context: &mut Context,
    paths: &RepositoryPaths,
    reports: &[HookReport],
) -> CommandResult {
    if context.ui.json {
        let rows: Vec<_> = reports.iter().map(row).collect();
        context.ui.object(&json!({ "hooks": rows }))?;
    } else {
        let text: String = reports
            .iter()
            .filter_map(|report| {
                Some(format!(
                    "{} {}\n",
                    words(*report.outcome.as_ref().ok()?),
                    report.path.display()
                ))
            })
            .collect();
        context.ui.data(&super::super::text::neutralise_lines(&text))?;
        if !text.is_empty() {
            context.ui.data("\n")?;
        }
    }
    let mut hint = None;
    for error in reports.iter().filter_map(|report| report.outcome.as_ref().err()) {
        context.ui.warn(&full(error));
        hint = Some(error.hint());
    }
    if let Some(hint) = hint {
        context.ui.note(&format!("hint: {hint}"));
    }
    if reports
        .iter()
        .any(|report| matches!(report.outcome, Ok(Change::Created | Change::Added)))
        && paths
            .worktree
            .as_ref()
            .is_some_and(|tree| paths.hooks.starts_with(tree) && !paths.hooks.starts_with(&paths.common))
    {
        context
            .ui
            .note("these hooks lie in the working tree (core.hooksPath); git may show them as changed");
    }
    Ok(if hint.is_some() { Exit::Bad } else { Exit::Ok })
}

fn full(error: &HookError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn row(report: &HookReport) -> serde_json::Value {
    let (outcome, because) = match &report.outcome {
        Ok(change) => (words(*change), None),
        Err(error) => ("refused", Some(full(error))),
    };
    json!({"path": report.path.display().to_string(), "outcome": outcome, "because": because})
}

const fn words(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Added => "added",
        Change::Updated => "updated",
        Change::Unchanged => "unchanged",
        Change::Removed => "removed",
        Change::Deleted => "deleted",
    }
}

impl From<DiscoverError> for CommandError {
    fn from(error: DiscoverError) -> Self {
        Self::from_error(ErrorKind::Bad, error).hint("run it in a git repository, or name one")
    }
}

impl From<HookError> for CommandError {
    fn from(error: HookError) -> Self {
        let hint = error.hint();
        Self::from_error(ErrorKind::Refused, error).hint(hint)
    }
}
