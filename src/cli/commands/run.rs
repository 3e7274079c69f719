//! `sdm run`: plan and carry out in the foreground.

use std::io::Write;
use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, GoalLog, OnFeed, RunOutcome};
use super::super::error::CommandError;
use super::super::render::feed::FeedLines;
use super::super::render::reviews::reviews;
use super::super::text::{neutralise, neutralise_json};
use super::goal_files::GoalFiles;
use super::project_goals;
use crate::wire::views::ReviewView;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Goals to run with what they need; all that are set when absent
    #[arg(id = "wanted", value_name = "GOAL")]
    wanted: Vec<String>,
    /// The working tree with everything that is not committed
    #[arg(short, long)]
    worktree: bool,
    /// Repository, instead of the one we stand in
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
}

/// `sdm run`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    let configuration = project_goals::confirm(context, context.configuration()?, false)?;
    let path = context.absolute(&args.repo);
    let outcome = doors::run_foreground(
        &configuration,
        &path,
        &args.wanted,
        args.worktree,
        context.ui.verbosity > 0,
        printer(context, FeedLines::in_foreground),
    )?;
    conclude(context, outcome)
}

fn conclude(context: &mut Context, outcome: RunOutcome) -> CommandResult {
    match outcome {
        RunOutcome::Succeeded { reviews, logs } => {
            show_logs(context, &logs);
            show_reviews(context, &reviews)?;
            Ok(Exit::Ok)
        }
        RunOutcome::NothingToDo { because } => {
            context.ui.note("no goal is set for this");
            for reason in because {
                context.ui.note(&format!("  {reason}"));
            }
            Ok(Exit::Ok)
        }
        RunOutcome::Waiting { reviews, logs } => {
            show_logs(context, &logs);
            show_reviews(context, &reviews)?;
            context
                .ui
                .note("a goal waits for a person; nobody confirms in a foreground run, so it was not run");
            Ok(Exit::Ok)
        }
        RunOutcome::Interrupted => {
            context.ui.note("interrupted; everything that ran was ended");
            Ok(Exit::Bad)
        }
        RunOutcome::Failed { logs } => {
            show_logs(context, &logs);
            Ok(Exit::Bad)
        }
    }
}

/// What goals wrote; no daemon can be asked for it after a foreground run.
fn show_logs(context: &Context, logs: &[GoalLog]) {
    for log in logs {
        let goal = neutralise(&log.goal);
        match log.is_cut {
            true => context.ui.note(&format!("the end of the log of {goal}:")),
            false => context.ui.note(&format!("the log of {goal}:")),
        }
        for line in &log.lines {
            context.ui.note(&format!("  {}", neutralise(&line.text)));
        }
        if log.is_cut {
            let path = neutralise(&log.path.display().to_string());
            context.ui.note(&format!("all of it, as JSON: {path}"));
        }
    }
}

/// What inspections said: nobody else keeps it after a foreground run. Programs find its count in the feed.
fn show_reviews(context: &mut Context, found: &[ReviewView]) -> Result<(), CommandError> {
    if !context.ui.json && context.ui.verbosity >= 0 && !found.is_empty() {
        context.ui.data(&reviews(&context.ui.theme, found))?;
    }
    Ok(())
}

/// Prints entries as they come. A reader that has gone does not stop the work.
pub(super) fn feed_printer(context: &Context) -> OnFeed {
    printer(context, |lines| lines)
}

fn printer(context: &Context, as_wanted: impl Fn(FeedLines) -> FeedLines) -> OnFeed {
    let mut lines = as_wanted(FeedLines::new(context.ui.theme.clone(), context.ui.verbosity > 0));
    let (json, quiet) = (context.ui.json, context.ui.verbosity < 0);
    Box::new(move |entry| {
        let text = match json {
            true => serde_json::to_string(entry)
                .map(|line| neutralise_json(&line) + "\n")
                .unwrap_or_default(),
            false if quiet => return,
            false => lines.render(entry),
        };
        let mut out = std::io::stdout();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    })
}
