//! `sdm check`: every problem in goal files, with place, cause and fix.

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalFile};
use super::super::render::diagnostics::{CheckView, diagnostics, summary};
use super::goal_files::{GoalFiles, quotable};
use crate::model::Severity;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Goal files or directories of them; the configured ones when absent
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `sdm check`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let files = args.goal_files.read(context, &args.files)?;
    let count = files.len();
    let checked = context
        .ui
        .while_waiting("checking goal files", || doors::check(&files));
    let found = &checked.diagnostics;
    if context.ui.json {
        context.ui.object(&CheckView::of(count, found))?;
    } else {
        let quotable: Vec<GoalFile> = files.iter().map(quotable).collect();
        let text = diagnostics(&context.ui.theme, &quotable, found);
        context.ui.data(&text)?;
        let line = summary(&context.ui.theme, count, checked.rules, found);
        context.ui.data(&format!("{line}\n"))?;
    }
    let bad = found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Ok(if bad { Exit::Bad } else { Exit::Ok })
}
