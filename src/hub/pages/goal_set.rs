//! A goal set: its goals as a graph and as a list, with what is known of each. It goes on while somebody looks at it.

use std::collections::HashMap;

use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::decide;
use super::drawing::{Drawn, draw};
use super::entry::{Entry, as_planned, author, commit_of_machine, goal_anchor, goal_set_address};
use super::goal;
use super::layout::{Document, Refused, Tab};
use super::look::Look;
use super::object::{Object, Standing, time};
use super::operations::Page;
use super::stream::{self, Follow, Said};
use super::text::{Name, Shown, first_line, link, plain, step};
use crate::model::Timestamp;

/// What is asked of a goal set.
pub(super) const QUESTION: &str = "query GoalSet($id: String) { \
    SdmGoalSet(goalSetId: $id) { goalSetId goalSet goals { uniqueName } tags { name value } branch sha state ts provenance { registration version } commit { message author } \
        repo { owner name } push { timestamp repo { url } after { sha url message author { login name person { name } } } } } \
    SdmGoal(goalSetId: $id, _first: 1000) { environment uniqueName name goalSetId goalSet branch sha repo { owner name } registration state phase description url \
        externalUrl externalUrls { label url } images { container image } ts error retryFeasible preConditions { environment uniqueName name } \
        approval { userId ts } preApproval { userId ts } approvalRequired preApprovalRequired version attempt \
        fulfillment { method name registration } } \
    Earlier: SdmGoal(goalSetId: $id, _showHistory: true, _first: 1000) { environment uniqueName state ts version } }";

/// Something that a machine was asked for on this page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Id of the invocation.
    #[serde(default)]
    asked: Option<String>,
}

impl Asked {
    fn to_query(&self) -> String {
        let asked = self.asked.as_deref();
        asked.map_or_else(String::new, |asked| format!("?asked={}", step(asked)))
    }
}

/// A goal set as it is now.
struct Shows {
    title: String,
    parts: Vec<Entry>,
}

/// `GET /workspaces/{workspace}/goals/{goal_set}`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path((workspace, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::GoalSet).await?;
    let shows = shows(&look, &id, &asked).await?;
    let marks: Vec<&str> = shows.parts.iter().map(|part| part.mark.as_str()).collect();
    let address = goal_set_address(&workspace, &id);
    let content = html! {
        div.goal-set data-stream={ (address) "/stream" (asked.to_query()) } data-seen=(marks.join(".")) data-grow="end" {
            @for part in &shows.parts { (part.markup) }
        }
        p.refresh { a href=(address) { "Refresh" } }
    };
    Ok(Document::of(
        &look.frame(Some(Tab::Activity)),
        &shows.title,
        &content,
    ))
}

async fn shows(look: &Look, id: &str, asked: &Asked) -> Result<Shows, Refusal> {
    let variables = json!({ "id": id }).as_object().cloned().unwrap_or_default();
    let answer = look.ask(QUESTION, &variables).await?;
    let answer = Object(&answer);
    let mut goals: Vec<Object<'_>> = answer.list("/SdmGoal").collect();
    let set = answer.first("/SdmGoalSet");
    let Some(told) = set.or(goals.first().copied()) else {
        return Err(Refusal::missing_thing("there is no such goal set"));
    };
    as_planned(&mut goals, set);
    let runs = runs(answer.list("/Earlier"));
    let contacts = match goals.iter().any(|goal| goal::is_at_work(*goal)) {
        true => Some(look.hub.contacts(&look.workspace).await?),
        false => None,
    };
    let mut parts = vec![heading(look, set, told)];
    if let Some(asked) = &asked.asked {
        parts.extend(decide::asked(look, asked).await?);
    }
    parts.extend(drawing(&goals));
    parts.extend(goals.iter().map(|one| {
        let run = runs.get(&key(*one)).copied().unwrap_or_default();
        goal::part(look, (id, contacts.as_ref()), *one, run)
    }));
    Ok(Shows {
        title: format!(
            "{} of {}",
            plain(&first_line(told.text("/goalSet"), 60)),
            plain(told.text("/repo/name"))
        ),
        parts,
    })
}

fn key(goal: Object<'_>) -> (String, String) {
    (
        goal.text("/environment").to_owned(),
        goal.text("/uniqueName").to_owned(),
    )
}

fn heading(look: &Look, set: Option<Object<'_>>, told: Object<'_>) -> Entry {
    let (owner, name) = (told.text("/repo/owner"), told.text("/repo/name"));
    let repository = step(&format!("{owner}/{name}"));
    let push = |path: &str| set.map_or("", |set| set.text(&format!("/push{path}")));
    let short: String = told.text("/sha").chars().take(7).collect();
    let machine = set.map_or("", |set| set.text("/provenance/registration"));
    let author = set.map_or("", |set| author(set, "/push/after/author"));
    let tags: Vec<String> = set
        .into_iter()
        .flat_map(|set| set.list("/tags"))
        .map(tag)
        .collect();
    Entry::of(html! {
        header.heading #heading {
            h1 { (Name(told.text("/goalSet"))) }
            @if let Some(set) = set { p.standing { (Standing::of_goal(set.text("/state")).whole()) } }
            p {
                a href={ (super::layout::first_page(&look.workspace)) "?repository=" (repository) } {
                    (Name(owner)) "/" strong { (Name(name)) }
                }
                " " span.branch { (Name(told.text("/branch"))) }
                " " code.sha { (link(push("/after/url"), &Shown(&short))) }
                " " span.message { (Shown(&first_line(push("/after/message"), 160))) }
                @if !author.is_empty() { " " span.author { (Shown(author)) } }
                @if let Some(set) = set.filter(|_| push("/after/message").is_empty()) { (commit_of_machine(set)) }
            }
            @if !tags.is_empty() {
                p.tags { @for tag in &tags { span.tag { (Name(tag)) } " " } }
            }
            p.dim {
                @if !machine.is_empty() { "set by " (Name(machine)) " " }
                (time(set.and_then(|set| set.moment("/push/timestamp")).or(told.millis("/ts"))))
            }
        }
    })
}

/// A tag of the set as people write it.
fn tag(tag: Object<'_>) -> String {
    match tag.text("/value") {
        "" => tag.text("/name").to_owned(),
        value => format!("{}:{value}", tag.text("/name")),
    }
}

fn drawing(goals: &[Object<'_>]) -> Option<Entry> {
    let numbers: HashMap<_, _> = goals
        .iter()
        .enumerate()
        .map(|(number, goal)| (key(*goal), number))
        .collect();
    let drawn: Vec<Drawn> = goals
        .iter()
        .map(|goal| Drawn {
            anchor: goal_anchor(*goal),
            name: plain(goal::name(*goal)),
            standing: Standing::of_goal(goal.text("/state")),
            after: goal
                .list("/preConditions")
                .filter_map(|before| numbers.get(&key(before)).copied())
                .collect(),
        })
        .collect();
    let drawing = draw(&drawn)?;
    Some(Entry::of(html! {
        div.graph #graph tabindex="0" role="region" aria-label="graph of the goals" { (drawing) }
    }))
}

/// When a goal began and ended, as far as its versions tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// When it was last begun.
    pub(super) began: Option<Timestamp>,
    /// When it ended after that.
    pub(super) ended: Option<Timestamp>,
}

fn runs<'a>(versions: impl Iterator<Item = Object<'a>>) -> HashMap<(String, String), Run> {
    let mut versions: Vec<Object<'_>> = versions.collect();
    versions.sort_by_key(|version| (version.number("/version"), version.number("/ts")));
    let mut runs: HashMap<(String, String), Run> = HashMap::new();
    let mut states: HashMap<(String, String), &str> = HashMap::new();
    for version in versions {
        let (key, state, at) = (key(version), version.text("/state"), version.millis("/ts"));
        let run = runs.entry(key.clone()).or_default();
        let before = states.insert(key, state).unwrap_or_default();
        match crate::model::StateName::parse(state) {
            Some(crate::model::StateName::InProcess) if before != state => {
                *run = Run {
                    began: at,
                    ended: None,
                };
            }
            Some(state) if state.is_terminal() && run.ended.is_none() => run.ended = at,
            Some(_) | None => {}
        }
    }
    runs
}

/// `GET /workspaces/{workspace}/goals/{goal_set}/stream`.
pub(super) async fn follow(
    State(hub): State<Hub>,
    Path((workspace, id)): Path<(String, String)>,
    Query(seen): Query<stream::Seen>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let headers = stream::by_itself(headers);
    let look = Look::open(&hub, &headers, &workspace, Page::GoalSetStream).await?;
    let going = Going {
        asked,
        seen: seen.marks(&headers),
        workspace,
        id,
    };
    Ok(stream::open(&hub, &look.caller, headers, Box::new(going))?.into_response())
}

/// A goal set as one reader has it.
struct Going {
    workspace: String,
    id: String,
    asked: Asked,
    seen: Vec<String>,
}

#[async_trait]
impl Follow for Going {
    fn workspace(&self) -> &str {
        &self.workspace
    }

    async fn look(&mut self, hub: &Hub, headers: &HeaderMap) -> Result<Vec<Said>, Refusal> {
        let look = Look::open(hub, headers, &self.workspace, Page::GoalSetStream).await?;
        let mut parts = shows(&look, &self.id, &self.asked).await?.parts;
        // The reader puts what it does not know at the end, so the order is that of the page.
        parts.reverse();
        Ok(stream::news(&mut self.seen, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_tried_again_begins_again() {
        let version = |version: i64, state: &str| json!({"environment": "0-code", "uniqueName": "a", "state": state, "ts": version * 1_000, "version": version});
        let versions = [
            version(4, "in_process"),
            version(1, "planned"),
            version(2, "in_process"),
            version(3, "failure"),
            version(5, "in_process"),
        ];
        let first = runs(
            versions
                .iter()
                .take(4)
                .filter(|value| value["version"] != 4)
                .map(Object),
        );
        let key = ("0-code".to_owned(), "a".to_owned());
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        assert_eq!(
            first[&key],
            Run {
                began: at(2),
                ended: at(3)
            }
        );
        let again = runs(versions.iter().map(Object));
        assert_eq!(
            again[&key],
            Run {
                began: at(4),
                ended: None
            }
        );
    }
}
