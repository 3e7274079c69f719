//! What machines there are, for people and their programs.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use crate::model::Timestamp;
use crate::ports::hub::{DeliveryCounts, HubStoreError, StoredRegistration};
use crate::wire::hub::{Command, PolicyName, Registration};

/// `GET /machines/{workspace}`: registrations with their commands, whether they are connected, and what waits for them.
pub(in super::super) async fn list(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may(Operation::ListMachines, &workspace)?;
    let here = hub.store().registrations_in(&workspace).await?;
    let ids: Vec<&str> = here.iter().map(|one| one.id.as_str()).collect();
    let counts = hub.store().counts(&ids).await?;
    let mut machines = Vec::with_capacity(here.len());
    for one in &here {
        let mut shown = hub.shown(one, counts.get(&one.id).copied().unwrap_or_default());
        if !hub.takes_commands(&one.principal).await? {
            shown["commands"] = json!([]);
        }
        machines.push(shown);
    }
    Ok(Json(json!({ "machines": machines })))
}

/// Which machines of a workspace are connected, and when the others were heard of last.
#[derive(Debug)]
pub(in super::super) struct Contacts {
    now: Timestamp,
    alive_until: HashMap<String, Timestamp>,
}

/// That nobody hears of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Silence {
    /// Since then.
    Since(Timestamp),
    /// It is not registered any more.
    Gone,
}

impl Contacts {
    /// Whether nobody hears of the machine of a name.
    pub(in super::super) fn silence(&self, machine: &str) -> Option<Silence> {
        match self.alive_until.get(machine) {
            Some(until) if *until > self.now => None,
            Some(until) => Some(Silence::Since(*until)),
            None => Some(Silence::Gone),
        }
    }
}

impl Hub {
    /// Which machines of a workspace are connected, at whichever hub.
    pub(in super::super) async fn contacts(&self, workspace: &str) -> Result<Contacts, HubStoreError> {
        Ok(Contacts {
            now: self.shared_now(),
            alive_until: self.store().alive_until(workspace).await?,
        })
    }

    fn shown(&self, stored: &StoredRegistration, counts: DeliveryCounts) -> Value {
        let announced: Option<Registration> = serde_json::from_str(&stored.body).ok();
        let commands = announced.iter().flat_map(|announced| &announced.commands);
        // Sessions of all replicas keep their registrations alive.
        let is_connected =
            !self.sessions().of(&stored.id).is_empty() || stored.alive_until > self.shared_now();
        json!({
            "id": stored.id, "name": stored.name, "version": stored.version,
            "policy": match stored.policy { PolicyName::Ephemeral => "ephemeral", PolicyName::Durable => "durable" },
            "connected": is_connected, "served": self.known().machines().is_served(&stored.id),
            "subscriptions": announced.as_ref().map_or(0, |announced| announced.events.len()),
            "commands": commands.map(command).collect::<Vec<_>>(),
            "waiting": counts.waiting, "sent": counts.sent, "dead": counts.dead,
        })
    }
}

fn command(command: &Command) -> Value {
    let parameters = command.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name, "description": parameter.description, "required": parameter.required,
            "displayable": parameter.displayable,
        })
    });
    json!({
        "name": command.name, "description": command.description, "intents": command.intent, "tags": command.tags,
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_silent_when_nobody_keeps_it_alive() {
        let second = |number: i64| Timestamp::from_micros(number * 1_000_000);
        let contacts = Contacts {
            now: second(10),
            alive_until: [("here".to_owned(), second(11)), ("away".to_owned(), second(9))].into(),
        };
        assert_eq!(contacts.silence("here"), None);
        assert_eq!(contacts.silence("away"), Some(Silence::Since(second(9))));
        assert_eq!(contacts.silence("nobody"), Some(Silence::Gone));
    }
}
