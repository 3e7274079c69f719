//! `sdm show`: machines, commands, pushes.

use serde_json::json;

use super::super::client::{ClientError, ControlClient, sockets_beside};
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::errands::{errands, job, jobs};
use super::super::render::machines::machine;
use super::super::render::pushes::pushes;
use super::super::render::reviews::reviews;
use super::super::text::neutralise;
use super::at_hub;
use super::choice::repository;
use super::do_command;
use crate::wire::commands::JobView;
use crate::wire::control::{Reply, Request};
use crate::wire::views::ReviewView;

/// What to show.
#[derive(Debug, clap::Subcommand)]
pub enum ShowCommand {
    /// Machines that run here, with what they watch
    Machines(AtHub),
    /// Commands of the goal files that can be run
    Commands(CommandsArgs),
    /// What commands without a repository and listeners run
    Errands(ErrandsArgs),
    /// Commands on repositories
    Jobs(JobsArgs),
    /// A command on repositories, with what came of each
    Job(JobArgs),
    /// Pushes that were accepted
    Pushes(PushesArgs),
    /// What inspections say of a commit
    Comments(CommentsArgs),
}

/// Where to look.
#[derive(Debug, clap::Args)]
pub struct AtHub {
    /// At the configured hub, of all machines there
    #[arg(long)]
    hub: bool,
}

/// Arguments of `show commands`.
#[derive(Debug, clap::Args)]
pub struct CommandsArgs {
    #[command(flatten)]
    at: AtHub,
    /// Only those that make repositories
    #[arg(long, conflicts_with = "hub")]
    generators: bool,
}

/// Arguments of `show comments`.
#[derive(Debug, clap::Args)]
pub struct CommentsArgs {
    /// Beginning of the id of a goal set or commit; the newest goal set that inspected something when absent
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Repository owner/name, instead of the one we stand in
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
}

/// Arguments of `show pushes`.
#[derive(Debug, clap::Args)]
pub struct PushesArgs {
    /// Only of this repository; the one we stand in when absent
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// Of all repositories
    #[arg(short, long, conflicts_with = "repo")]
    all: bool,
    #[command(flatten)]
    at: AtHub,
    /// At most so many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Arguments of `show errands`.
#[derive(Debug, clap::Args)]
pub struct ErrandsArgs {
    /// Beginning of the id of an errand
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only of this command or listener
    #[arg(long = "of", value_name = "NAME")]
    owner: Option<String>,
    /// Only those that have not ended
    #[arg(long)]
    active: bool,
    /// At most so many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Arguments of `show jobs`.
#[derive(Debug, clap::Args)]
pub struct JobsArgs {
    /// At most so many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

/// Arguments of `show job`.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// Beginning of the id of a job
    #[arg(value_name = "ID")]
    id: String,
}

/// `sdm show`.
pub(super) fn run(context: &mut Context, command: &ShowCommand) -> CommandResult {
    match command {
        ShowCommand::Machines(at) if at.hub => at_hub::machines(context),
        ShowCommand::Machines(_) => show_machines(context),
        ShowCommand::Commands(args) if args.at.hub => at_hub::commands(context),
        ShowCommand::Commands(args) => do_command::show(context, args.generators),
        ShowCommand::Errands(args) => show_errands(context, args),
        ShowCommand::Jobs(args) => show_jobs(context, args),
        ShowCommand::Job(args) => show_job(context, args),
        ShowCommand::Pushes(args) => show_pushes(context, args),
        ShowCommand::Comments(args) => show_comments(context, args),
    }
}

/// Every machine with a socket beside ours (LO-14).
fn show_machines(context: &mut Context) -> CommandResult {
    let socket = context.configuration()?.socket;
    let (mut found, mut was_warned) = (Vec::new(), false);
    for path in sockets_beside(&socket) {
        let client = ControlClient::new(&path);
        match context
            .ui
            .while_waiting("asking the machines", || client.status())
        {
            Ok(status) => found.push(status),
            Err(ClientError::Stale { .. } | ClientError::NoDaemon { .. }) => {}
            Err(error) => {
                was_warned = true;
                context.ui.warn(&format!("{}: {error}", path.display()));
            }
        }
    }
    if context.ui.json {
        context.ui.object(&json!({ "machines": found }))?;
    } else if found.is_empty() && !was_warned {
        context
            .ui
            .note("no machine runs here; start one with `sdm start --local`");
    } else {
        let texts: Vec<String> = found
            .iter()
            .map(|status| machine(&context.ui.theme, status))
            .collect();
        context.ui.data(&texts.join("\n"))?;
    }
    // Scripts ask this to learn whether a machine is up.
    Ok(if found.is_empty() {
        Exit::NotReachable
    } else {
        Exit::Ok
    })
}

fn show_errands(context: &mut Context, args: &ErrandsArgs) -> CommandResult {
    let (client, _) = context.daemon()?;
    let request = Request::Errands {
        id: args.id.clone(),
        name: args.owner.clone(),
        active: args.active,
        limit: args.limit,
    };
    let replies = context.ask(&client, &request)?;
    let found = replies.into_iter().filter_map(|reply| match reply {
        Reply::Errands { errands } => Some(errands),
        _ => None,
    });
    let found: Vec<_> = found.flatten().collect();
    if let Some(id) = args.id.as_ref().filter(|_| found.is_empty()) {
        let message = format!("no errand begins with `{}`", neutralise(id));
        return Err(CommandError::new(ErrorKind::Refused, message).hint("look at `sdm show errands`"));
    }
    if context.ui.json {
        context.ui.object(&json!({ "errands": found }))?;
    } else if found.is_empty() {
        context.ui.note("there is no errand");
    } else {
        context.ui.data(&errands(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}

fn show_jobs(context: &mut Context, args: &JobsArgs) -> CommandResult {
    let (client, _) = context.daemon()?;
    let replies = context.ask(&client, &Request::Jobs { limit: args.limit })?;
    let of_reply = |reply| match reply {
        Reply::Job { job } => Some(*job),
        _ => None,
    };
    let found: Vec<JobView> = replies.into_iter().filter_map(of_reply).collect();
    if context.ui.json {
        context.ui.object(&json!({ "jobs": found }))?;
    } else if found.is_empty() {
        context
            .ui
            .note("there is no job: a command on repositories is one");
    } else {
        context.ui.data(&jobs(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}

fn show_job(context: &mut Context, args: &JobArgs) -> CommandResult {
    let (client, _) = context.daemon()?;
    let request = Request::Job {
        id: args.id.clone(),
        follow: false,
    };
    for reply in context.ask(&client, &request)? {
        let Reply::Job { job: found } = reply else {
            continue;
        };
        if context.ui.json {
            context.ui.object(&json!({ "job": found }))?;
        } else {
            context.ui.data(&job(&context.ui.theme, &found))?;
        }
    }
    Ok(Exit::Ok)
}

fn show_pushes(context: &mut Context, args: &PushesArgs) -> CommandResult {
    if args.at.hub {
        return at_hub::pushes(context, args.repo.as_deref(), args.limit);
    }
    let (client, status) = context.daemon()?;
    let repo = if args.all {
        None
    } else {
        repository(context, &status, args.repo.as_deref(), None)
    };
    let replies = context.ask(
        &client,
        &Request::Pushes {
            repo,
            limit: args.limit,
        },
    )?;
    let found: Vec<_> = replies
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Pushes { pushes } => Some(pushes),
            _ => None,
        })
        .flatten()
        .collect();
    if context.ui.json {
        context.ui.object(&json!({ "pushes": found }))?;
    } else {
        context.ui.data(&pushes(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}

/// The comments of a goal set's reviews, as compilers write them.
fn show_comments(context: &mut Context, args: &CommentsArgs) -> CommandResult {
    let (client, status) = context.daemon()?;
    let repo = repository(context, &status, args.repo.as_deref(), args.id.as_deref());
    let request = Request::Reviews {
        id: args.id.clone(),
        repo,
    };
    let replies = context.ask(&client, &request)?;
    let of_reply = |reply| match reply {
        Reply::Reviews { reviews } => reviews,
        _ => Vec::new(),
    };
    let found: Vec<_> = replies.into_iter().flat_map(of_reply).collect();
    if context.ui.json {
        context.ui.object(&json!({ "reviews": found }))?;
    } else if found.is_empty() {
        context.ui.note(match args.id {
            Some(_) => "nothing was inspected for this commit",
            None => "nothing was inspected yet",
        });
    } else {
        say_which(context, args, &found);
        context.ui.data(&reviews(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}

/// Which goal set it is, for who has named none.
fn say_which(context: &mut Context, args: &CommentsArgs, found: &[ReviewView]) {
    if let (None, Some(first)) = (&args.id, found.first()) {
        let short = |id: &str| neutralise(id.get(..7).unwrap_or(id));
        let (set, sha) = (short(&first.goal_set), short(&first.sha));
        context.ui.note(&format!(
            "the newest inspection is of the goal set {set}, commit {sha}"
        ));
    }
}
