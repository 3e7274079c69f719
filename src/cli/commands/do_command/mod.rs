//! `sdm do`: runs a command by what people say; also `sdm WORDS…` when no command of the program has that name.
//!
//! [`registry`] knows the commands, [`said`] reads the line, [`prompt`] asks for what is missing, [`follow`] shows it run.

mod administration;
mod apply;
mod follow;
mod help;
mod hub;
mod prompt;
mod registry;
mod said;
mod tree;

use std::ffi::OsString;

use super::super::client::ControlClient;
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::engine::commands::registry::{Meant, find, nearest};
use crate::wire::commands::CommandView;
use crate::wire::control::{Reply, Request};
use crate::wire::views::StatusView;
pub(super) use registry::{Registry, within};
use said::{Said, Spoken};
pub(super) use tree::with_commands;

/// Arguments. `--help` may stand before words and after them, and then means the command that they are.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = help::of_every_command())]
pub struct Args {
    /// Ask the configured hub for it, with a key of your own: WORDS are then the name of a command of any machine there
    #[arg(long)]
    hub: bool,
    /// The machine, where several have such a command
    #[arg(long, value_name = "NAME", requires = "hub")]
    machine: Option<String>,
    /// What to say, then `--parameter value` or `--parameter=value`; with `--help` what the command takes
    #[arg(value_name = "WORDS", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// `sdm do`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let is_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
    if !args.words.is_empty() && args.words.iter().all(is_help) {
        return help::of_program(context, "do");
    }
    match args.hub {
        true => hub::ask(context, &args.words, args.machine.clone()),
        false => say(context, &args.words, None),
    }
}

/// `sdm WORDS…` where the first word is none of the program's.
pub(super) fn run_words(context: &mut Context, words: &[OsString]) -> CommandResult {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let first = words.first().cloned().unwrap_or_default();
    say(context, &words, Some(&first))
}

/// `sdm show commands`; perhaps only those that make repositories.
pub(super) fn show(context: &mut Context, generators: bool) -> CommandResult {
    let registry = Registry::look(context)?;
    match generators {
        true => help::generators(context, &registry),
        false => help::all(context, &registry),
    }
}

/// `first` is the word that is no command of the program, when that is how we came here.
fn say(context: &mut Context, raw: &[String], first: Option<&str>) -> CommandResult {
    let spoken = Spoken::of(raw);
    let registry = Registry::look(context)?;
    if spoken.words.is_empty() {
        return help::all(context, &registry);
    }
    let Some((meant, options)) = meant(&registry, &spoken) else {
        return match administration::meant(&spoken.words) {
            Some((alias, _)) if spoken.wants_help => help::of_program(context, alias.command()),
            Some((alias, rest)) => administration::run(context, alias, rest, &spoken.rest),
            None => Err(unknown(&registry, &spoken.words, first)),
        };
    };
    if spoken.wants_help {
        return help::one(context, meant.command);
    }
    let (command, matches) = (meant.command.clone(), meant.matches);
    let said = Said::read(options, &command)?;
    let Some(daemon) = registry.daemon else {
        let (client, status) = context.daemon()?;
        return carry_out(context, &client, &status, &command, said, matches);
    };
    carry_out(context, &daemon.0, &daemon.1, &command, said, matches)
}

/// The command that is meant, and the options that are left to be read: by the words before them; else by a pattern that takes in
/// everything that is said.
fn meant<'a>(registry: &'a Registry, spoken: &'a Spoken) -> Option<(Meant<'a, CommandView>, &'a [String])> {
    let commands = &registry.commands;
    let by_words = find(commands, &spoken.words, &spoken.words.join(" "));
    by_words
        .map(|meant| (meant, spoken.rest.as_slice()))
        .or_else(|| Some((find(commands, &spoken.words, &spoken.everything)?, [].as_slice())))
}

fn carry_out(
    context: &mut Context,
    client: &ControlClient,
    status: &StatusView,
    command: &CommandView,
    mut said: Said,
    matches: Vec<String>,
) -> CommandResult {
    said.take_secrets(context, command)?;
    prompt::complete(context, command, &mut said)?;
    context.ui.json |= said.json;
    let request = Request::Do {
        command: command.name.clone(),
        parameters: said.parameters.clone(),
        secrets: said.secrets.clone(),
        matches,
        targets: said.targets.clone(),
        job: Box::new(said.job.clone()),
        repo: context.repository_here(status),
        dry_run: said.dry_run,
        within: within(context),
    };
    for reply in context.ask(client, &request)? {
        match reply {
            Reply::Errand { errand } if said.no_wait => return follow::told_errand(context, &errand),
            Reply::Errand { errand } => return follow::errand(context, client, &errand),
            Reply::Job { job } if said.no_wait => return follow::told_job(context, &job),
            Reply::Job { job } => return follow::job(context, client, &job, command, &said),
            _ => {}
        }
    }
    Ok(Exit::Ok)
}

fn unknown(registry: &Registry, words: &[String], first: Option<&str>) -> CommandError {
    let shown: String = words.join(" ").chars().take(80).collect();
    let message = match first {
        Some(_) => format!("neither sdm nor the goal files have a command `{shown}`"),
        None => format!("the goal files have no command `{shown}`"),
    };
    let program = super::super::command_line();
    let own = program.get_subcommands().map(clap::Command::get_name);
    let near_own = first
        .and_then(|first| crate::model::suggest::nearest(first, own))
        .map(str::to_owned);
    let is_stale = registry
        .daemon
        .as_ref()
        .is_some_and(|(_, status)| status.goal_files_problem.is_some());
    let hint = match near_own.or_else(|| nearest(&registry.commands, words)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if is_stale => {
            "the newest goal files cannot be used, and earlier ones are: look at `sdm check`".to_owned()
        }
        None => "look at `sdm --help` and `sdm show commands`".to_owned(),
    };
    CommandError::new(ErrorKind::Usage, message).hint(hint)
}
