//! `sdm explain`: which goals would be set and why.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, What};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::explain::explanation;
use super::super::render::graph::{dot, mermaid};
use super::super::render::prediction::prediction;
use super::daemon_goals;
use super::goal_files::GoalFiles;
use crate::model::trigger::COMPLETIONS;
use crate::model::{GoalTrigger, StateName};
use crate::wire::control::{Reply, Request};
use crate::wire::explain::ExplainView;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// A commit (HEAD when absent), or a push `A..B`; with --predict a branch
    #[arg(value_name = "REV|A..B|BRANCH", conflicts_with = "worktree")]
    revision: Option<String>,
    /// Repository, instead of the one we stand in
    #[arg(value_name = "REPO")]
    repository: Option<PathBuf>,
    /// The working tree with everything that is not committed
    #[arg(short, long)]
    worktree: bool,
    /// What rules that wait for goals would set because of this one (`is_goal`)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["stored", "predict", "replay"])]
    goal: Option<String>,
    /// The state the goal came to; success when absent
    #[arg(long, value_name = "STATE", requires = "goal", value_parser = PossibleValuesParser::new(COMPLETIONS.iter().copied()))]
    state: Option<String>,
    /// What the daemon planned for this commit (HEAD when absent), as it stored it then
    #[arg(long, conflicts_with_all = ["worktree", "repository"])]
    stored: bool,
    /// What any push to a branch (the checked-out one when none is named) will set, and what it may set
    #[arg(long, conflicts_with_all = ["worktree", "stored", "format"])]
    predict: bool,
    /// What the goal files at --with would have planned for the last N pushes that the daemon recorded
    #[arg(
        long,
        value_name = "N",
        requires = "with",
        conflicts_with_all = ["revision", "worktree", "stored", "predict", "format"],
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    replay: Option<u32>,
    /// Goal file, or directory of goal files, to compare with those in use
    #[arg(long, value_name = "PATH", requires = "replay")]
    with: Option<PathBuf>,
    /// A picture of the plan instead of text
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
}

/// Pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A flowchart for mermaid
    Mermaid,
    /// A graph for graphviz
    Dot,
}

/// `sdm explain`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    if let (Some(pushes), Some(path)) = (args.replay, &args.with) {
        return super::compare::run(context, pushes, path);
    }
    if args.predict {
        return predicted(context, args);
    }
    let views = if args.stored {
        stored(context, args)?
    } else {
        computed(context, args)?
    };
    match args.format {
        Some(Format::Mermaid) => context.ui.data(&mermaid(&views))?,
        Some(Format::Dot) => context.ui.data(&dot(&views))?,
        None if context.ui.json => {
            for view in &views {
                context.ui.object(view)?;
            }
        }
        None => {
            let texts: Vec<String> = views
                .iter()
                .map(|view| explanation(&context.ui.theme, view, context.ui.verbosity > 0))
                .collect();
            context.ui.data(&texts.join("\n"))?;
        }
    }
    let failed = views.iter().any(|view| view.error.is_some());
    Ok(if failed { Exit::Bad } else { Exit::Ok })
}

fn predicted(context: &mut Context, args: &Args) -> CommandResult {
    let configuration = context.configuration()?;
    let path = context.absolute(args.repository.as_deref().unwrap_or(Path::new(".")));
    let view = doors::predict(&configuration, &path, args.revision.as_deref())?;
    if context.ui.json {
        context.ui.object(&view)?;
    } else {
        let text = prediction(&context.ui.theme, &view, context.ui.verbosity > 0);
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}

fn computed(context: &Context, args: &Args) -> Result<Vec<ExplainView>, CommandError> {
    let configuration = context.configuration()?;
    let path = context.absolute(args.repository.as_deref().unwrap_or(Path::new(".")));
    let (what, goal) = (what(args)?, goal(args, &configuration.name)?);
    if args.repository.is_none() {
        daemon_goals::remark(context, &configuration);
    }
    Ok(context
        .ui
        .while_waiting("planning", || doors::explain(&configuration, &path, &what, goal))?)
}

/// The goal because of which rules are asked.
fn goal(args: &Args, machine: &str) -> Result<Option<GoalTrigger>, CommandError> {
    let state = args.state.as_deref().and_then(StateName::parse);
    let made_up = |name: &String| GoalTrigger::made_up(name, state.unwrap_or(StateName::Success), machine);
    let goal = args.goal.as_ref().map(made_up).transpose();
    goal.map_err(|error| CommandError::from_error(ErrorKind::Usage, error))
}

fn what(args: &Args) -> Result<What, CommandError> {
    if args.worktree {
        return Ok(What::Worktree);
    }
    let revision = args.revision.as_deref().unwrap_or("HEAD");
    if revision.starts_with('-') || revision.chars().any(char::is_control) {
        return Err(CommandError::new(
            ErrorKind::Usage,
            format!("`{revision}` is not a revision"),
        ));
    }
    if revision.contains("...") {
        return Err(
            CommandError::new(ErrorKind::Usage, "a push goes from one commit to another")
                .hint("write `A..B` with two dots"),
        );
    }
    Ok(match revision.split_once("..") {
        Some((before, after)) => What::Range(or_head(before), or_head(after)),
        None => What::Revision(revision.to_owned()),
    })
}

fn or_head(revision: &str) -> String {
    if revision.is_empty() {
        "HEAD".to_owned()
    } else {
        revision.to_owned()
    }
}

fn stored(context: &Context, args: &Args) -> Result<Vec<ExplainView>, CommandError> {
    let revision = args.revision.as_deref().unwrap_or("HEAD");
    // The beginning of an id may be that of a commit elsewhere.
    let is_id = revision.len() >= 4 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha = match is_id {
        true => revision.to_owned(),
        false => doors::commit_named(&context.absolute(Path::new(".")), revision)?,
    };
    let (client, _) = context.daemon()?;
    let mut views = Vec::new();
    for reply in context.ask(&client, &Request::Traces { sha: sha.clone() })? {
        if let Reply::Traces { explanations } = reply {
            for value in explanations {
                let view = serde_json::from_value(value);
                views.push(view.map_err(|error| {
                    CommandError::new(
                        ErrorKind::NotReachable,
                        "the daemon's explanation is not understood",
                    )
                    .caused_by(error)
                })?);
            }
        }
    }
    if views.is_empty() {
        return Err(
            CommandError::new(ErrorKind::Bad, format!("nothing was planned for {revision}"))
                .hint("`sdm show pushes` lists what was pushed"),
        );
    }
    Ok(views)
}
