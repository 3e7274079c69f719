//! `sdm check`: every problem in goal files, with place, cause and fix.

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalFile};
use super::super::render::diagnostics::{CheckView, diagnostics, summary};
use super::goal_files::{GoalFiles, quotable};
use super::looked_at;
use crate::config::Origin;
use crate::model::Severity;
use crate::spec::SourceFile;

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
    let values = context.configuration().map(|configuration| configuration.values);
    let values = values.unwrap_or_default();
    let checked = context
        .ui
        .while_waiting("checking goal files", || doors::check(&files, Some(&values)));
    let found = &checked.diagnostics;
    let others = others(context, args, &files);
    if context.ui.json {
        let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
        let view = CheckView::of(&names, found).with_others(others.as_deref());
        context.ui.object(&view)?;
    } else {
        let quotable: Vec<GoalFile> = files.iter().map(quotable).collect();
        let text = diagnostics(&context.ui.theme, &quotable, found);
        context.ui.data(&text)?;
        let line = summary(&context.ui.theme, files.len(), checked.rules, found);
        context.ui.data(&format!("{line}\n"))?;
        let origin = origin(context, args);
        context.ui.note(&looked_at::said(&files, origin.as_ref()));
    }
    if let Some(others) = others {
        context.ui.warn(&looked_at::told(&others));
    }
    let bad = found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Ok(if bad { Exit::Bad } else { Exit::Ok })
}

/// Who chose the files that nobody named one by one.
fn origin(context: &Context, args: &Args) -> Option<Origin> {
    if !args.files.is_empty() {
        return None;
    }
    let configuration = context.configuration().ok()?;
    let entry = configuration
        .entries()
        .iter()
        .find(|entry| entry.key == "goals")?;
    Some(entry.origin.clone())
}

/// The goal files of the machine that runs here, where they are others; whoever names files means those.
fn others(context: &Context, args: &Args, files: &[SourceFile]) -> Option<Vec<String>> {
    let are_named = !args.files.is_empty() || args.goal_files.are_named();
    match are_named {
        true => None,
        false => looked_at::others_of_daemon(context, files),
    }
}
