//! `sdm check`: every problem in goal files, with place, cause and fix.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalFile};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::diagnostics::{CheckView, diagnostics, summary};
use super::goal_files::GoalFiles;
use crate::model::Severity;

/// Most bytes of a goal file.
const LARGEST: u64 = 4 << 20;

/// Most files in a directory.
const MOST: usize = 10_000;

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
        .while_waiting("checking goal files", || doors::check(files.clone()))?;
    let found = &checked.diagnostics;
    if context.ui.json {
        context.ui.object(&CheckView::of(count, found))?;
    } else {
        let text = diagnostics(&context.ui.theme, &files, found);
        context.ui.data(&text)?;
        let line = summary(&context.ui.theme, count, checked.rules, found);
        context.ui.data(&format!("{line}\n"))?;
    }
    let bad = found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Ok(if bad { Exit::Bad } else { Exit::Ok })
}

fn read_all(context: &Context, paths: &[PathBuf]) -> Result<Vec<GoalFile>, CommandError> {
    let mut files = Vec::new();
    for path in paths {
        let absolute = context.sources.directory.join(path);
        if absolute.is_dir() {
            for file in goal_files(&absolute).map_err(|error| unreadable(path, error))? {
                files.push(read(&file, &shown(context, &file))?);
            }
        } else {
            files.push(read(&absolute, &path.display().to_string())?);
        }
    }
    if files.is_empty() && !paths.is_empty() {
        let message = format!(
            "there is no goal file in {}",
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        );
        return Err(CommandError::new(ErrorKind::Bad, message).hint("goal files end in .yaml or .yml"));
    }
    Ok(files)
}

/// Relative to where we stand, when it is below.
fn shown(context: &Context, path: &Path) -> String {
    path.strip_prefix(&context.sources.directory)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The goal files of a directory, by name.
fn goal_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_goal_file = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    let entries = std::fs::read_dir(directory)?.take(MOST);
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(is_goal_file)
        .collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path, name: &str) -> Result<GoalFile, CommandError> {
    let failed = |error| unreadable(Path::new(name), error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(CommandError::new(
            ErrorKind::Bad,
            format!("the goal file {name} is larger than 4 MiB"),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        CommandError::new(
            ErrorKind::Bad,
            format!("the goal file {name} is not UTF-8: see line {line}"),
        )
    })?;
    Ok(GoalFile {
        name: name.to_owned(),
        text,
    })
}

fn unreadable(path: &Path, error: std::io::Error) -> CommandError {
    CommandError::new(
        ErrorKind::Bad,
        format!("failed to read the goal file {}", path.display()),
    )
    .caused_by(error)
}
