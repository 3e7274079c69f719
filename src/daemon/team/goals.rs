//! Goals and goal sets as the graph of a hub has them (wire protocol 10.3).

use serde_json::{Map, Value, json};

use super::foreign_goals::said;
use super::places::KnownAs;
use crate::model::goal_event::ExternalUrl;
use crate::model::{Approval, FeedEntry, Goal, GoalChange, GoalEvent, GoalKey, Push, StateName, Timestamp};
use crate::ports::store::{Cause, GoalSetRecord};

/// Longest first line of a commit that is told, in characters.
const LONGEST_TITLE: usize = 200;

/// Milliseconds since 1970, as the graph counts.
fn millis(at: Timestamp) -> i64 {
    at.as_micros() / 1000
}

/// What a change made of a goal. What the change does not say is told as it is now, if the goal has not gone on since.
pub(super) fn goal(
    machine: &str,
    record: &GoalSetRecord,
    goal: &Goal,
    change: &GoalEvent,
    shown: (StateName, &str, u32),
    known_as: &KnownAs,
    confirmations: &Confirmations,
) -> Value {
    let (state, text, attempt) = shown;
    let definition = goal.definition();
    let is_latest = goal.version == change.version;
    let or_now = |said: &Option<String>, now: &Option<String>| match said {
        Some(said) => Some(said.clone()),
        None if is_latest => now.clone(),
        None => None,
    };
    let urls = change
        .external_urls
        .as_ref()
        .or(is_latest.then_some(&goal.external_urls));
    let ran = match change.images.is_empty() && is_latest {
        true => &goal.images,
        false => &change.images,
    };
    let name_of = |key: &GoalKey| record.set.goal(key).map(|goal| goal.definition().name.clone());
    let conditions: Vec<Value> = goal
        .planned
        .preconditions
        .iter()
        .map(|key| json!({"environment": key.environment, "uniqueName": key.unique_name.as_str(), "name": name_of(key)}))
        .collect();
    let mut value = shared(record, known_as, change.at);
    let own = json!({
        "uniqueName": definition.unique_name.as_str(),
        "name": definition.name,
        "environment": definition.environment,
        "registration": machine,
        "fulfillment": {"method": "sdm", "name": definition.work.kind, "registration": machine},
        "state": told(state),
        "phase": or_now(&change.phase, &goal.phase),
        "description": text,
        "descriptions": descriptions(goal),
        "externalUrls": urls.map(|urls| urls.iter().map(url).collect::<Vec<_>>()).unwrap_or_default(),
        "error": or_now(&change.error, &goal.error),
        "data": or_now(&change.data, &goal.data),
        "images": ran.iter().map(|(container, image)| json!({"container": container, "image": image})).collect::<Vec<_>>(),
        "retryFeasible": definition.retry.feasible,
        "preConditions": conditions,
        "approvalRequired": definition.approval.is_some(),
        "preApprovalRequired": definition.pre_approval.is_some(),
        "approval": confirmations.approval.as_ref().map(|approval| confirmed(machine, approval)),
        "preApproval": confirmations.pre_approval.as_ref().map(|approval| confirmed(machine, approval)),
        "provenance": [to_others(provenance(machine, &definition.name, change.at), &record.cause, (confirmations.since, change.version))],
        "parameters": Value::Object(definition.parameters.clone()).to_string(),
        "version": change.version,
        "attempt": attempt,
    });
    value.extend(object(own));
    Value::Object(value)
}

/// A goal set in this state.
pub(super) fn set(
    machine: &str,
    record: &GoalSetRecord,
    entry: &FeedEntry,
    state: StateName,
    known_as: &KnownAs,
) -> Value {
    let names = |goal: &Goal| {
        let definition = goal.definition();
        json!({"name": definition.name, "uniqueName": definition.unique_name.as_str()})
    };
    let mut value = shared(record, known_as, entry.at);
    let own = json!({
        "goals": record.set.goals().iter().map(names).collect::<Vec<_>>(),
        "state": told(state),
        "commit": commit(&record.push),
        "provenance": provenance(machine, "goals", record.created_at),
        "tags": record.tags,
    });
    value.extend(object(own));
    Value::Object(value)
}

/// The first line of the pushed commit, and who wrote it.
fn commit(push: &Push) -> Value {
    let head = push.commits.iter().find(|commit| commit.sha == push.after);
    head.map_or(Value::Null, |commit| {
        let title = commit.message.lines().next().unwrap_or_default();
        let title: String = title.chars().take(LONGEST_TITLE).collect();
        json!({"message": title, "author": commit.author.name})
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn shared(record: &GoalSetRecord, known_as: &KnownAs, at: Timestamp) -> Map<String, Value> {
    let repo = &record.push.repo.slug;
    object(json!({
        "goalSet": record.set.name,
        "goalSetId": record.set.id.to_string(),
        "sha": record.push.after.as_str(),
        "branch": record.push.branch.as_str(),
        "repo": {"owner": repo.owner, "name": repo.name, "providerId": known_as.provider},
        "ts": millis(at),
    }))
}

fn url(url: &ExternalUrl) -> Value {
    json!({"label": url.label, "url": url.url})
}

fn descriptions(goal: &Goal) -> Value {
    json!({
        "planned": goal.text(StateName::Planned),
        "requested": goal.text(StateName::Requested),
        "inProcess": goal.text(StateName::InProcess),
        "completed": goal.text(StateName::Success),
        "failed": goal.text(StateName::Failure),
        "canceled": goal.text(StateName::Canceled),
        "stopped": goal.text(StateName::Stopped),
        "skipped": goal.text(StateName::Skipped),
        "waitingForApproval": goal.text(StateName::WaitingForApproval),
        "waitingForPreApproval": goal.text(StateName::WaitingForPreApproval),
    })
}

/// A hub takes it from no machine that somebody approves; that they did stands beside the state the goal is in until it goes on.
fn told(state: StateName) -> StateName {
    match state {
        StateName::PreApproved => StateName::WaitingForPreApproval,
        StateName::Approved => StateName::WaitingForApproval,
        other => other,
    }
}

/// Who confirmed a goal last: its start, and its result; and since when it is in its state.
#[derive(Debug, Clone, Default)]
pub(super) struct Confirmations {
    /// The version in which it came to it.
    since: u32,
    pre_approval: Option<Approval>,
    approval: Option<Approval>,
}

impl Confirmations {
    /// The same as it was at a moment: what is told again, because nobody has acknowledged it, is told as it was then.
    pub(super) fn up_to(mut self, at: Timestamp) -> Self {
        let was = |approval: &Approval| approval.at <= at;
        self.pre_approval = self.pre_approval.filter(was);
        self.approval = self.approval.filter(was);
        self
    }

    /// Takes over what a change says. The first one that is heard of counts as the one that led to the state.
    pub(super) fn take_over(&mut self, event: &GoalEvent) {
        if event.change.is_new_state() || self.since == 0 {
            self.since = event.version;
        }
        match &event.change {
            GoalChange::PreApproved { approval } => self.pre_approval = Some(approval.clone()),
            GoalChange::Approved { approval } => self.approval = Some(approval.clone()),
            GoalChange::Denied => (self.pre_approval, self.approval) = (None, None),
            GoalChange::Planned { .. }
            | GoalChange::Requested
            | GoalChange::StartRequired
            | GoalChange::Confirmed { .. }
            | GoalChange::Started { .. }
            | GoalChange::Progressed
            | GoalChange::Ended { .. }
            | GoalChange::Skipped { .. }
            | GoalChange::Canceled
            | GoalChange::Retried { .. }
            | GoalChange::Replanned
            | GoalChange::IgnoredResult { .. } => {}
        }
    }
}

fn confirmed(machine: &str, approval: &Approval) -> Value {
    let mut value = provenance(machine, "approval", approval.at);
    value["userId"] = json!(approval.by.login);
    value
}

/// With what other machines need to know, so that none triggers rules twice and they do not trigger each other for ever.
fn to_others(mut provenance: Value, cause: &Cause, (since, version): (u32, u32)) -> Value {
    provenance["correlationId"] = json!(said(cause, since, version));
    provenance
}

fn provenance(machine: &str, name: &str, at: Timestamp) -> Value {
    json!({
        "registration": machine,
        "version": env!("CARGO_PKG_VERSION"),
        "name": name,
        "correlationId": "",
        "ts": millis(at),
        "userId": null,
        "channelId": null,
    })
}
