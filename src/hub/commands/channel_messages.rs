//! What machines say to channels, for an add-on that is in the chat where those are: it reads along, and brings back what people press
//! (wire protocol 5.2, 5.3).
//!
//! Each message is told in its newest form, in the order of changes, and as gone once it was taken back, so that a cursor is enough to go
//! on with. An action is pressed for a person for whom the add-on acts, proven and agreed to: it is its command with what the machine put
//! into it, which neither the add-on nor the chat says, and with the rights of that person. Nobody decides about goals that way.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::super::traces::What;
use super::messages::{name_of, place};
use super::{begin, escaped, parsed};
use crate::access::Resource;
use crate::ports::hub::{ChangedMessage, Room, StoredMessage};
use crate::ports::people::PersonState;
use crate::wire::hub::extensions::DECIDING;
use crate::wire::hub::{Action, Destination};

/// Most messages of one answer, and most that are looked at for it; one that alone is longer is told alone.
const ROOM: Room = Room {
    messages: 100,
    bytes: 4 * 1024 * 1024,
};

/// Longest wait of one request, in seconds.
const LONGEST_WAIT: u64 = 30;

/// Longest time without a look, for replicas that cannot tell.
const LOOK: Duration = Duration::from_secs(1);

/// From where, and how long to wait for more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Wanted {
    /// The cursor of an answer; from the beginning when absent.
    after: String,
    /// Seconds; the answer comes sooner when there is something.
    wait: u64,
}

/// Who waits for messages of a workspace waits for this.
fn waited_for(workspace: &str) -> String {
    format!("messages:{workspace}")
}

/// A place in the order of changes: of one life of the memory.
fn cursor(life: &str, change: i64) -> String {
    format!("{life}.{change}")
}

/// Where a cursor is; at the beginning in another life, of which it says nothing.
fn change_of(cursor: &str, life: &str) -> i64 {
    let known = cursor.rsplit_once('.').filter(|(of, _)| *of == life);
    known.and_then(|(_, change)| change.parse().ok()).unwrap_or(0)
}

/// The channel of a place, by the name that grants use.
fn channel(destination: &Destination) -> Option<&String> {
    let channel = destination.slack.as_ref()?.channel.as_ref()?;
    channel.name.as_ref().or(channel.id.as_ref())
}

/// A message, with what its machine said.
struct Said<'m> {
    message: &'m StoredMessage,
    /// All that it said but its places.
    body: Value,
    /// Its places, as far as they are the one where this one stands.
    destinations: Vec<Destination>,
}

impl<'m> Said<'m> {
    fn of(message: &'m StoredMessage) -> Self {
        let mut body = parsed(&message.body);
        let said = body.get_mut("destinations").map(Value::take);
        let said: Vec<Option<Destination>> =
            serde_json::from_value(said.unwrap_or_default()).unwrap_or_default();
        let is_here = |destination: &Destination| place(Some(destination), "") == message.place;
        Self {
            message,
            body,
            destinations: said.into_iter().flatten().filter(is_here).collect(),
        }
    }

    /// The channels that it is in, all of which whoever reads it must see.
    fn channels(&self) -> BTreeSet<String> {
        self.destinations.iter().filter_map(channel).cloned().collect()
    }

    /// As it is told.
    fn told(&self, is_gone: bool) -> Value {
        let message = self.message;
        let mut told = json!({
            "place": message.place, "id": message.id, "machine": message.machine, "is_gone": is_gone,
            "destination": self.destinations.first(), "posted_at": message.posted.rfc3339(),
        });
        if !is_gone {
            for field in ["content_type", "body", "actions"] {
                told[field] = self.body[field].clone();
            }
            told["ttl"] = json!(message.ttl);
            told["timestamp"] = json!(message.said_at);
        }
        told
    }

    /// The command that an action is, with what its machine put into it and what was chosen.
    fn asked(&self, pressed: &Pressed) -> Option<Value> {
        let actions = Vec::<Action>::deserialize(&self.body["actions"]).ok()?;
        let action = actions.into_iter().find(|action| action.id == pressed.action)?;
        let mut parameters: Vec<Value> = action.parameters.iter().map(|given| json!(given)).collect();
        if let (Some(name), Some(value)) = (&action.parameter_name, &pressed.value) {
            parameters.retain(|given| given["name"] != name.as_str());
            parameters.push(json!({"name": name, "value": value}));
        }
        let (workspace, machine) = (&self.message.workspace, name_of(&self.message.machine));
        let mut asked = json!({
            "command": action.command, "team": {"id": workspace}, "automation": {"name": machine}, "parameters": parameters,
        });
        // The answer goes where it was pressed.
        if let Some(destination) = self.destinations.first() {
            asked["source"] = json!({"user_agent": destination.user_agent, "slack": destination.slack});
        }
        Some(asked)
    }
}

/// What one answer tells.
#[derive(Debug, Default)]
struct Page {
    messages: Vec<Value>,
    /// The channels that they are in.
    channels: BTreeSet<String>,
    /// The last change that was told, or that is not seen.
    last: Option<i64>,
}

impl Page {
    /// What is seen of these.
    fn of(changed: &[ChangedMessage], is_seen: impl Fn(&BTreeSet<String>) -> bool) -> Self {
        let mut page = Self::default();
        for one in changed {
            let said = Said::of(&one.message);
            let channels = said.channels();
            if is_seen(&channels) {
                page.messages.push(said.told(one.is_gone));
                page.channels.extend(channels);
            }
            page.last = Some(one.change);
        }
        page
    }
}

/// `GET /messages/{workspace}`.
pub(in super::super) async fn read_along(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.reads_along(&headers, &workspace).await?;
    let _held = hub
        .streams()
        .open(caller.credential_id())
        .ok_or_else(|| Refusal::busy("this key has too many streams open", 5))?;
    let life = hub.store().life().await?.map(|life| life.id).unwrap_or_default();
    let after = change_of(&wanted.after, &life);
    let (caller, changed) = hub
        .changed_messages((&workspace, after), &headers, wanted.wait)
        .await?;
    let page = Page::of(&changed, |channels| caller.sees_channels(channels));
    for channel in page.channels {
        caller.may_on(Operation::ReadMessages, &workspace, &[Resource::Channel(channel)])?;
    }
    let next = cursor(&life, page.last.unwrap_or(after));
    Ok(Json(json!({"messages": page.messages, "next": next})))
}

/// What somebody pressed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    /// Where the message is.
    place: String,
    /// Its id there.
    id: String,
    /// The id of its action.
    action: String,
    /// What was chosen, of a menu.
    #[serde(default)]
    value: Option<String>,
}

/// `POST /messages/{workspace}/press`.
pub(in super::super) async fn press(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may(Operation::PressAction, &workspace)?;
    let pressed: Pressed = serde_json::from_slice(&body).map_err(|error| {
        Refusal::bad(
            "malformed_body",
            format!("what was pressed cannot be read: {error}"),
        )
    })?;
    let message = hub
        .store()
        .message(&workspace, &pressed.place, &pressed.id)
        .await?;
    // What the add-on has read it may bring a press for, whoever presses: people need no right to a channel of the chat.
    let reader = caller.by_itself();
    let said = message.as_ref().map(Said::of);
    let said = said.filter(|said| reader.sees_channels(&said.channels()));
    let asked = said.and_then(|said| said.asked(&pressed));
    let asked = asked.ok_or_else(|| {
        Refusal::missing_thing("there is no such message any more, or it has no such action")
    })?;
    if DECIDING.iter().any(|deciding| asked["command"] == *deciding) {
        return Err(Refusal::person_required(Operation::DecideGoal));
    }
    let person = hub.pressed_by(&caller).await?;
    let base = hub.address_for(&headers);
    let taking = hub.begin_trace(What::Command, &headers);
    let asked = asked.to_string();
    let (id, command) = begin(&hub, &person, (asked.as_bytes(), &base), taking).await?;
    let url = format!("{base}/command/{}/invocation/{id}", escaped(&command));
    Ok(Json(json!({"invocation": {"id": id, "url": url}})))
}

/// With what the place of a message begins that is in a channel.
const CHANNEL: &str = "channel:";

impl Caller {
    /// Whether messages of all these channels may be read, which nothing is written down of.
    fn sees_channels(&self, channels: &BTreeSet<String>) -> bool {
        let mut channels = channels.iter().peekable();
        channels.peek().is_some()
            && channels
                .all(|channel| self.could_on(Operation::ReadMessages, &[Resource::Channel(channel.clone())]))
    }
}

impl Hub {
    /// The person for whom an add-on acts, as their rights are now.
    async fn pressed_by(&self, caller: &Caller) -> Result<Caller, Refusal> {
        let nobody = || Refusal::person_required(Operation::PressAction);
        let person = caller.context_person().ok_or_else(nobody)?;
        let found = self.store().person(person.as_str()).await?;
        let active = found.filter(|person| person.state == PersonState::Active);
        Ok(self.caller_who_asked(&active.ok_or_else(nobody)?))
    }

    /// Whoever reads along, as their rights are now.
    async fn reads_along(&self, headers: &HeaderMap, workspace: &str) -> Result<Caller, Refusal> {
        let caller = self.caller(headers).await?;
        caller.may_somewhere(Operation::ReadMessages, workspace)?;
        Ok(caller)
    }

    /// Messages to channels that have changed since, as soon as there are some, with whoever reads them; at the latest after so many
    /// seconds, or when they may not any more.
    async fn changed_messages(
        &self,
        (workspace, after): (&str, i64),
        headers: &HeaderMap,
        wait: u64,
    ) -> Result<(Caller, Vec<ChangedMessage>), Refusal> {
        let until = Instant::now() + Duration::from_secs(wait.min(LONGEST_WAIT));
        let stop = self.tasks().stop_token();
        let mut said = self.whispers().said(&waited_for(workspace));
        loop {
            said.mark_unchanged();
            let changed = self
                .store()
                .changed_messages(workspace, CHANNEL, after, ROOM)
                .await?;
            // Rights may have ended while they waited.
            let caller = self.reads_along(headers, workspace).await?;
            if !changed.is_empty() || Instant::now() >= until || stop.is_cancelled() {
                return Ok((caller, changed));
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK)) => {}
                () = said.changed() => {}
            }
        }
    }

    /// A message to a channel has changed.
    pub(in super::super) fn tell_who_reads_along(&self, workspace: &str, place: &str) {
        if place.starts_with(CHANNEL) {
            self.tell_whoever_waits(&waited_for(workspace));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn message(destinations: &Value, actions: &Value) -> StoredMessage {
        StoredMessage {
            workspace: "w".to_owned(),
            place: "channel:T1:ops".to_owned(),
            id: "m".to_owned(),
            invocation: String::new(),
            machine: "@acme/sdm@1.0.0".to_owned(),
            said_at: 0,
            ttl: 0,
            posted: Timestamp::from_micros(0),
            body: json!({"destinations": destinations, "actions": actions}).to_string(),
        }
    }

    fn at(team: &str, channel: &str) -> Value {
        json!({"user_agent": "slack", "slack": {"team": {"id": team}, "channel": {"name": channel}}})
    }

    #[test]
    fn d30_a_message_is_in_the_channels_that_its_machine_named_and_in_no_other() {
        let of = |destinations: Value| Said::of(&message(&destinations, &json!([]))).channels();
        assert_eq!(
            of(json!([at("T1", "ops"), at("T1", "other"), null])),
            BTreeSet::from(["ops".to_owned()])
        );
        assert!(of(json!([at("T", "1:ops")])).is_empty());
        assert!(of(json!("nonsense")).is_empty());
    }

    #[test]
    fn an_action_is_the_command_that_its_machine_put_into_it() {
        let actions = json!([{"id": "a", "command": "Deploy", "parameter_name": "env",
            "parameters": [{"name": "env", "value": "test"}, {"name": "sha", "value": "1"}]}]);
        let message = message(&json!([at("T1", "ops")]), &actions);
        let press = |action: &str, value: Option<&str>| {
            let pressed = Pressed {
                place: message.place.clone(),
                id: message.id.clone(),
                action: action.to_owned(),
                value: value.map(str::to_owned),
            };
            Said::of(&message).asked(&pressed)
        };
        let asked = press("a", Some("prod")).unwrap();
        assert_eq!(asked["automation"], json!({"name": "@acme/sdm"}));
        assert_eq!(
            asked["parameters"],
            json!([{"name": "sha", "value": "1"}, {"name": "env", "value": "prod"}])
        );
        assert_eq!(asked["source"]["slack"]["channel"]["name"], json!("ops"));
        let plain = press("a", None).unwrap();
        assert_eq!(plain["parameters"][0], json!({"name": "env", "value": "test"}));
        assert!(press("b", None).is_none());
    }

    #[test]
    fn an_answer_tells_what_is_seen_and_is_behind_what_is_not() {
        let one = |change: i64, channel: &str| {
            let mut message = message(&json!([at("T1", channel)]), &json!([]));
            message.place = format!("channel:T1:{channel}");
            ChangedMessage {
                change,
                is_gone: false,
                message,
            }
        };
        let page = |changed: &[ChangedMessage]| {
            let page = Page::of(changed, |channels| channels.contains("ops"));
            (page.messages.len(), page.last)
        };
        assert_eq!(
            page(&[one(1, "ops"), one(2, "exec"), one(3, "ops"), one(4, "exec")]),
            (2, Some(4))
        );
        assert_eq!(page(&[]), (0, None));
    }

    #[test]
    fn k4_a_cursor_of_another_life_begins_anew() {
        let text = cursor("life.1", 7);
        assert_eq!((change_of(&text, "life.1"), change_of(&text, "life.2")), (7, 0));
        assert_eq!((change_of("", "life"), change_of("life.x", "life")), (0, 0));
    }
}
