//! `sdm hub`: the service that machines register with.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors;
use super::super::error::{CommandError, ErrorKind};
use crate::config::load;
use crate::hub::{FIRST_WORKSPACE, Hub, HubConfiguration};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen on
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8866",
        env = "SDM_HUB_LISTEN"
    )]
    listen: SocketAddr,
    /// How machines and browsers reach it, where that is another address: `https://hub.example.org`
    #[arg(long, value_name = "URL", env = "SDM_HUB_URL")]
    url: Option<String>,
    /// File that holds what the forge signs its webhooks with; without it none are taken
    #[arg(long, value_name = "FILE", env = "SDM_HUB_WEBHOOK_SECRET_FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// File that holds the address of a Postgres database, which begins with `postgres://`; else a file in the state directory
    #[arg(long, value_name = "FILE", env = "SDM_HUB_DATABASE_FILE")]
    database_file: Option<PathBuf>,
}

/// `sdm hub`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let configuration = load(&context.sources, &context.flags)?;
    let base_url = args
        .url
        .clone()
        .unwrap_or_else(|| format!("http://{}", args.listen));
    let is_address = base_url.starts_with("http://") || base_url.starts_with("https://");
    if !is_address {
        return Err(CommandError::new(
            ErrorKind::Usage,
            format!("`{base_url}` is no http or https address"),
        ));
    }
    let hub = HubConfiguration {
        listen: args.listen,
        base_url: base_url.trim_end_matches('/').to_owned(),
        state_directory: configuration.state_directory.join("hub"),
        database: args.database_file.as_ref().map(secret_of).transpose()?,
        webhook_secret: args.webhook_secret_file.as_ref().map(secret_of).transpose()?,
    };
    let (base, state) = (hub.base_url.clone(), hub.state_directory.clone());
    let ui = &context.ui;
    doors::start_hub(hub, &configuration.log_level, &|hub: &Hub| {
        ui.note(&format!(
            "the hub answers at {base}; its state is in {}",
            state.display()
        ));
        if let Some(key) = hub.first_key() {
            ui.note(&format!(
                "a first key, for machines of the workspace `{FIRST_WORKSPACE}`; it is shown once:"
            ));
            ui.note(key.text.expose_secret());
        }
    })?;
    Ok(Exit::Ok)
}

/// The one line of a file.
fn secret_of(path: &PathBuf) -> Result<SecretString, CommandError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|error| {
        CommandError::new(
            ErrorKind::Usage,
            format!("{} cannot be read: {error}", path.display()),
        )
    })?;
    match text.trim() {
        "" => Err(CommandError::new(
            ErrorKind::Usage,
            format!("{} is empty", path.display()),
        )),
        text => Ok(SecretString::from(text.to_owned())),
    }
}
