//! Goal files that a directory brings along, such as a cloned repository's own: used once somebody has looked and said
//! so, never silently (threat J2). Explaining and checking them runs nothing and asks nobody.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::text::neutralise;
use crate::config::{Configuration, Origin, create_private_directory};
use crate::daemon::goal_files::GoalFiles;

/// Directories of goal files that were confirmed, one canonical path a line.
const CONFIRMED: &str = "confirmed-goals";

/// Leaves the configuration as it is when its goal files were chosen by flag, environment or the user's own files, or are
/// confirmed; asks on a terminal; else goes on with those that ship.
pub(super) fn confirm(
    context: &Context,
    mut configuration: Configuration,
    confirmed_now: bool,
) -> Result<Configuration, CommandError> {
    let Some(goals) = brought_along(context, &configuration) else {
        return Ok(configuration);
    };
    if are_those_that_ship(&goals) {
        configuration.goals = None;
        return Ok(configuration);
    }
    let known = configuration.state_directory.join(CONFIRMED);
    if confirmed_now || ask_unless_confirmed(context, &goals, &known)? {
        remember(&configuration.state_directory, &known, &goals)?;
        return Ok(configuration);
    }
    let shown = neutralise(&goals.display().to_string());
    context.ui.warn(&format!(
        "{shown} is not used: nobody has confirmed it; the goal files that ship with sdm apply"
    ));
    context
        .ui
        .note("hint: look at them with `sdm explain`, then name them with `--goals` or start with `--trust`");
    configuration.goals = None;
    Ok(configuration)
}

/// The goal files when it was the working directory that named them.
fn brought_along(context: &Context, configuration: &Configuration) -> Option<PathBuf> {
    let goals = configuration.goals.clone()?;
    let from_here = match configuration.origin("goals")? {
        Origin::Default => true,
        Origin::File(file) => {
            file.parent() == Some(&context.sources.directory) && context.flags.config.is_none()
        }
        Origin::Flag(_) | Origin::Variable(_) => false,
    };
    from_here.then(|| goals.canonicalize().unwrap_or(goals))
}

/// Nobody needs to be asked about what is inside the program anyway, as in the program's own repository.
fn are_those_that_ship(goals: &Path) -> bool {
    let texts = |files: GoalFiles| -> Option<Vec<Vec<u8>>> {
        Some(files.read().ok()?.into_iter().map(|file| file.bytes).collect())
    };
    let own = texts(GoalFiles::at(goals, &[]));
    own.is_some() && own == texts(GoalFiles::Shipped)
}

fn ask_unless_confirmed(context: &Context, goals: &Path, known: &Path) -> Result<bool, CommandError> {
    let confirmed = std::fs::read_to_string(known).unwrap_or_default();
    if confirmed.lines().any(|line| Path::new(line) == goals) {
        return Ok(true);
    }
    if !context.ui.can_ask() {
        return Ok(false);
    }
    let shown = neutralise(&goals.display().to_string());
    context
        .ui
        .note(&format!("This directory brings goal files of its own: {shown}"));
    context
        .ui
        .note("They say which commands run here on each commit; `sdm explain` shows them.");
    let _ = write!(std::io::stderr(), "Use them from now on? [y/N] ");
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| unusable(goals, error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn remember(state: &Path, known: &Path, goals: &Path) -> Result<(), CommandError> {
    create_private_directory(state)?;
    let confirmed = std::fs::read_to_string(known).unwrap_or_default();
    if confirmed.lines().any(|line| Path::new(line) == goals) {
        return Ok(());
    }
    std::fs::write(known, format!("{confirmed}{}\n", goals.display())).map_err(|error| unusable(known, error))
}

fn unusable(path: &Path, error: std::io::Error) -> CommandError {
    let message = format!("failed to remember what was confirmed in {}", path.display());
    CommandError::new(ErrorKind::Internal, message).caused_by(error)
}
