//! What an entry of the log means as events, and what `${event.…}` shows of each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::kinds::lookup::push_facts;
use crate::kinds::machine;
use crate::model::event::LARGEST_PAYLOAD;
use crate::model::push::Signature;
use crate::model::trigger::is_completion;
use crate::model::{Event, FeedEntry, Goal, GoalChange, GoalEvent, News, Push, RepoSlug, StateName};
use crate::ports::store::{GoalSetRecord, StoreError};

/// The events an entry can mean; asked before anything is read for them.
pub(super) fn names_of(news: &News) -> Vec<&str> {
    match news {
        News::Push { .. } => vec!["Push", "FirstPush"],
        News::Planned { .. } => vec!["GoalsSet"],
        News::Goal { event, state, .. } if event.change.is_new_state() => match is_completion(*state) {
            true => vec!["GoalState", "GoalCompletion"],
            false => vec!["GoalState"],
        },
        News::Event { event } => vec![event.name.as_str()],
        News::Goal { .. }
        | News::PlanningFailed { .. }
        | News::Command { .. }
        | News::Errand { .. }
        | News::Message { .. } => Vec::new(),
    }
}

impl Engine {
    /// The events of an entry with everything they show. What was pruned meanwhile means nothing any more.
    pub(super) async fn events_of(&self, entry: &FeedEntry) -> Result<Vec<Event>, StoreError> {
        match &entry.news {
            News::Push { push, .. } => {
                let Some(push) = self.parts.store.push(*push).await? else {
                    return Ok(Vec::new());
                };
                let version = self.version_of(&push).await?;
                Ok(of_push(entry, &push, version.as_deref()))
            }
            News::Planned { push, goal_set, .. } => {
                let record = match goal_set {
                    Some(id) => self.parts.store.goal_set(*id).await?,
                    None => None,
                };
                let Some(push) = self.parts.store.push(*push).await? else {
                    return Ok(Vec::new());
                };
                let version = self.version_of(&push).await?;
                Ok(vec![of_plan(entry, &push, record.as_ref(), version.as_deref())])
            }
            News::Goal {
                goal_set,
                event,
                state,
                from,
                attempt,
                text,
                ..
            } => {
                let Some(record) = self.parts.store.goal_set(*goal_set).await? else {
                    return Ok(Vec::new());
                };
                let version = self.version_of(&record.push).await?;
                let then = Then {
                    event,
                    state: *state,
                    from: *from,
                    attempt: *attempt,
                    text,
                };
                Ok(of_goal(entry, &record, &then, version.as_deref()))
            }
            News::Event { event } => Ok(vec![event.as_ref().clone()]),
            News::PlanningFailed { .. }
            | News::Command { .. }
            | News::Errand { .. }
            | News::Message { .. } => Ok(Vec::new()),
        }
    }

    async fn version_of(&self, push: &Push) -> Result<Option<String>, StoreError> {
        self.parts.store.version(&push.repo.key, &push.after).await
    }
}

/// A goal as an entry of the log tells of it: it may have moved on since.
struct Then<'a> {
    event: &'a GoalEvent,
    state: StateName,
    from: Option<StateName>,
    attempt: u32,
    text: &'a str,
}

impl Then<'_> {
    /// What it is of an execution (semantics 6): its start, or its end, which is also where somebody must approve. That
    /// somebody has approved is none.
    fn execution(&self) -> Option<&'static str> {
        match (&self.event.change, self.from) {
            (GoalChange::Started { .. }, _) => Some("begins"),
            (change, Some(StateName::InProcess)) if change.is_new_state() => Some("ends"),
            _ => None,
        }
    }
}

fn event(entry: &FeedEntry, name: &str, depth: u32, payload: Value) -> Event {
    Event {
        key: format!("{name}:{}", entry.cursor.0),
        name: name.to_owned(),
        at: entry.at,
        depth,
        payload,
    }
}

/// `event.repo`.
pub(super) fn repo_facts(slug: &RepoSlug) -> Value {
    json!({"owner": slug.owner, "name": slug.name, "slug": slug.to_string()})
}

/// `event.push`: what goals know of a push, and who wrote its commits.
fn push_with_authors(push: &Push, version: Option<&str>) -> Value {
    let mut facts = push_facts(push, version);
    facts["authors"] = json!(authors(push));
    facts
}

/// Everybody who wrote a commit of the push, each once by address, newest first. Nobody reads what is sent to the machine or to
/// no address.
fn authors(push: &Push) -> Vec<&Signature> {
    let mut known = BTreeSet::from([machine().email]);
    let mut authors = Vec::new();
    for commit in &push.commits {
        let address = commit.author.email.trim().to_lowercase();
        if !address.is_empty() && known.insert(address) {
            authors.push(&commit.author);
        }
    }
    authors
}

fn of_push(entry: &FeedEntry, push: &Push, version: Option<&str>) -> Vec<Event> {
    let payload = json!({"push": push_with_authors(push, version), "repo": repo_facts(&push.repo.slug)});
    let mut events = vec![event(entry, "Push", 0, payload.clone())];
    if push.before.is_none() && push.is_on_default_branch() {
        events.push(event(entry, "FirstPush", 0, payload));
    }
    events
}

fn of_plan(entry: &FeedEntry, push: &Push, record: Option<&GoalSetRecord>, version: Option<&str>) -> Event {
    let goals: Vec<Value> = record
        .map(|record| record.set.goals())
        .unwrap_or_default()
        .iter()
        .map(goal_facts)
        .collect();
    let payload = json!({
        "push": push_with_authors(push, version),
        "repo": repo_facts(&push.repo.slug),
        "goal_set": record.map(set_facts),
        "goals": goals,
    });
    event(entry, "GoalsSet", record.map_or(0, depth_of), payload)
}

fn of_goal(entry: &FeedEntry, record: &GoalSetRecord, then: &Then<'_>, version: Option<&str>) -> Vec<Event> {
    let Some(goal) = record.set.goal(&then.event.goal) else {
        return Vec::new();
    };
    let state = then.state;
    let mut payload = json!({
        "goal": facts_then(goal, then),
        "goal_set": set_facts(record),
        "push": push_with_authors(&record.push, version),
        "repo": repo_facts(&record.push.repo.slug),
    });
    let depth = depth_of(record);
    let mut events = vec![event(entry, "GoalState", depth, payload.clone())];
    if is_completion(state) {
        let all: Vec<Value> = record.set.goals().iter().map(goal_facts).collect();
        payload["goals"] = json!(all);
        events.push(event(entry, "GoalCompletion", depth, payload));
    }
    events
}

fn depth_of(record: &GoalSetRecord) -> u32 {
    record.cause.depth()
}

fn set_facts(record: &GoalSetRecord) -> Value {
    json!({
        "id": record.set.id.to_string(),
        "name": record.set.name,
        "state": record.set.state(),
        "tags": record.tags,
    })
}

/// A goal as it was at its event, which is what the event is about.
fn facts_then(goal: &Goal, then: &Then<'_>) -> Value {
    let mut facts = goal_facts(goal);
    facts["state"] = json!(then.state);
    facts["execution"] = json!(then.execution());
    facts["attempt"] = json!(then.attempt);
    facts["description"] = json!(then.text);
    if goal.version != then.event.version {
        facts["phase"] = json!(then.event.phase);
        facts["error"] = json!(then.event.error);
        if let Some(data) = &then.event.data {
            facts["data"] = shown_data(data);
        }
        if let Some(urls) = &then.event.external_urls {
            facts["external_urls"] = json!(urls);
        }
    }
    facts
}

/// The data of a goal: JSON where it is some, else its text (semantics 3.3). Not what is larger than an event may be.
fn shown_data(data: &str) -> Value {
    match data.len() <= LARGEST_PAYLOAD {
        true => serde_json::from_str(data).unwrap_or_else(|_| json!(data)),
        false => Value::Null,
    }
}

fn goal_facts(goal: &Goal) -> Value {
    let definition = goal.definition();
    json!({
        "name": definition.name,
        "unique_name": definition.unique_name.as_str(),
        "environment": definition.environment,
        "state": goal.state.name(),
        "execution": null,
        "attempt": goal.attempt,
        "phase": goal.phase,
        "description": goal.description,
        "error": goal.error,
        "data": goal.data.as_deref().map(shown_data),
        "external_urls": goal.external_urls,
    })
}
