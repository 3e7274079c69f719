//! `sdm start`: the daemon.

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, StartOptions};
use super::super::error::{CommandError, ErrorKind};
use super::goal_files::GoalFiles;
use super::run::feed_printer;
use crate::config::{Flags, load};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// No hub, no account: watch repositories on this computer
    #[arg(long)]
    local: bool,
    /// Repositories, or directories of them; the configured ones or the one we stand in when absent
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Most goals at once
    #[arg(long, value_name = "NUMBER")]
    parallel: Option<usize>,
    /// Trust the repositories named here: their goals run without asking
    #[arg(long)]
    trust: bool,
}

/// `sdm start`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    if !args.local {
        return Err(
            CommandError::new(ErrorKind::Usage, "working with a hub is not part of this version")
                .hint("start without one: `sdm start --local`"),
        );
    }
    let flags = Flags {
        parallel: args.parallel,
        ..context.flags.clone()
    };
    let configuration = load(&context.sources, &flags)?;
    let paths: Vec<PathBuf> = match args.paths.as_slice() {
        [] if configuration.repositories.is_empty() => vec![context.absolute(std::path::Path::new("."))],
        [] => configuration.repositories.clone(),
        paths => paths.iter().map(|path| context.absolute(path)).collect(),
    };
    if let Some(missing) = args
        .paths
        .iter()
        .zip(&paths)
        .find(|(_, absolute)| !absolute.is_dir())
    {
        return Err(CommandError::new(
            ErrorKind::Usage,
            format!("{} is not a directory", missing.0.display()),
        ));
    }
    doors::start_local(
        &configuration,
        &paths,
        &StartOptions { trust: args.trust },
        feed_printer(context),
    )?;
    Ok(Exit::Ok)
}
