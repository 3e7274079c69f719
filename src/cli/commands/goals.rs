//! `sdm goals`: goal sets and their goals.

use super::super::context::{CommandResult, Context};
use super::super::error::{CommandError, ErrorKind};
use super::at_hub;
use super::choice::repository;
use crate::model::set_tag::SetTag;
use crate::wire::control::Request;

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
    if args.hub {
        let which = at_hub::Which {
            id: args.id.as_deref(),
            repo: args.repo.as_deref(),
            branch: args.branch.as_deref(),
            active: args.active,
            tag: args.tag.as_deref().map(tag).transpose()?,
            limit: args.limit,
        };
        return at_hub::goals(context, &which);
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
        tag: args
            .tag
            .as_deref()
            .map(tag)
            .transpose()?
            .map(|tag| tag.to_string()),
        limit: args.limit,
        with_not_set: context.ui.json || context.ui.verbosity > 0,
    };
    let sets = context.goal_sets(&client, &request)?;
    super::act::show(context, &sets)
}

fn tag(text: &str) -> Result<SetTag, CommandError> {
    SetTag::parse(text).map_err(|error| {
        CommandError::from_error(ErrorKind::Usage, error).hint("write `name` or `name:value`")
    })
}
