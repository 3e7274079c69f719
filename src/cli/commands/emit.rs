//! `sdm emit`: tells listeners that something happened.

use std::io::Read;

use serde_json::Value;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::do_command::within;
use crate::model::event::LARGEST_PAYLOAD;
use crate::wire::control::Request;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the event
    event: String,
    /// What it carries, a JSON object; `-` reads it from standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    payload: String,
}

/// `sdm emit`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let mut text = args.payload.clone();
    if text == "-" {
        text.clear();
        let limit = LARGEST_PAYLOAD as u64 + 1;
        let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
        read.map_err(|error| {
            CommandError::new(ErrorKind::Usage, "failed to read the event").caused_by(error)
        })?;
    }
    if text.len() > LARGEST_PAYLOAD {
        let message = format!("an event carries at most {} KiB", LARGEST_PAYLOAD / 1024);
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("write the rest to a file, and its name into the event"));
    }
    let payload: Value = serde_json::from_str(&text).map_err(|error| {
        CommandError::new(ErrorKind::Usage, "what the event carries is not JSON")
            .caused_by(error)
            .hint("such as '{\"name\": \"value\"}'")
    })?;
    let (client, _) = context.daemon()?;
    let request = Request::Emit {
        event: args.event.clone(),
        payload,
        within: within(context),
    };
    context.ask(&client, &request)?;
    Ok(Exit::Ok)
}
