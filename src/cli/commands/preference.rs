//! `sdm preference`: values that commands, listeners and rules share (semantics 6).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::text::neutralise;
use crate::spec::parse_duration;
use crate::wire::control::{PreferenceAct, Reply, Request};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum PreferenceCommand {
    /// Print a value
    Get {
        /// Its key
        key: String,
        #[command(flatten)]
        scope: Scope,
    },
    /// Set a value, which rules see as `preferences.KEY`
    Put {
        /// Its key
        key: String,
        /// JSON, or text
        value: String,
        /// How long it lives, such as `10m`; for good when absent
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        #[command(flatten)]
        scope: Scope,
    },
    /// Print all values
    List {
        #[command(flatten)]
        scope: Scope,
    },
    /// Remove a value
    Delete {
        /// Its key
        key: String,
        #[command(flatten)]
        scope: Scope,
    },
}

/// Where a preference is.
#[derive(Debug, Clone, clap::Args)]
pub struct Scope {
    /// Scope; `machine` is what commands, listeners and rules see, `workspace` what all machines of a hub share, as
    /// `preferences.workspace`
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
}

/// `sdm preference`.
pub(super) fn run(context: &mut Context, command: &PreferenceCommand) -> CommandResult {
    match command {
        PreferenceCommand::Get { key, scope } => {
            let found = ask(context, scope, PreferenceAct::Get { key: key.clone() })?;
            get(context, key, found.get(key))
        }
        PreferenceCommand::List { scope } => {
            let found = ask(context, scope, PreferenceAct::List)?;
            list(context, &found)
        }
        PreferenceCommand::Put {
            key,
            value,
            ttl,
            scope,
        } => {
            let act = PreferenceAct::Put {
                key: key.clone(),
                value: serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str())),
                ttl: ttl.as_deref().map(milliseconds).transpose()?,
            };
            ask(context, scope, act).map(|_| Exit::Ok)
        }
        PreferenceCommand::Delete { key, scope } => {
            ask(context, scope, PreferenceAct::Delete { key: key.clone() }).map(|_| Exit::Ok)
        }
    }
}

fn milliseconds(text: &str) -> Result<u64, CommandError> {
    let duration = parse_duration(text).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    u64::try_from(duration.as_millis()).map_err(|_| CommandError::new(ErrorKind::Usage, "--ttl is too long"))
}

fn ask(
    context: &Context,
    scope: &Scope,
    preference: PreferenceAct,
) -> Result<BTreeMap<String, Value>, CommandError> {
    let (client, _) = context.daemon()?;
    let request = Request::Preference {
        scope: scope.scope.clone(),
        preference,
    };
    let replies = context.ask(&client, &request)?;
    let found = replies.into_iter().find_map(|reply| match reply {
        Reply::Preferences { preferences } => Some(preferences),
        _ => None,
    });
    Ok(found.unwrap_or_default())
}

fn get(context: &mut Context, key: &str, value: Option<&Value>) -> CommandResult {
    let Some(value) = value else {
        context.ui.note(&format!("there is no preference `{key}`"));
        return Ok(Exit::Bad);
    };
    if context.ui.json {
        context.ui.object(&json!({"key": key, "value": value}))?;
    } else {
        context.ui.data(&format!("{}\n", shown(value)))?;
    }
    Ok(Exit::Ok)
}

fn list(context: &mut Context, found: &BTreeMap<String, Value>) -> CommandResult {
    if context.ui.json {
        context.ui.object(&json!({ "preferences": found }))?;
    } else {
        for (key, value) in found {
            context
                .ui
                .data(&format!("{} = {}\n", neutralise(key), shown(value)))?;
        }
    }
    Ok(Exit::Ok)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => neutralise(text),
        other => neutralise(&other.to_string()),
    }
}
