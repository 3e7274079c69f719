//! `sdm goals`: goal sets and their goals.

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::goals::no_goal_sets;
use super::at_hub;
use super::choice::repository;
use crate::model::set_tag::SetTag;
use crate::wire::control::Request;
use crate::wire::views::GoalSetView;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Beginning of the id of a goal set or commit
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only of this repository; the one we stand in when absent
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// Of all repositories
    #[arg(short, long, conflicts_with = "repo")]
    all: bool,
    /// Only of this branch
    #[arg(short, long)]
    branch: Option<String>,
    /// At the configured hub, of all machines there
    #[arg(long)]
    hub: bool,
    /// Only sets with goals that have not ended
    #[arg(long)]
    active: bool,
    /// Only sets with this tag; without a value, whatever that is
    #[arg(short, long, value_name = "NAME[:VALUE]")]
    tag: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// `sdm goals`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let which = at_hub::Which {
        id: args.id.as_deref(),
        repo: args.repo.as_deref(),
        branch: args.branch.as_deref(),
        active: args.active,
        tag: args.tag.as_deref().map(tag).transpose()?,
        limit: args.limit,
    };
    if args.hub {
        let sets = at_hub::goals(context, &which)?;
        return show(context, &sets, &which);
    }
    let (client, status) = context.daemon()?;
    let repo = if args.all {
        None
    } else {
        repository(context, &status, args.repo.as_deref(), args.id.as_deref())
    };
    let request = Request::GoalSets {
        repo,
        branch: args.branch.clone(),
        id: args.id.clone(),
        active: args.active,
        tag: which.tag.as_ref().map(SetTag::to_string),
        limit: args.limit,
        with_not_set: context.ui.json || context.ui.verbosity > 0,
    };
    let sets = context.goal_sets(&client, &request)?;
    show(context, &sets, &which)
}

/// The sets; or that there are none, and of which kind.
fn show(context: &mut Context, sets: &[GoalSetView], which: &at_hub::Which<'_>) -> CommandResult {
    if !sets.is_empty() || context.ui.json {
        return super::act::show(context, sets);
    }
    context.ui.data(&no_goal_sets(asked_for(which).as_deref()))?;
    Ok(Exit::Ok)
}

/// What of all goal sets was asked for, in words that stand behind "no goal set".
fn asked_for(which: &at_hub::Which<'_>) -> Option<String> {
    let quoted = |before: &str, said: &dyn std::fmt::Display| format!("{before} `{said}`");
    let of = [
        which.repo.map(|repo| quoted("of", &repo)),
        which.branch.map(|branch| quoted("of the branch", &branch)),
    ];
    let has = [
        which.tag.as_ref().map(|tag| quoted("has the tag", tag)),
        which
            .id
            .map(|id| quoted("has an id or a commit that begins with", &id)),
        which.active.then(|| "has goals that have not ended".to_owned()),
    ];
    let has: Vec<String> = has.into_iter().flatten().collect();
    let has = Some(has.join(" and ")).filter(|has| !has.is_empty());
    let said: Vec<String> = of.into_iter().chain([has]).flatten().collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn tag(text: &str) -> Result<SetTag, CommandError> {
    SetTag::parse(text).map_err(|error| {
        CommandError::from_error(ErrorKind::Usage, error).hint("write `name` or `name:value`")
    })
}
