//! `sdm replay`: pushes that were missed, or the last commits once more (LO-15).

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::render::pushes::pushes;
use crate::wire::control::{Reply, Request};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Push this many of the last commits again, oldest first; without it only look for what was missed
    #[arg(value_name = "DEPTH", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    depth: u32,
    /// Branch; the checked-out one when absent
    #[arg(short, long)]
    branch: Option<String>,
    /// Repository, instead of the one we stand in
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
}

/// `sdm replay`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let (client, _) = context.daemon()?;
    let path = context.absolute(&args.repo);
    let paths = crate::scm::local::discover::discover(&path)?;
    let root = paths.worktree.unwrap_or(paths.common);
    let request = Request::Replay {
        path: root.display().to_string(),
        depth: args.depth,
        branch: args.branch.clone(),
    };
    let replies = context.ask(&client, &request)?;
    let found: Vec<_> = replies
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Pushes { pushes } => Some(pushes),
            _ => None,
        })
        .flatten()
        .collect();
    if context.ui.json {
        context.ui.object(&serde_json::json!({ "pushes": found }))?;
    } else if found.is_empty() {
        context
            .ui
            .note("the daemon has looked; nothing was missed that it says. See `sdm feed`");
    } else {
        context.ui.data(&pushes(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}
