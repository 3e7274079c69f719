//! What an entry of the log means as events, and what `${event.…}` shows of each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::kinds::lookup::push_facts;
use crate::kinds::machine;
use crate::model::push::Signature;
use crate::model::trigger::is_completion;
use crate::model::{Event, FeedEntry, Goal, GoalEvent, News, Push, RepoSlug, StateName};
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
                let push = self.parts.store.push(*push).await?;
                Ok(push.map(|push| of_push(entry, &push)).unwrap_or_default())
            }
            News::Planned { push, goal_set, .. } => {
                let record = match goal_set {
                    Some(id) => self.parts.store.goal_set(*id).await?,
                    None => None,
                };
                let push = self.parts.store.push(*push).await?;
                Ok(push
                    .map(|push| of_plan(entry, &push, record.as_ref()))
                    .into_iter()
                    .collect())
            }
            News::Goal {
                goal_set,
                event,
                state,
                ..
            } => {
                let record = self.parts.store.goal_set(*goal_set).await?;
                Ok(record
                    .map(|record| of_goal(entry, &record, event, *state))
                    .unwrap_or_default())
            }
            News::Event { event } => Ok(vec![event.as_ref().clone()]),
            News::PlanningFailed { .. }
            | News::Command { .. }
            | News::Errand { .. }
            | News::Message { .. } => Ok(Vec::new()),
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
fn push_with_authors(push: &Push) -> Value {
    let mut facts = push_facts(push, None);
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

fn of_push(entry: &FeedEntry, push: &Push) -> Vec<Event> {
    let payload = json!({"push": push_with_authors(push), "repo": repo_facts(&push.repo.slug)});
    let mut events = vec![event(entry, "Push", 0, payload.clone())];
    if push.before.is_none() && push.is_on_default_branch() {
        events.push(event(entry, "FirstPush", 0, payload));
    }
    events
}

fn of_plan(entry: &FeedEntry, push: &Push, record: Option<&GoalSetRecord>) -> Event {
    let goals: Vec<Value> = record
        .map(|record| record.set.goals())
        .unwrap_or_default()
        .iter()
        .map(goal_facts)
        .collect();
    let payload = json!({
        "push": push_with_authors(push),
        "repo": repo_facts(&push.repo.slug),
        "goal_set": record.map(set_facts),
        "goals": goals,
    });
    event(entry, "GoalsSet", record.map_or(0, depth_of), payload)
}

fn of_goal(entry: &FeedEntry, record: &GoalSetRecord, told: &GoalEvent, state: StateName) -> Vec<Event> {
    let Some(goal) = record.set.goal(&told.goal) else {
        return Vec::new();
    };
    let mut facts = goal_facts(goal);
    // The goal may have moved on since; the event is about what it was.
    facts["state"] = json!(state);
    let mut payload = json!({
        "goal": facts,
        "goal_set": set_facts(record),
        "push": push_with_authors(&record.push),
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
    })
}

fn goal_facts(goal: &Goal) -> Value {
    let definition = goal.definition();
    json!({
        "name": definition.name,
        "unique_name": definition.unique_name.as_str(),
        "environment": definition.environment,
        "state": goal.state.name(),
        "attempt": goal.attempt,
        "phase": goal.phase,
        "description": goal.description,
        "error": goal.error,
    })
}
