//! `sdm check`: every problem in goal files, with place, cause and fix.

use std::path::{Path, PathBuf};

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalFile};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::diagnostics::{CheckView, diagnostics, summary};
use super::goal_files::GoalFiles;
use crate::daemon::goal_files::{self, GoalFilesError};
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
    args.goal_files.take_effect(context);
    let paths = match args.files.as_slice() {
        [] => context.configuration()?.goals.into_iter().collect(),
        files => files.to_vec(),
    };
    let files = read_all(context, &paths)?;
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

/// The files of all paths, named as people would name them from where they stand.
fn read_all(context: &Context, paths: &[PathBuf]) -> Result<Vec<SourceFile>, CommandError> {
    if paths.is_empty() {
        return goal_files::GoalFiles::Shipped.read().map_err(unreadable);
    }
    let directory = &context.sources.directory;
    let shown = |path: &Path| path.strip_prefix(directory).unwrap_or(path).display().to_string();
    let mut files = Vec::new();
    for path in paths {
        let source = goal_files::GoalFiles::Path(directory.join(path));
        files.extend(source.read_as(shown).map_err(unreadable)?);
    }
    Ok(files)
}

fn unreadable(error: GoalFilesError) -> CommandError {
    let hint = match &error {
        GoalFilesError::None(_) => Some("goal files end in .yaml or .yml"),
        GoalFilesError::Read { .. } | GoalFilesError::NotAFile(_) | GoalFilesError::TooMany(_) => None,
    };
    let refused = CommandError::new(ErrorKind::Bad, "").caused_by(error);
    match hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// What is quoted of a file; bytes that are no text show as replacement characters.
fn quotable(file: &SourceFile) -> GoalFile {
    GoalFile {
        name: file.name.to_string(),
        text: String::from_utf8_lossy(&file.bytes).into_owned(),
    }
}
