//! `sdm reset`: plan a push anew.

use super::super::context::{CommandResult, Context};
use super::super::error::{CommandError, ErrorKind};
use super::choice::repository;
use crate::wire::control::Request;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Beginning of the id of a pushed commit or of a goal set; the newest push to the branch checked out here when absent
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Repository owner/name, instead of the one we stand in
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// Only pushes to this branch
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
}

/// `sdm reset`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    if args.id.as_deref().is_some_and(|id| id.trim().is_empty()) {
        return Err(CommandError::new(ErrorKind::Usage, "the id is empty")
            .hint("name a pushed commit or a goal set, or leave it out for the newest push"));
    }
    let (client, status) = context.daemon()?;
    let repo = repository(context, &status, args.repo.as_deref(), args.id.as_deref());
    let branch = args
        .branch
        .clone()
        .or_else(|| branch(context, args, repo.as_deref()));
    let sets = context.goal_sets(
        &client,
        &Request::Reset {
            id: args.id.clone(),
            repo,
            branch,
        },
    )?;
    super::act::show(context, &sets)
}

/// The branch whose newest push is meant by who names nothing and stands in a watched repository: what is checked out there.
fn branch(context: &Context, args: &Args, repo: Option<&str>) -> Option<String> {
    let is_named = args.id.is_some() || args.repo.is_some();
    repo.filter(|_| !is_named).and_then(|_| context.branch_here())
}
