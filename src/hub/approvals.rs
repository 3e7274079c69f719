//! What people decide about goals of machines of the original (wire protocol 12): their goals are changed here, as the
//! original's pages did. No scope reaches this: it needs a person, in a browser or with a key.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Hub;
use super::access::Caller;
use super::access::deciding::Deciding;
use super::access::operations::Operation;
use super::changes::{Applied, Change, How};
use super::refusal::Refusal;
use crate::access::Resource;
use crate::ports::graph::{Filter, Find, Node};
use crate::wire::hub::extensions;

/// Fields of a goal by which somebody decides.
const SEEN: [&str; 10] = [
    "state",
    "description",
    "sha",
    "branch",
    "fulfillment",
    "data",
    "parameters",
    "externalUrls",
    "approvalRequired",
    "preApprovalRequired",
];

/// Which goal.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    workspace: String,
    goal_set: String,
    environment: String,
    name: String,
    decision: Decision,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    /// It may start, or its result counts.
    Approve,
    /// It must not start, or not go on.
    Cancel,
}

impl Decision {
    const fn named(self) -> Deciding {
        match self {
            Self::Approve => Deciding::Approve,
            Self::Cancel => Deciding::Cancel,
        }
    }
}

/// What was looked at before it was decided.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookedAt {
    /// The goal's version; whatever it is now when absent.
    #[serde(default)]
    version: Option<i64>,
}

/// `POST /goals/{workspace}/{goal_set}/{environment}/{name}/{decision}?version=`.
pub(super) async fn decide(
    State(hub): State<Hub>,
    Path(which): Path<Which>,
    Query(looked_at): Query<LookedAt>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?.deciding(which.decision.named());
    match caller.is_in_browser() {
        true => caller.may_somewhere(Operation::DecideGoal, &which.workspace)?,
        false => caller.may(Operation::DecideGoal, &which.workspace)?,
    }
    let key = format!("{}/{}/{}", which.goal_set, which.environment, which.name);
    let graph = hub.store().reader(&which.workspace);
    let found = graph.nodes("SdmGoal", std::slice::from_ref(&key)).await?;
    let goal = found.first().ok_or_else(no_goal)?;
    may_decide_about(&hub, &caller, &which.workspace, goal).await?;
    let command = command_for(which.decision);
    if is_offered(&hub, &which.workspace, goal, command) {
        return Err(decided_elsewhere(command));
    }
    if let Some(version) = looked_at.version {
        is_as_looked_at(&hub, &which.workspace, goal, version).await?;
    }
    let changed = decide_about(&hub, &caller, &which.workspace, goal, which.decision).await?;
    Ok(Json(
        json!({"state": changed.body["state"], "version": changed.body["version"]}),
    ))
}

/// Whether somebody may decide about a goal. Who does not see it does not learn that it is there.
async fn may_decide_about(
    hub: &Hub,
    caller: &Caller,
    workspace: &str,
    goal: &Arc<Node>,
) -> Result<(), Refusal> {
    let about = hub.about_known(workspace, goal).await?;
    let may = caller.may_decide(Operation::DecideGoal, workspace, &about).await;
    let Err(refusal) = may else {
        return Ok(());
    };
    let graph = hub.store().reader(workspace);
    let sight = caller.sight(Operation::Query, &*graph);
    match sight.sees(goal).await? {
        true => Err(refusal),
        false => Err(no_goal()),
    }
}

/// The command of our own machines for a decision.
fn command_for(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => extensions::APPROVE,
        Decision::Cancel => extensions::CANCEL,
    }
}

/// Whether the machine of a goal has a command.
fn is_offered(hub: &Hub, workspace: &str, goal: &Node, command: &str) -> bool {
    let machine = goal.body.get("fulfillment");
    let machine = machine.and_then(|fulfillment| fulfillment.get("registration")?.as_str());
    let known = hub.known().machines().workspace(workspace);
    let machine = machine.and_then(|name| known.served(name));
    machine.is_some_and(|machine| {
        machine
            .registration
            .commands
            .iter()
            .any(|known| known.name == command)
    })
}

/// What is written here is nothing to a machine of ours: it decides by its own rules, and hears of people by its commands.
fn decided_elsewhere(command: &str) -> Refusal {
    Refusal::conflict(format!(
        "the goal's machine decides about it by its own rules: ask it with the command `{command}`"
    ))
}

fn no_goal() -> Refusal {
    Refusal::missing_thing("there is no such goal")
}

fn overtaken() -> Refusal {
    Refusal::conflict("the goal has gone on since it was looked at; look at it again")
}

/// Whether a goal is as it was when somebody looked at this version of it.
///
/// # Errors
/// It is not, with what is different, or the memory.
pub(super) async fn is_as_looked_at(
    hub: &Hub,
    workspace: &str,
    goal: &Node,
    version: i64,
) -> Result<(), Refusal> {
    let now = version_of(goal);
    if version == now {
        return Ok(());
    }
    let text = |name: &str| goal.body.get(name).cloned().unwrap_or_default();
    let is = |field: &str, value: Value| Filter {
        field: field.to_owned(),
        any_of: vec![value],
    };
    let named = ["goalSetId", "environment", "uniqueName"].map(|name| is(name, text(name)));
    let find = Find {
        kind: "SdmGoal".to_owned(),
        filters: named.into_iter().chain([is("version", version.into())]).collect(),
        first: 1,
        history: true,
        ..Find::default()
    };
    let before = hub.store().reader(workspace).find(&find).await?;
    let changed = before
        .first()
        .map(|before| different(before, goal))
        .unwrap_or_default();
    let said = match changed.is_empty() {
        true => String::new(),
        false => format!(" ({} changed)", changed.join(", ")),
    };
    let message = format!("the goal has gone on since it was looked at{said}; look at it again");
    Err(Refusal::conflict(message).with(json!({ "changed": changed, "version": now })))
}

/// Names of the fields that two versions of a goal differ in and that somebody decides by.
fn different(before: &Node, after: &Node) -> Vec<&'static str> {
    let is_different = |name: &&str| before.body.get(*name) != after.body.get(*name);
    SEEN.into_iter().filter(is_different).collect()
}

fn version_of(goal: &Node) -> i64 {
    goal.body.get("version").and_then(Value::as_i64).unwrap_or(0)
}

/// Decides about a goal for somebody who may; the goal afterwards.
///
/// # Errors
/// It waits for no such decision, somebody else was faster, or the memory.
pub(super) async fn decide_about(
    hub: &Hub,
    caller: &Caller,
    workspace: &str,
    goal: &Arc<Node>,
    decision: Decision,
) -> Result<Node, Refusal> {
    let changed = decided(goal, decision, caller, hub.now().as_micros() / 1_000)?;
    let node = changed.node.clone();
    if hub.apply(workspace, vec![changed]).await? == Applied::Overtaken {
        return Err(overtaken());
    }
    let about = hub.about_known(workspace, goal).await?.into_iter().next();
    let (state, version) = (&node.body["state"], version_of(&node));
    let said = format!(
        "{} is {} at version {version}",
        goal.id(),
        state.as_str().unwrap_or_default()
    );
    hub.note_decided(caller, about.unwrap_or(Resource::Workspace), said);
    tracing::info!(goal = goal.id(), ?decision, by = %caller.owner(), "somebody has decided about a goal");
    Ok(node)
}

/// The goal as it is after the decision.
fn decided(goal: &Arc<Node>, decision: Decision, caller: &Caller, millis: i64) -> Result<Change, Refusal> {
    let mut node = (**goal).clone();
    let state = node
        .body
        .get("state")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let version = version_of(goal);
    let record = json!({
        "correlationId": null, "registration": "hub", "name": "decision", "version": env!("CARGO_PKG_VERSION"),
        "ts": millis, "userId": caller.name(), "channelId": null,
    });
    let next = match (decision, state.as_str()) {
        (Decision::Approve, "waiting_for_pre_approval") => {
            node.body.insert("preApproval".to_owned(), record);
            "pre_approved"
        }
        (Decision::Approve, "waiting_for_approval") => {
            node.body.insert("approval".to_owned(), record);
            // Were it still required, the machine would wait for it again, for ever.
            node.body
                .insert("approvalRequired".to_owned(), Value::from(false));
            "approved"
        }
        (Decision::Cancel, state) if !is_ended(state) => "canceled",
        (Decision::Approve | Decision::Cancel, state) => {
            return Err(Refusal::conflict(format!(
                "the goal is `{state}` and waits for no such decision"
            )));
        }
    };
    node.body.insert("state".to_owned(), Value::from(next));
    node.body.insert("version".to_owned(), Value::from(version + 1));
    node.body.insert("ts".to_owned(), Value::from(millis));
    Ok(Change { node, how: How::Next })
}

fn is_ended(state: &str) -> bool {
    ["success", "failure", "stopped", "canceled", "skipped"].contains(&state)
}
