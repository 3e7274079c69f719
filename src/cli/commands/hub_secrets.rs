//! `sdm hub secrets`: what is in the hub's safe, and a new master key for it. Nothing here shows a secret.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::{administer, master_keys};
use super::super::text::neutralise;
use crate::config::SecretSource;
use crate::ports::hub::secrets::SealedSecret;
use crate::secrets::envelope::{MasterKeys, wrapped_by};
use crate::store::hub::Place;

/// How long a keeper of secrets may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the master keys are.
#[derive(Debug, Clone, Args)]
pub(super) struct MasterKeyArgs {
    /// What opens the secrets in the hub's memory: a file, `credential:NAME` of systemd, or `command:PROGRAM ARGUMENT…` that prints it
    #[arg(long, global = true, value_name = "WHERE")]
    master_key: Option<String>,
    /// A master key before it, until `sdm hub secrets seal` has been run
    #[arg(long = "earlier-master-key", global = true, value_name = "WHERE")]
    earlier: Vec<String>,
}

impl MasterKeyArgs {
    /// Reads the keys; none when none is named.
    pub(super) fn load(&self, context: &Context) -> Result<Option<Arc<MasterKeys>>, CommandError> {
        let Some(current) = &self.master_key else {
            return match self.earlier.as_slice() {
                [] => Ok(None),
                _ => Err(CommandError::new(
                    ErrorKind::Usage,
                    "an earlier master key is named, and no present one",
                )
                .hint("name the present one with `--master-key`")),
            };
        };
        let earlier: Result<Vec<SecretSource>, CommandError> =
            self.earlier.iter().map(|text| place(context, text)).collect();
        let (current, earlier) = (place(context, current)?, earlier?);
        Ok(Some(Arc::new(master_keys(&current, &earlier)?)))
    }
}

/// Where a master key is, as the command line says it.
fn place(context: &Context, text: &str) -> Result<SecretSource, CommandError> {
    if let Some(words) = text.strip_prefix("command:") {
        return Ok(SecretSource::Command {
            argv: words.split_whitespace().map(str::to_owned).collect(),
            timeout: PATIENCE,
            keep: Duration::ZERO,
        });
    }
    let Some(name) = text.strip_prefix("credential:") else {
        return Ok(SecretSource::File(context.sources.directory.join(text)));
    };
    let is_name = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    let directory = context.sources.environment.get("CREDENTIALS_DIRECTORY");
    match directory {
        Some(directory) if is_name => Ok(SecretSource::File(PathBuf::from(directory).join(name))),
        _ => Err(CommandError::new(
            ErrorKind::Usage,
            format!("there is no credential `{}`", neutralise(name)),
        )
        .hint("systemd gives credentials to services: write `LoadCredential=NAME:FILE` into the unit")),
    }
}

/// What to do with the safe.
#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// List what is in the safe: kinds, owners and times
    List,
    /// Wrap every secret with the present master key, so that earlier ones are not needed any more
    Seal,
}

/// `sdm hub secrets`.
pub(super) fn run(
    context: &mut Context,
    place: &Place,
    keys: &MasterKeyArgs,
    command: &SecretsCommand,
) -> CommandResult {
    match command {
        SecretsCommand::List => list(context, place),
        SecretsCommand::Seal => seal(context, place, keys),
    }
}

fn list(context: &mut Context, place: &Place) -> CommandResult {
    let secrets = administer(place, false, |hub| async move { hub.secrets().await })?;
    let rows: Vec<Value> = secrets.iter().map(row).collect();
    if context.ui.json {
        context.ui.object(&json!({ "secrets": rows }))?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        context.ui.note("the safe is empty");
    }
    let lines: String = rows.iter().map(|row| neutralise(&line(row)) + "\n").collect();
    context.ui.data(&lines)?;
    Ok(Exit::Ok)
}

fn row(secret: &SealedSecret) -> Value {
    json!({
        "kind": secret.kind, "owner": secret.owner, "id": secret.id, "changed_at": secret.changed.rfc3339(),
        "master_key": wrapped_by(&secret.sealed).unwrap_or("unreadable"),
    })
}

fn line(row: &Value) -> String {
    let word = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    format!(
        "{}  {}  {}  {}  wrapped by {}",
        word("kind"),
        word("owner"),
        word("id"),
        word("changed_at"),
        word("master_key")
    )
}

fn seal(context: &mut Context, place: &Place, keys: &MasterKeyArgs) -> CommandResult {
    let keys = keys.load(context)?.ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, "no master key is named")
            .hint("name the new one with `--master-key` and the one before it with `--earlier-master-key`")
    })?;
    let id = keys.current().id().to_owned();
    let done = administer(place, false, |hub| async move { hub.seal_all_again(keys).await })?;
    context.ui.note(&format!(
        "{} of {} secrets are wrapped anew; master key {id} opens all of them",
        done.again, done.all
    ));
    Ok(Exit::Ok)
}
