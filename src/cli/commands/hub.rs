//! `sdm hub`: the workspace service, its keys, its machines, and what could not be delivered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::{HubNews, administer, asked_webhooks, run_hub, sign_in_providers};
use super::super::text::neutralise;
use super::super::ui::Ui;
use super::hub_addons;
use super::hub_extensions::{self, ExtensionsCommand, OutsideArgs};
use super::hub_health;
use super::hub_machines;
use super::hub_people;
use super::hub_restore::{self, RestoreArgs};
use super::hub_secrets::{self, MasterKeyArgs, SecretsCommand};
use super::hub_trust;
use super::hub_webhooks::{self, SecretFile};
use crate::config::{Configuration, LogFormat};
use crate::daemon::collector::collector;
use crate::daemon::files;
use crate::hub::HubOptions;
use crate::hub::addons::tell::ToldChannel;
use crate::hub::administration::KeyWish;
use crate::hub::extensions::Network;
use crate::hub::logs::LogOptions;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, RestedLogs, StoredKey};
use crate::runtime::causes::chain;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::{dumps, telemetry};
use crate::store::hub::Place;

/// Where a hub listens unless told otherwise.
pub(super) const LISTEN: &str = "127.0.0.1:2867";

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The workspace of a first key unless told otherwise.
pub(super) const WORKSPACE: &str = "main";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<HubCommand>,
    /// Where the hub's memory is: a file, or the URL of a Postgres database; hub.db in the state directory when absent
    #[arg(long, global = true, value_name = "FILE|URL")]
    database: Option<String>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN)]
    listen: SocketAddr,
    /// Address at which machines and people reach the hub, when it is another
    #[arg(long, global = true, value_name = "URL")]
    address: Option<String>,
    /// File with a secret of webhooks, of a workspace or of all that have none of their own, made when it is missing; may be
    /// repeated, and several of a workspace count at once; hub-webhook-secret in the state directory when absent
    #[arg(long = "webhook-secret", value_name = "[WORKSPACE=]FILE")]
    webhook_secrets: Vec<SecretFile>,
    /// A secret for machines that declare it and may read every repository, such as github://org_token=FILE
    #[arg(long = "secret", value_name = "URI=FILE")]
    secrets: Vec<String>,
    /// Policy by which the hub decides who may do what, and nothing else then; what administrators decided when absent
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The audit log; hub-audit.jsonl in the state directory when absent
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    #[command(flatten)]
    master_keys: MasterKeyArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    /// Directory for logs of goals that have rested for a day; hub-logs beside the hub's file when absent, none with Postgres
    #[arg(long, value_name = "DIRECTORY")]
    logs: Option<PathBuf>,
    /// Put such logs into the `file_store` of the configuration instead; those in the directory stay readable
    #[arg(long)]
    logs_in_store: bool,
    /// Days that logs of goals are kept
    #[arg(long, value_name = "NUMBER", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    log_days: u32,
    /// Days that goal sets that have ended are kept, with what was pushed, where nothing points at it any more; 0 for ever
    #[arg(long, value_name = "NUMBER", default_value_t = 400, value_parser = clap::value_parser!(u32).range(0..=3660))]
    history_days: u32,
    /// File that names the systems that people sign in with; they sign in by links alone when absent
    #[arg(long, value_name = "FILE")]
    sign_in: Option<PathBuf>,
    /// File that names webhooks of repositories and organisations at GitHub, which are asked for what did not arrive
    #[arg(long, value_name = "FILE")]
    hooks: Option<PathBuf>,
    /// Seconds for which the hub says that it is not ready (`GET /health/ready`) before it ends, for who spreads requests over several
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=600))]
    notice: u32,
    /// Network of proxies in front of the hub whose word about where a request comes from is believed, such as 127.0.0.1
    #[arg(long = "proxy", value_name = "NETWORK")]
    proxies: Vec<Network>,
    /// Channel in which administrators are told that an add-on waits for consent, NAME or TEAM:NAME, for the add-on that is in that chat
    #[arg(long, value_name = "CHANNEL")]
    tell: Option<ToldChannel>,
    /// Workspace of the first key
    #[arg(long, value_name = "ID", default_value = WORKSPACE)]
    workspace: String,
}

/// What to do beside running it.
#[derive(Debug, clap::Subcommand)]
enum HubCommand {
    /// Make, list and revoke keys
    #[command(subcommand, arg_required_else_help = true)]
    Key(KeyCommand),
    /// Programs of others that the hub calls and that call the hub
    #[command(subcommand, arg_required_else_help = true)]
    Extensions(ExtensionsCommand),
    /// What is in the hub's safe, and a new master key for it
    #[command(subcommand, arg_required_else_help = true)]
    Secrets(SecretsCommand),
    /// List people, invite them, sign them in, change what they are
    People(hub_people::Args),
    /// List machines and extensions with what they may do, agree to what they ask for, switch them off, take them away
    Addons(hub_addons::AddonArgs),
    /// List what add-ons and people were granted, give and take
    Grants(hub_addons::GrantArgs),
    /// List issuers of tokens whose jobs are add-ons, trust one, trust one no more
    Trust(hub_trust::Args),
    /// Print who may do what as a policy, or put another in force
    #[command(subcommand, arg_required_else_help = true)]
    Policy(hub_addons::PolicyCommand),
    /// List machines that registered, take one away, or let one in again
    Machines(hub_machines::Args),
    /// Say by the exit code whether the hub is well, or ready: 0, or 3 when it is not
    Health(hub_health::Args),
    /// Write a copy of the hub's memory, while it goes on
    Backup(BackupArgs),
    /// Put the hub's memory back to a copy; the hub must not run
    Restore(RestoreArgs),
    /// List what could not be delivered, or deliver it again
    Dead(DeadArgs),
}

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Make a key, and print it once
    New(NewArgs),
    /// List keys; never what is secret about them
    List,
    /// Revoke a key; what is connected with it is cut within seconds
    Revoke {
        /// Its id
        id: String,
    },
}

/// What a key is for.
#[derive(Debug, clap::Args)]
struct NewArgs {
    /// Whose key it is
    #[arg(value_name = "OWNER")]
    owner: String,
    /// The owner is a person, not a machine
    #[arg(long)]
    person: bool,
    /// Workspaces; `main` when absent
    #[arg(long = "workspace", value_name = "ID")]
    workspaces: Vec<String>,
    /// Scopes: events:read, graph:read, repo:meta, goals:read, goals:write, goals:delete, messages:read,
    /// messages:write, commands:register, ingest:write, repo:read, act_as_user,
    /// secrets:user_token, admin:read, admin:write; what a machine needs when absent
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Repositories that it is for, `owner/name` or `owner/*`, after their forge where there are several; everything when absent
    #[arg(long = "repo", value_name = "OWNER/NAME")]
    repositories: Vec<String>,
    /// Another place that it may write to when it is limited to repositories, such as env:production, feed:Deploy or workspace
    #[arg(long = "on", value_name = "RESOURCE", requires = "repositories")]
    places: Vec<String>,
    /// Agree to nothing with the key: its machine waits until an administrator agrees to what it asks for
    #[arg(long = "wait", conflicts_with_all = ["repositories", "person"])]
    waits: bool,
    /// Days that it lasts, at most 366; 90 when absent
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=366))]
    days: Option<u32>,
}

/// Where to.
#[derive(Debug, clap::Args)]
struct BackupArgs {
    /// File to write; it must not be there yet
    file: PathBuf,
}

/// Which deliveries.
#[derive(Debug, clap::Args)]
struct DeadArgs {
    /// Of this workspace
    #[arg(long = "of", value_name = "WORKSPACE", default_value = WORKSPACE)]
    of: String,
    /// Let the delivery of this id wait for its machine again
    #[arg(long, value_name = "ID")]
    replay: Option<String>,
}

/// `sdm hub`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let place = place(context, args)?;
    match &args.command {
        None => serve(context, args, place),
        Some(HubCommand::Key(command)) => keys(context, &place, command),
        Some(HubCommand::Extensions(command)) => {
            hub_extensions::run(context, &place, (&args.master_keys, &args.outside), command)
        }
        Some(HubCommand::Secrets(command)) => hub_secrets::run(context, &place, &args.master_keys, command),
        Some(HubCommand::People(people)) => {
            let address = args
                .address
                .clone()
                .unwrap_or_else(|| format!("http://{}", args.listen));
            hub_people::run(context, &place, people, &address)
        }
        Some(HubCommand::Addons(args)) => hub_addons::addons(context, &place, args),
        Some(HubCommand::Grants(args)) => hub_addons::grants(context, &place, args),
        Some(HubCommand::Trust(trust)) => hub_trust::run(context, &place, trust, args.address.as_deref()),
        Some(HubCommand::Policy(command)) => hub_addons::policy(context, &place, command),
        Some(HubCommand::Machines(args)) => hub_machines::run(context, &place, args),
        Some(HubCommand::Health(args)) => hub_health::run(context, args),
        Some(HubCommand::Backup(args)) => {
            let file = context.sources.directory.join(&args.file);
            administer(&place, false, |hub| async move { hub.back_up(&file).await })?;
            context
                .ui
                .note("written; to go back to it, stop the hub and say `sdm hub restore FILE`");
            Ok(Exit::Ok)
        }
        Some(HubCommand::Restore(args)) => hub_restore::run(context, &place, args),
        Some(HubCommand::Dead(args)) => dead(context, &place, args),
    }
}

fn place(context: &Context, args: &Args) -> Result<Place, CommandError> {
    match args.database.as_deref().map(Place::read) {
        Some(Place::File(path)) => Ok(Place::File(context.sources.directory.join(path))),
        Some(place) => Ok(place),
        None => Ok(Place::File(
            context.configuration()?.state_directory.join("hub.db"),
        )),
    }
}

fn serve(context: &Context, args: &Args, place: Place) -> CommandResult {
    let configuration = context.configuration()?;
    telemetry::start(
        &configuration.log_level,
        match configuration.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        },
    );
    if let Some(address) = &args.address
        && !(address.starts_with("http://") || address.starts_with("https://"))
    {
        return Err(
            CommandError::new(ErrorKind::Usage, format!("{address} is no address of a hub"))
                .hint("write it with its scheme, such as https://hub.example.org"),
        );
    }
    let logs = logs(context, args, &place);
    let mut options = HubOptions::new(place, args.listen);
    options.logs = logs;
    options.history = (args.history_days > 0).then(|| DAY * args.history_days);
    options.address.clone_from(&args.address);
    let given = |file: &PathBuf| context.sources.directory.join(file);
    options.policy = args.policy.as_ref().map(given);
    options.audit = Some(match &args.audit {
        Some(file) => given(file),
        None => configuration.state_directory.join("hub-audit.jsonl"),
    });
    let usual = configuration.state_directory.join("hub-webhook-secret");
    let (ui, directory) = (&context.ui, &context.sources.directory);
    options.webhooks = hub_webhooks::load(ui, directory, &args.webhook_secrets, usual)?;
    options.secrets = secrets(context, &args.secrets)?;
    if let Some(file) = &args.hooks {
        options.hooks = asked_webhooks(&given(file))?;
    }
    if let Some(file) = &args.sign_in {
        options.providers = sign_in_providers(&given(file))?;
    }
    options.master_keys = args.master_keys.load(context)?;
    options.extensions = args.outside.options();
    options.log_store = log_store(&configuration, args)?;
    options.traces = collector(&configuration, "sdm-hub")
        .map_err(|error| CommandError::new(ErrorKind::Usage, chain(&error)))?;
    options.notice = Duration::from_secs(args.notice.into());
    options.proxies.clone_from(&args.proxies);
    options.told_channel.clone_from(&args.tell);
    dumps::forbid().map_err(|error| CommandError::from_error(ErrorKind::Internal, error))?;
    run_hub(options, &args.workspace, &|news| tell(ui, &args.workspace, &news))?;
    Ok(Exit::Ok)
}

/// The bucket for logs, if they go there.
fn log_store(
    configuration: &Configuration,
    args: &Args,
) -> Result<Option<Arc<dyn RestedLogs>>, CommandError> {
    if !args.logs_in_store {
        return Ok(None);
    }
    let store = files::log_store(configuration).map_err(|error| {
        let message = format!("the file store cannot be used: {}", chain(&error));
        CommandError::new(ErrorKind::Usage, message)
    })?;
    let missing = || {
        CommandError::new(
            ErrorKind::Usage,
            "there is no `file_store` in the configuration".to_owned(),
        )
        .hint("write it there as for a machine, or leave out --logs-in-store")
    };
    store.map(Some).ok_or_else(missing)
}

/// What becomes of logs. Replicas on Postgres have no directory in common unless somebody says so.
fn logs(context: &Context, args: &Args, place: &Place) -> LogOptions {
    let directory = match (&args.logs, place) {
        (Some(directory), _) => Some(context.sources.directory.join(directory)),
        (None, Place::File(file)) => Some(file.with_file_name("hub-logs")),
        (None, Place::Postgres(_)) => None,
    };
    LogOptions {
        directory,
        keep: DAY * args.log_days,
        ..LogOptions::default()
    }
}

/// Secrets from the files that the command line names.
fn secrets(context: &Context, named: &[String]) -> Result<BTreeMap<String, SecretString>, CommandError> {
    let mut secrets = BTreeMap::new();
    for one in named {
        let parts = one.split_once('=').filter(|(uri, _)| uri.contains("://"));
        let Some((uri, file)) = parts else {
            let message = format!("`{}` is no secret with its file", neutralise(one));
            return Err(
                CommandError::new(ErrorKind::Usage, message).hint("write it as github://org_token=FILE")
            );
        };
        let text = std::fs::read_to_string(context.sources.directory.join(file)).map_err(|error| {
            CommandError::new(
                ErrorKind::Usage,
                format!("the secret in {} cannot be read: {error}", neutralise(file)),
            )
        })?;
        secrets.insert(uri.to_owned(), SecretString::from(text.trim()));
    }
    Ok(secrets)
}

fn tell(ui: &Ui, workspace: &str, news: &HubNews<'_>) {
    match news {
        HubNews::Started {
            address,
            first_key,
            first_link,
        } => {
            ui.note(&format!("the hub listens: {}", neutralise(address)));
            match first_key {
                Some(key) => {
                    ui.note(&format!(
                        "a first key, for machines of workspace `{}`; it is shown only now:",
                        neutralise(workspace)
                    ));
                    ui.note(&format!("  {key}"));
                    ui.note("machines send it as `Authorization: Bearer …`; more keys: `sdm hub key new`");
                }
                None => ui.note("more keys: `sdm hub key new`; stop with Ctrl-C"),
            }
            if let Some(link) = first_link {
                ui.note("nobody administers the hub yet; whoever opens this link within 15 minutes does:");
                ui.note(&format!("  {}", neutralise(link)));
            }
        }
        HubNews::Stopping => ui.note("stopping; machines are told to come back"),
    }
}

fn keys(context: &mut Context, place: &Place, command: &KeyCommand) -> CommandResult {
    match command {
        KeyCommand::New(args) => {
            let wish = KeyWish {
                name: args.owner.clone(),
                is_person: args.person,
                workspaces: match args.workspaces.as_slice() {
                    [] => vec![WORKSPACE.to_owned()],
                    named => named.to_vec(),
                },
                scopes: args.scopes.clone(),
                repositories: args.repositories.clone(),
                places: args.places.clone(),
                waits: args.waits,
                days: args.days,
            };
            let (key, text) = administer(place, true, |hub| async move { hub.new_key(&wish).await })?;
            if context.ui.json {
                let mut shown = key_row(&key);
                shown["key"] = json!(text);
                context.ui.object(&shown)?;
            } else {
                context.ui.data(&format!("{text}\n"))?;
                context.ui.note(&format!(
                    "key {} of {}, until {}; it is shown only now",
                    key.id,
                    neutralise(&key.owner),
                    key.expires.rfc3339()
                ));
            }
            if args.person {
                hub_people::warn_of_unseen(context, place, &args.owner)?;
            }
        }
        KeyCommand::List => {
            let keys = administer(place, false, |hub| async move { hub.keys().await })?;
            show(context, "keys", keys.iter().map(key_row).collect(), key_line)?;
        }
        KeyCommand::Revoke { id } => {
            administer(place, false, |hub| async move { hub.revoke_key(id).await })?;
            context.ui.note("revoked");
        }
    }
    Ok(Exit::Ok)
}

fn dead(context: &mut Context, place: &Place, args: &DeadArgs) -> CommandResult {
    match &args.replay {
        Some(id) => {
            administer(place, false, |hub| async move { hub.revive(id).await })?;
            context.ui.note("it waits for its machine again");
        }
        None => {
            let dead = administer(place, false, |hub| async move { hub.dead(&args.of).await })?;
            show(context, "dead", dead.iter().map(dead_row).collect(), dead_line)?;
        }
    }
    Ok(Exit::Ok)
}

/// Rows as JSON, or as lines.
pub(super) fn show(
    context: &mut Context,
    what: &str,
    rows: Vec<Value>,
    line: fn(&Value) -> String,
) -> Result<(), CommandError> {
    if context.ui.json {
        let rows = Value::Array(rows);
        return Ok(context.ui.object(&json!({ what: rows }))?);
    }
    if rows.is_empty() {
        context.ui.note(&format!("no {what}"));
    }
    let lines: String = rows.iter().map(|row| neutralise(&line(row)) + "\n").collect();
    Ok(context.ui.data(&lines)?)
}

fn key_row(key: &StoredKey) -> Value {
    let now = SystemClock.now();
    let state = match (key.revoked, key.expires <= now) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "good",
    };
    json!({
        "id": key.id, "owner": key.owner, "state": state, "workspaces": key.workspaces, "scopes": key.scopes,
        "repositories": key.repositories, "waits": !key.is_chosen,
        "created_at": key.created.rfc3339(), "expires_at": key.expires.rfc3339(),
        "last_used_at": key.last_used.map(Timestamp::rfc3339),
    })
}

fn key_line(row: &Value) -> String {
    let repositories = list(row, "repositories");
    let limited = match repositories.is_empty() {
        true => String::new(),
        false => format!("  in {repositories}"),
    };
    format!(
        "{}  {:<7}  {}  for {}  until {}  {}{limited}",
        word(row, "id"),
        word(row, "state"),
        word(row, "owner"),
        list(row, "workspaces"),
        word(row, "expires_at").get(..10).unwrap_or_default(),
        list(row, "scopes")
    )
}

fn dead_row(delivery: &Delivery) -> Value {
    let what = &delivery.what;
    json!({
        "id": what.id, "operation": what.operation, "registration": what.registration, "attempts": delivery.attempts,
        "because": delivery.because, "can_be_replayed": !delivery.is_blank, "created_at": what.created.rfc3339(),
    })
}

fn dead_line(row: &Value) -> String {
    let blank = match row["can_be_replayed"] == false {
        true => "; cannot be replayed, as what is not shown again was not kept",
        false => "",
    };
    format!(
        "{}  {}  {}  {} attempts: {}{blank}",
        word(row, "id"),
        word(row, "created_at"),
        word(row, "operation"),
        row["attempts"],
        word(row, "because")
    )
}

pub(super) fn word<'r>(row: &'r Value, field: &str) -> &'r str {
    row[field].as_str().unwrap_or_default()
}

pub(super) fn list(row: &Value, field: &str) -> String {
    let words = row[field]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(",")
}
