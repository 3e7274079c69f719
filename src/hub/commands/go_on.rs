//! What somebody says to a command that asked for more: checked as what they said first, and by what was asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::machines::known::Machine;
use super::super::refusal::Refusal;
use super::{as_asked, asks_for_nothing, check, checked, hidden, parsed};
use crate::ports::hub::{Phase, StoredInvocation};
use crate::wire::hub::{Command, CommandInvocation, NameValue, Parameter};

/// What is given.
#[derive(Debug, Deserialize)]
struct More {
    parameters: Vec<NameValue>,
}

/// `POST /command/{command}/invocation/{id}`: more parameters for a machine that asked for them.
pub(in super::super) async fn go_on(
    State(hub): State<Hub>,
    Path((_, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let stored = hub.invocation_of(&caller, &id).await?;
    if stored.phase != Phase::Asking {
        return Err(asks_for_nothing());
    }
    let more: More = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("the parameters cannot be read: {error}");
        Refusal::bad("malformed_body", message)
    })?;
    let (machine, command) = hub.asking(&stored)?;
    if !hub.takes_commands(&machine.stored.principal).await? {
        return Err(Refusal::conflict(
            "an administrator has taken the right to commands away from the machine that asks",
        ));
    }
    let again = with_more(&stored, &command, more.parameters)?;
    // What somebody might do when they asked they may not do any more, or not with what they say now.
    hub.may_go_on(&caller, &machine, &again).await?;
    let asked = as_asked(&hub, &stored).unwrap_or_default();
    let base = hub.address_for(&headers);
    hub.may_act_for(&caller, &command, &asked, &base).await?;
    let hidden = hidden_in(&stored, &command);
    hub.let_wait(&caller, (&machine, &hidden), &again, &id).await?;
    hub.note_asked(&caller, &machine.stored.name, &again).await;
    Ok(Json(json!({"invocation": {"id": id}})))
}

/// What was asked with more parameters, once they have been checked.
fn with_more(
    stored: &StoredInvocation,
    command: &Command,
    more: Vec<NameValue>,
) -> Result<CommandInvocation, Refusal> {
    let mut again: CommandInvocation = serde_json::from_value(hidden::whole(&stored.request))
        .map_err(|_| Refusal::conflict("what was asked cannot be read any more"))?;
    let asked_for = asked_for(&stored.answer);
    checked(&check::continued(command, asked_for, (&again.parameters, &more)))?;
    again
        .parameters
        .retain(|known| more.iter().all(|new| new.name != known.name));
    again.parameters.extend(more);
    Ok(again)
}

/// What is not to be shown again: of the command, of what was asked for now, and of what was asked for before.
fn hidden_in(stored: &StoredInvocation, command: &Command) -> BTreeSet<String> {
    let mut hidden = hidden::among(&command.parameters);
    hidden.extend(hidden::among(&asked_for(&stored.answer)));
    hidden.extend(hidden::blank_in(&stored.request));
    hidden
}

/// What a machine asked for, as far as it can be read.
fn asked_for(answer: &str) -> Vec<Parameter> {
    let mut answer = parsed(answer);
    let asked_for = answer.get_mut("parameter_specs").map(Value::take);
    asked_for
        .and_then(|asked_for| serde_json::from_value(asked_for).ok())
        .unwrap_or_default()
}

impl Hub {
    /// The machine that asks, and the command as it announced it: where another version of it is served by now, that knows nothing of
    /// what was asked.
    fn asking(&self, stored: &StoredInvocation) -> Result<(Arc<Machine>, Command), Refusal> {
        let workspace = self.known().machines().workspace(&stored.workspace);
        let mut served = workspace.all_served();
        let machine = served.find(|machine| machine.stored.id == stored.registration);
        let found = machine.and_then(|machine| {
            let mut commands = machine.registration.commands.iter();
            let command = commands.find(|command| command.name == stored.command)?;
            Some((Arc::clone(machine), command.clone()))
        });
        found.ok_or_else(|| {
            Refusal::conflict("the machine that asks is not there any more, or another has its name: ask for the command again")
        })
    }
}
