//! What machines there are, for people and their programs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use crate::ports::hub::{DeliveryCounts, StoredRegistration};
use crate::wire::hub::{Command, PolicyName, Registration};

/// `GET /machines/{workspace}`: registrations with their commands, whether they are connected, and what waits for them.
pub(in super::super) async fn list(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may(Operation::ListMachines, &workspace)?;
    let stored = hub.store().registrations().await?;
    let here: Vec<&StoredRegistration> = stored.iter().filter(|one| one.workspace == workspace).collect();
    let ids: Vec<&str> = here.iter().map(|one| one.id.as_str()).collect();
    let counts = hub.store().counts(&ids).await?;
    let shown = here.iter().map(|one| {
        let counts = counts.get(&one.id).copied().unwrap_or_default();
        hub.shown(one, counts)
    });
    let machines: Vec<Value> = shown.collect();
    Ok(Json(json!({ "machines": machines })))
}

impl Hub {
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
        json!({"name": parameter.name, "description": parameter.description, "required": parameter.required})
    });
    json!({
        "name": command.name, "description": command.description, "intents": command.intent, "tags": command.tags,
        "parameters": parameters.collect::<Vec<_>>(),
    })
}
