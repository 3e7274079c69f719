//! `sdm start`: the daemon.

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, DaemonNews, StartOptions};
use super::super::error::{CommandError, ErrorKind};
use super::super::text::{neutralise, plural};
use super::super::ui::Ui;
use super::goal_files::GoalFiles;
use super::project_goals;
use super::run::feed_printer;
use crate::config::{Flags, load};
use crate::runtime::dumps;
use crate::wire::views::WATCHING;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// No hub, no account: watch repositories on this computer; without it the machine works with the configured hub
    #[arg(long)]
    local: bool,
    /// Repositories, directories of them, or addresses of repositories elsewhere; the configured ones or the one we stand
    /// in when absent
    #[arg(value_name = "PATH|ADDRESS")]
    paths: Vec<PathBuf>,
    /// Most goals at once
    #[arg(long, value_name = "NUMBER")]
    parallel: Option<usize>,
    /// Trust the repositories found and goal files of this directory: they run without asking
    #[arg(long)]
    trust: bool,
}

/// `sdm start`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    let flags = Flags {
        parallel: args.parallel,
        ..context.flags.clone()
    };
    let configuration = project_goals::confirm(context, load(&context.sources, &flags)?, args.trust)?;
    if !args.local && configuration.hub.is_none() {
        return Err(CommandError::new(ErrorKind::Usage, "no hub is configured").hint(
            "write `hub: {address: …, key: {file: …}}` into the configuration, or start without one: `sdm start --local`",
        ));
    }
    let (addresses, named) = named(context, &args.paths)?;
    let is_configured = !configuration.repositories.is_empty() || !configuration.remotes.is_empty();
    let paths = match args.local && named.is_empty() && addresses.is_empty() && !is_configured {
        true => vec![context.absolute(std::path::Path::new("."))],
        false => named,
    };
    let mut configuration = configuration;
    configuration.remotes.extend(addresses);
    let printer = feed_printer(context);
    let ui = &context.ui;
    let tell = |news: DaemonNews<'_>| tell(ui, &news);
    let options = StartOptions {
        trust: args.trust,
        with_hub: !args.local,
    };
    dumps::forbid().map_err(|error| CommandError::from_error(ErrorKind::Internal, error))?;
    doors::start(&configuration, &paths, &options, printer, &tell)?;
    Ok(Exit::Ok)
}

/// The addresses and the directories among what the person named.
fn named(context: &Context, paths: &[PathBuf]) -> Result<(Vec<String>, Vec<PathBuf>), CommandError> {
    let (mut addresses, mut directories) = (Vec::new(), Vec::new());
    for path in paths {
        let absolute = context.absolute(path);
        match path.to_str().filter(|text| text.contains("://")) {
            Some(address) => addresses.push(address.to_owned()),
            None if absolute.is_dir() => directories.push(absolute),
            None => {
                let message = format!("{} is not a directory", path.display());
                return Err(CommandError::new(ErrorKind::Usage, message));
            }
        }
    }
    Ok((addresses, directories))
}

/// What somebody who started it by hand wants to know; a service's log has it from the feed.
fn tell(ui: &Ui, news: &DaemonNews<'_>) {
    match news {
        DaemonNews::Started(status) => {
            for repository in &status.repositories {
                let trust = match repository.trusted {
                    true => String::new(),
                    false => format!(
                        "; its goals run once you say `sdm trust {}`",
                        neutralise(&repository.repo)
                    ),
                };
                let path = neutralise(&repository.path);
                match repository.watch.as_str() {
                    WATCHING => ui.note(&format!("watching {path}{trust}")),
                    problem => ui.warn(&format!("{path}: {}", neutralise(problem))),
                }
            }
            let files = match status.goal_files.as_slice() {
                [only] => neutralise(only),
                [first, ..] if first.starts_with("sdm:") => "the goal files that ship with sdm".to_owned(),
                several => format!("{} goal files", several.len()),
            };
            let next = match &status.hub {
                Some(hub) => format!("working with the hub at {}; stop", neutralise(&hub.address)),
                None => "commit something, or stop".to_owned(),
            };
            ui.note(&format!(
                "{} {} from {files}; {next} with Ctrl-C",
                status.rules,
                plural(status.rules, "rule", "rules")
            ));
        }
        DaemonNews::Stopping(0) => ui.note("stopping"),
        DaemonNews::Stopping(running) => {
            ui.note(&format!(
                "stopping; {running} running goals go on, the next start finds them"
            ));
        }
    }
}
