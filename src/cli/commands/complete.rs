//! `sdm complete`: whoever carries a goal out for the machine says what came of it (semantics 4.11).
//!
//! The token is a secret: it comes from the environment, a file or standard input, never from an argument.

use std::io::Read;
use std::path::PathBuf;

use super::super::context::{CommandResult, Context};
use super::super::error::{CommandError, ErrorKind};
use super::choice::GoalWords;
use crate::model::StateName;
use crate::wire::control::{Completion, Request};

/// The variable in which the told program found the token.
const VARIABLE: &str = "SDM_COMPLETION_TOKEN";

/// Longest token in bytes.
const MAX_TOKEN: u64 = 1024;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal: GoalWords,
    /// What came of it: success, failure, waiting_for_approval, stopped, skipped; in_process for news
    #[arg(long, value_name = "STATE")]
    state: String,
    /// File with the token, `-` for standard input; the variable SDM_COMPLETION_TOKEN when absent
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Text to show
    #[arg(long)]
    description: Option<String>,
    /// Finer label
    #[arg(long)]
    phase: Option<String>,
    /// Why it failed
    #[arg(long)]
    message: Option<String>,
    /// Data for later goals, JSON by convention
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Address to show; may be given several times
    #[arg(long = "url", value_name = "URL")]
    urls: Vec<String>,
}

/// `sdm complete`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let state = StateName::parse(&args.state.replace('-', "_")).ok_or_else(|| {
        CommandError::new(
            ErrorKind::Usage,
            format!("`{}` is not a state of a goal", args.state),
        )
        .hint("say success, failure, waiting_for_approval, stopped, skipped or in_process")
    })?;
    let token = token(context, args)?;
    let (client, status) = context.daemon()?;
    let completion = Completion {
        state,
        description: args.description.clone(),
        phase: args.phase.clone(),
        message: args.message.clone(),
        data: args.data.clone(),
        urls: args.urls.clone(),
    };
    let request = Request::Complete {
        goal: args.goal.choice(context, &status),
        token,
        completion: Box::new(completion),
    };
    let sets = context.goal_sets(&client, &request)?;
    super::act::show(context, &sets)
}

fn token(context: &Context, args: &Args) -> Result<String, CommandError> {
    let given = match &args.token_file {
        Some(path) if path.as_os_str() == "-" => read(std::io::stdin()),
        Some(path) => std::fs::File::open(context.absolute(path)).and_then(read),
        None => Ok(context.sources.variable(VARIABLE).unwrap_or_default().to_owned()),
    };
    let given = given.map_err(|error| {
        CommandError::new(ErrorKind::Usage, format!("failed to read the token: {error}"))
            .hint("`--token-file` names a file with nothing else in it")
    })?;
    match given.trim() {
        "" => Err(CommandError::new(ErrorKind::Usage, "there is no token")
            .hint(format!("set {VARIABLE}, or name a file with `--token-file`"))),
        token => Ok(token.to_owned()),
    }
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(MAX_TOKEN).read_to_string(&mut text)?;
    Ok(text)
}
