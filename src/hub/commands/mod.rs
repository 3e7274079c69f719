//! What people ask machines to do (wire protocol 4, 5, 13): checked here before a machine hears of it, with results to poll.

mod about;
mod again;
mod caller;
mod channel_messages;
mod check;
mod completion;
mod facts;
mod given_up;
mod go_on;
mod hidden;
mod intent;
mod messages;
mod overdue;
mod pattern;
pub(super) mod progress;
mod stream;
mod taking;
mod wish;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Hub;
use super::access::Caller;
use super::access::operations::Operation;
use super::machines::known::Machine;
use super::refusal::Refusal;
use super::traces::{Taking, What};
use crate::ports::hub::{DeliveryKind, NewDelivery, Phase, Room, StoredInvocation};
use crate::wire::hub::{API_VERSION, Command, CommandInvocation, NameValue, SecretValue, Source, Team};
use intent::Offer;

pub(super) use channel_messages::{press, read_along};
pub(super) use completion::{MAX_RESULT, complete};
pub(super) use go_on::go_on;
pub(super) use wish::Wish;

/// Largest request in bytes.
pub(super) const MAX_REQUEST: usize = 1024 * 1024;

/// Most messages of one invocation that are shown; our machines and `sdm do` take answers of twice as many bytes.
const ROOM: Room = Room {
    messages: 200,
    bytes: 2 * 1024 * 1024,
};

/// What is asked. Everything else of the original's message is the hub's to fill in.
#[derive(Debug, Deserialize)]
struct Request {
    /// Name of the command.
    #[serde(default)]
    command: String,
    /// What somebody says instead: the command's words, something its expression matches, or its name.
    #[serde(default)]
    intent: Option<String>,
    /// The workspace.
    team: Team,
    /// The machine, where several have a command of this name.
    #[serde(default)]
    automation: Option<Automation>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    parameters: Vec<NameValue>,
    #[serde(default)]
    mapped_parameters: Vec<NameValue>,
    #[serde(default)]
    raw_message: Option<String>,
}

/// A machine by name.
#[derive(Debug, Deserialize)]
struct Automation {
    name: String,
}

/// `POST /command`.
pub(super) async fn invoke(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let base = hub.address_for(&headers);
    let taking = hub.begin_trace(What::Command, &headers);
    let (id, command) = begin(&hub, &caller, (&body, &base), taking).await?;
    let url = format!("/command/{}/invocation/{id}", escaped(&command));
    Ok(Json(
        json!({"invocation": {"id": id, "url": format!("{base}{url}")}}),
    ))
}

/// Begins a command at a hub with this address; its id and its name.
async fn begin(
    hub: &Hub,
    caller: &Caller,
    (body, base): (&[u8], &str),
    taking: Option<Taking>,
) -> Result<(String, String), Refusal> {
    let request = read(body)?;
    caller.may(Operation::Invoke, &request.team.id)?;
    let (machine, command) = hub.commanded(&request).await?;
    let id = hub.fresh_id();
    let mut invocation = hub.invocation(caller, (&command, &request, base), &id).await?;
    hub.may_have_done(caller, &command, &invocation).await?;
    invocation.traceparent = taking.as_ref().map(|taking| taking.context.to_string());
    let asked = String::from_utf8_lossy(body);
    hub.may_act_for(caller, &command, &asked, base).await?;
    let hidden = hidden::among(&command.parameters);
    hub.let_wait(caller, (&machine, &hidden), &invocation, &id)
        .await?;
    hub.note_asked(caller, &machine.stored.name, &invocation).await;
    if let Some(taking) = taking {
        let about = [
            ("sdm.workspace", machine.stored.workspace.as_str()),
            ("sdm.command", command.name.as_str()),
            ("sdm.invocation", id.as_str()),
        ];
        hub.took(&taking, about, None);
    }
    Ok((id, command.name))
}

/// Begins a command that somebody had asked for before they let the hub act for them; its id.
pub(super) async fn resume(hub: &Hub, caller: &Caller, asked: &str, base: &str) -> Result<String, Refusal> {
    let taking = hub.begin_trace(What::Command, &HeaderMap::new());
    let begun = begin(hub, caller, (asked.as_bytes(), base), taking).await;
    begun.map(|(id, _)| id)
}

/// An invocation as somebody would ask for it again; `None` when its machine is gone.
pub(super) fn as_asked(hub: &Hub, invocation: &StoredInvocation) -> Option<String> {
    let machines = hub.known().machines();
    let machine = machines.by_id(&invocation.registration)?;
    let mut asked = hidden::whole(&invocation.request);
    asked["automation"] = json!({ "name": machine.stored.name });
    let mut commands = machine.registration.commands.iter();
    if let Some(command) = commands.find(|command| command.name == invocation.command)
        && let Some(given) = asked["parameters"].as_array_mut()
    {
        // What the machine asked for on the way it asks for again, and what is not kept must be said again.
        given.retain(|one| {
            let mut own = command.parameters.iter();
            !one["value"].is_null() && own.any(|own| one["name"] == own.name.as_str())
        });
    }
    Some(asked.to_string())
}

/// How long to wait for what.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    /// Seconds; the answer comes sooner when there is news.
    wait: u64,
    /// Messages that were seen.
    seen: usize,
    /// Number of the progress that was seen; progress is no news to those who do not say.
    progress: Option<u64>,
}

/// `GET /command/{command}/invocation/{id}`: where it stands, at once, after a while, or as a stream.
pub(super) async fn look(
    State(hub): State<Hub>,
    Path((_, id)): Path<(String, String)>,
    Query(waiting): Query<Waiting>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = hub.caller(&headers).await?;
    hub.invocation_of(&caller, &id).await?;
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/event-stream")) {
        return stream::stream(hub, caller.credential_id(), id, &headers);
    }
    let seen = (waiting.seen, waiting.progress);
    let standing = hub.standing_in_time(&id, seen, waiting.wait).await?;
    if waiting.wait > 0 {
        // Rights may have ended while they waited.
        hub.invocation_of(&hub.caller(&headers).await?, &id).await?;
    }
    let (invocation, messages) = (standing.invocation, standing.messages);
    let messages: Vec<Value> = messages.iter().map(|message| parsed(&message.body)).collect();
    Ok(Json(json!({
        "command_request": hidden::shown(&invocation.request), "phase": invocation.phase.word(),
        "command_response": parsed(&invocation.answer), "messages": messages,
        "progress": standing.progress, "asked_by": invocation.asked_by, "created_at": invocation.created.rfc3339(),
        "ended_at": invocation.ended.map(crate::model::Timestamp::rfc3339),
    }))
    .into_response())
}

fn read(body: &[u8]) -> Result<Request, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the command cannot be read: {error}")))
}

/// Refuses parameters with which something is wrong.
fn checked(problems: &[String]) -> Result<(), Refusal> {
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!("the parameters cannot be used: {}", problems.join("; "));
    Err(Refusal::bad("invalid_parameters", message).with(json!({ "problems": problems })))
}

/// Nobody is asked for more, or somebody was faster with it.
fn asks_for_nothing() -> Refusal {
    Refusal::conflict("the machine asks for nothing")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A name as one step of a path.
fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(escape).collect()
}

impl Hub {
    /// What the machine is told, once it has been checked, by a hub with this address.
    async fn invocation(
        &self,
        caller: &Caller,
        (command, request, base): (&Command, &Request, &str),
        id: &str,
    ) -> Result<CommandInvocation, Refusal> {
        checked(&check::parameters(command, &request.parameters))?;
        let asker = self.asker(caller, request.source.as_ref()).await?;
        let facts = self.facts((caller, &asker), request, base).await?;
        let mapped = check::mapped(command, &request.mapped_parameters, &facts)
            .map_err(|message| Refusal::bad("invalid_parameters", message))?;
        let mut source = request.source.clone();
        if let Some(source) = &mut source {
            asker.put_into(source);
        }
        let secrets = command.secrets.iter();
        Ok(CommandInvocation {
            api_version: API_VERSION.to_owned(),
            correlation_id: id.to_owned(),
            command: command.name.clone(),
            team: request.team.clone(),
            source,
            parameters: request.parameters.clone(),
            mapped_parameters: mapped,
            secrets: secrets.map(|secret| SecretValue::none(&secret.uri)).collect(),
            raw_message: request.raw_message.clone().or_else(|| request.intent.clone()),
            context: None,
            known_as: Vec::new(),
            traceparent: None,
        })
    }

    /// The machine that has the command, and the command as it announced it.
    async fn commanded(&self, request: &Request) -> Result<(Arc<Machine>, Command), Refusal> {
        let offers = self.offers(request).await?;
        let found = match &request.intent {
            Some(said) => intent::meant(&offers, said),
            None => {
                let is_named = |(_, command): &&Offer| command.name == request.command;
                offers.iter().filter(is_named).cloned().collect()
            }
        };
        let mut names: Vec<&str> = found
            .iter()
            .map(|(machine, _)| machine.stored.name.as_str())
            .collect();
        names.sort_unstable();
        match found.as_slice() {
            [(machine, command)] => Ok((Arc::clone(machine), command.clone())),
            [] => {
                let said = request.intent.as_deref().unwrap_or(&request.command);
                let near = intent::nearest(&offers, said);
                let near = near
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                let said: String = said.chars().take(100).collect();
                Err(Refusal::missing_thing(format!(
                    "no machine has a command `{said}`{near}"
                )))
            }
            _ => {
                let message = format!(
                    "several machines have it: name one in `automation`: {}",
                    names.join(", ")
                );
                Err(Refusal::bad("ambiguous_command", message))
            }
        }
    }

    /// What the machines that are asked offer, which may still have commands.
    async fn offers(&self, request: &Request) -> Result<Vec<Offer>, Refusal> {
        let workspace = self.known().machines().workspace(&request.team.id);
        let wanted = request
            .automation
            .as_ref()
            .map(|automation| automation.name.as_str());
        let mut offers = Vec::new();
        for machine in workspace.all_served() {
            let is_wanted = wanted.is_none_or(|name| machine.stored.name == name);
            let commands = machine.registration.commands.iter();
            if is_wanted && commands.len() > 0 && self.takes_commands(&machine.stored.principal).await? {
                offers.extend(commands.map(|command| (Arc::clone(machine), command.clone())));
            }
        }
        Ok(offers)
    }

    async fn let_wait(
        &self,
        caller: &Caller,
        (machine, hidden): (&Machine, &BTreeSet<String>),
        invocation: &CommandInvocation,
        id: &str,
    ) -> Result<(), Refusal> {
        let (asked, time) = ((invocation, hidden), self.rhythm().answer);
        let (mut stored, delivery) = self.to_be_kept((caller.owner(), machine), asked, id, time);
        caller.key_id().clone_into(&mut stored.asked_with);
        if !self.store().invoke(&stored, &delivery).await? {
            return Err(asks_for_nothing());
        }
        self.ring();
        Ok(())
    }

    /// A command as it is kept, without what is hidden, with its delivery, for which there is so much time.
    fn to_be_kept(
        &self,
        (asked_by, machine): (&str, &Machine),
        (invocation, hidden): (&CommandInvocation, &BTreeSet<String>),
        id: &str,
        time: Duration,
    ) -> (StoredInvocation, NewDelivery) {
        let json =
            |what: &CommandInvocation| serde_json::to_string(what).expect("a command has text keys only");
        let now = self.now();
        let due = now.plus(time);
        let stored = StoredInvocation {
            id: id.to_owned(),
            workspace: machine.stored.workspace.clone(),
            registration: machine.stored.id.clone(),
            command: invocation.command.clone(),
            asked_by: asked_by.to_owned(),
            asked_with: String::new(),
            request: json(&hidden::without(invocation, hidden)),
            phase: Phase::Pending,
            answer: String::new(),
            created: now,
            due,
            ended: None,
        };
        let delivery = NewDelivery {
            id: self.fresh_id(),
            workspace: stored.workspace.clone(),
            registration: stored.registration.clone(),
            kind: DeliveryKind::Command,
            operation: invocation.command.clone(),
            correlation: id.to_owned(),
            payload: json(invocation),
            resource: String::new(),
            created: now,
            expires: due,
            patience: time,
        };
        (stored, delivery)
    }

    /// An invocation, for whoever asked for it: it is done as them, whoever says what is still missing.
    async fn invocation_of(&self, caller: &Caller, id: &str) -> Result<StoredInvocation, Refusal> {
        let unknown = || Refusal::missing_thing("there is no such invocation");
        let invocation = self.store().invocation(id).await?.ok_or_else(unknown)?;
        // Whoever may not know of it does not learn that it is there.
        caller
            .may(Operation::Invoke, &invocation.workspace)
            .map_err(|_| unknown())?;
        match invocation.asked_by == caller.owner() {
            true => Ok(invocation),
            false => Err(unknown()),
        }
    }
}
