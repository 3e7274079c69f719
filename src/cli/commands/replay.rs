//! `sdm replay`: pushes that were missed, or the last commits once more (LO-15).

use std::path::{Path, PathBuf};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::CommandError;
use super::super::render::pushes::pushes;
use crate::wire::control::{Reply, Request};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Push this many of the last commits again, oldest first; without it only look for what was missed. An address
    /// stands for a look at the watched repository there
    #[arg(value_name = "DEPTH|ADDRESS", default_value = "0", value_parser = what)]
    what: What,
    /// Branch; the checked-out one when absent
    #[arg(short, long)]
    branch: Option<String>,
    /// Repository, instead of the one we stand in; or the address of a watched one elsewhere
    #[arg(long, value_name = "PATH|ADDRESS", default_value = ".")]
    repo: PathBuf,
}

/// What a person names as a depth or as an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Depth(u32),
    Address(String),
}

fn what(text: &str) -> Result<What, String> {
    if text.contains("://") {
        return Ok(What::Address(text.to_owned()));
    }
    match text.parse() {
        Ok(depth) if depth <= 1000 => Ok(What::Depth(depth)),
        Ok(_) | Err(_) => Err("neither a number up to 1000 nor an address with `://`".to_owned()),
    }
}

/// `sdm replay`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let (client, _) = context.daemon()?;
    let (path, depth) = match (&args.what, args.repo.to_str()) {
        (What::Address(address), _) => (address.clone(), 0),
        (What::Depth(depth), Some(repo)) if repo.contains("://") => (repo.to_owned(), *depth),
        (What::Depth(depth), _) => (root_of(context, &args.repo)?, *depth),
    };
    let request = Request::Replay {
        path,
        depth,
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

fn root_of(context: &Context, repo: &Path) -> Result<String, CommandError> {
    let paths = crate::scm::local::discover::discover(&context.absolute(repo))?;
    let root = paths.worktree.unwrap_or(paths.common);
    Ok(root.display().to_string())
}
