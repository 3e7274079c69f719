//! `sdm trust` and `sdm untrust`: whether the goals of a repository may run here (threat J2).

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::machines::machine;
use crate::model::RepoSlug;
use crate::wire::control::{Reply, Request};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Repository owner/name; the one we stand in when absent
    #[arg(value_name = "OWNER/NAME")]
    repo: Option<String>,
}

/// `sdm trust` and `sdm untrust`.
pub(super) fn run(context: &mut Context, args: &Args, trusted: bool) -> CommandResult {
    let (client, status) = context.daemon()?;
    let repo = args
        .repo
        .clone()
        .or_else(|| context.repository_here(&status))
        .ok_or_else(|| {
            CommandError::new(
                ErrorKind::Usage,
                "this directory is in no repository that the daemon watches",
            )
            .hint("name one: `sdm trust OWNER/NAME`; `sdm show machines` lists them")
        })?;
    RepoSlug::parse(&repo).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    let replies = context.ask(
        &client,
        &Request::Trust {
            repo: repo.clone(),
            trusted,
        },
    )?;
    let after = replies.into_iter().find_map(|reply| match reply {
        Reply::Status { status } => Some(status),
        _ => None,
    });
    context.ui.note(&match trusted {
        true => format!("{repo} is trusted: its goals run on this computer, as you"),
        false => format!("{repo} is not trusted any more: its goals do not run here"),
    });
    if let Some(status) = after {
        if context.ui.json {
            context.ui.object(&status)?;
        } else if context.ui.verbosity > 0 {
            context.ui.data(&machine(&context.ui.theme, &status))?;
        }
    }
    Ok(Exit::Ok)
}
