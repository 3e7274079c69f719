//! `sdm lock`: what goals of other repositories stand for, written down in `goals.lock` (semantics 7.4).

use std::io::{BufRead, Write as _};

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalFile};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::diagnostics::diagnostics;
use super::super::render::lock::{LockView, lock};
use super::goal_files::{GoalFiles, quotable};
use crate::daemon::references::{LockChanges, LockOptions};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Look what references mean now, not only at those that are new
    #[arg(long)]
    update: bool,
    /// Write nothing; fail when there is a difference
    #[arg(long, conflicts_with = "yes")]
    check: bool,
    /// Write without asking
    #[arg(long, short)]
    yes: bool,
    /// Update only these, `OWNER/REPO[@REF]`
    #[arg(value_name = "REFERENCE", requires = "update")]
    references: Vec<String>,
}

/// `sdm lock`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    let configuration = context.configuration()?;
    let Some(goals) = configuration.goals.clone() else {
        return Err(CommandError::new(
            ErrorKind::Usage,
            "the goal files inside the program refer to nothing",
        )
        .hint("name your own with `--goals PATH`"));
    };
    let files = args.goal_files.read(context, &[])?;
    let options = LockOptions {
        update: args.update,
        only: args.references.clone(),
    };
    let changes = context.ui.while_waiting("looking at the repositories", || {
        doors::lock(&configuration, &goals, &files, &options)
    })?;
    let is_different = !changes.changes.is_empty();
    if !context.ui.json {
        let text = lock(&context.ui.theme, &changes);
        context.ui.data(&text)?;
    }
    if !changes.problems.is_empty() {
        return refuse(context, &changes);
    }
    let writes = is_different && !args.check && (args.yes || agrees(context)?);
    if writes {
        doors::write_lock(&changes)?;
    }
    if context.ui.json {
        context.ui.object(&LockView::of(&changes, writes))?;
    }
    context.ui.note(&outcome(&changes, writes));
    Ok(if is_different && !writes {
        Exit::Bad
    } else {
        Exit::Ok
    })
}

/// Writes nothing that could not be used afterwards.
fn refuse(context: &mut Context, changes: &LockChanges) -> CommandResult {
    if context.ui.json {
        context.ui.object(&LockView::of(changes, false))?;
    } else {
        let quotable: Vec<GoalFile> = changes.files.iter().map(quotable).collect();
        let text = diagnostics(&context.ui.theme, &quotable, &changes.problems);
        context.ui.data(&text)?;
    }
    context
        .ui
        .note("nothing is written: goal files could not be used with it");
    Ok(Exit::Bad)
}

fn agrees(context: &Context) -> Result<bool, CommandError> {
    if !context.ui.can_ask() {
        return Ok(false);
    }
    let _ = write!(std::io::stderr(), "Write goals.lock? [y/N] ");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn outcome(changes: &LockChanges, written: bool) -> String {
    let count = |count: usize| match count {
        1 => "1 reference".to_owned(),
        many => format!("{many} references"),
    };
    match (changes.changes.len(), written) {
        (0, _) => format!("{} as locked", count(changes.unchanged)),
        (_, true) => format!(
            "goals.lock is written: {} changed, {} as before",
            count(changes.changes.len()),
            changes.unchanged
        ),
        (_, false) => "nothing is written; say `--yes` to accept all of it".to_owned(),
    }
}
