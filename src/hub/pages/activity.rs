//! Activity: one entry for each push, newest first, with its commits, goal sets, builds and statuses. It grows while somebody
//! looks at it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::commands::Commands;
use super::entry::{self, Entry};
use super::layout::{Document, Refused, Tab, first_page};
use super::look::Look;
use super::operations::Page;
use super::stream::{self, Follow, Said};
use super::text::{Name, step};
use crate::graph::answer::Sight;
use crate::ports::graph::{Filter, Find, GraphReader, Node};

/// Entries of a page.
const ENTRIES: usize = 25;

/// Pushes read at once.
const BATCH: u32 = 50;

/// Most pushes looked at for one page; whoever wants more looks further.
const MOST_LOOKED_AT: u32 = 1_000;

/// Most repositories offered.
const MOST_REPOSITORIES: u32 = 200;

/// Goals of goal sets.
const GOALS_OF_SETS: &str = "query Goals($ids: [String]) { SdmGoal(goalSetId: $ids, _first: 1000) { \
    goalSetId uniqueName environment name state description } }";

/// What is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Wanted {
    /// `owner/name`; all when absent or empty.
    #[serde(default)]
    repository: Option<String>,
    /// So many of the newest pushes are left out.
    #[serde(default)]
    from: Option<u32>,
}

impl Wanted {
    fn repository(&self) -> Option<(&str, &str)> {
        self.repository.as_deref()?.trim().rsplit_once('/')
    }

    /// The part of an address that says the same.
    fn to_query(&self, from: Option<u32>) -> String {
        let repository = self.repository.as_deref().filter(|name| !name.is_empty());
        let mut parts: Vec<String> = repository
            .map(|name| format!("repository={}", step(name)))
            .into_iter()
            .collect();
        parts.extend(from.map(|from| format!("from={from}")));
        match parts.is_empty() {
            true => String::new(),
            false => format!("?{}", parts.join("&")),
        }
    }
}

/// Entries, and where those behind them begin.
struct Found {
    entries: Vec<Entry>,
    next: Option<u32>,
}

/// `GET /workspaces/{workspace}/activity`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &workspace, Page::Activity).await?;
    let found = found(&look, &wanted).await?;
    let repositories = repositories(&look).await?;
    let commands = Commands::of(&look).await?;
    let content = page(&look, &wanted, (&found, &commands), &repositories);
    Ok(Document::of(
        &look.frame(Some(Tab::Activity)),
        "Activity",
        &content,
    ))
}

fn page(
    look: &Look,
    wanted: &Wanted,
    (found, commands): (&Found, &Commands),
    repositories: &[String],
) -> Markup {
    let place = first_page(&look.workspace);
    let is_first = wanted.from.unwrap_or(0) == 0;
    let entries = found.entries.iter().chain([&commands.entry]);
    let marks: Vec<&str> = entries.map(|entry| entry.mark.as_str()).collect();
    let stream = is_first.then(|| format!("{place}/stream{}", wanted.to_query(None)));
    html! {
        div.bar {
            h1 { "Activity" }
            form.filter method="get" action=(place) {
                label for="repository" { "Repository" }
                input #repository name="repository" list="repositories" autocomplete="off" placeholder="owner/name"
                    value=[wanted.repository.as_deref()];
                datalist #repositories { @for name in repositories { option value=(name) {} } }
                button { "Show" }
                @if wanted.repository().is_some() { a href=(place) { "all" } }
            }
            a.refresh href={ (place) (wanted.to_query(None)) } { "Refresh" }
        }
        (commands.entry.markup)
        div #entries.entries data-stream=[stream] data-seen=(marks.join(".")) data-grow="start" {
            @for entry in &found.entries { (entry.markup) }
        }
        @if found.entries.is_empty() { p.empty { (nothing(wanted)) } }
        @if let Some(next) = found.next {
            p.more { a href={ (place) (wanted.to_query(Some(next))) } { "Earlier pushes" } }
        }
    }
}

fn nothing(wanted: &Wanted) -> Markup {
    html! {
        @if let Some((owner, name)) = wanted.repository() {
            "No push of " (Name(owner)) "/" (Name(name)) " is known here."
        } @else {
            "No push has come yet. Let your forge send its webhooks to this hub, and push something."
        }
    }
}

/// Names of repositories that may be seen.
async fn repositories(look: &Look) -> Result<Vec<String>, Refusal> {
    let variables = json!({ "first": MOST_REPOSITORIES });
    let variables = variables.as_object().cloned().unwrap_or_default();
    let question = "query Repositories($first: Int) { Repo(_first: $first) { owner name } }";
    let answer = look.ask(question, &variables).await?;
    let mut names: Vec<String> = super::object::Object(&answer)
        .list("/Repo")
        .map(|repository| format!("{}/{}", repository.text("/owner"), repository.text("/name")))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The entries of a page: pushes are filtered first and cut then.
async fn found(look: &Look, wanted: &Wanted) -> Result<Found, Refusal> {
    let graph = look.graph();
    let sight = look.sight(&*graph);
    let begin = wanted.from.unwrap_or(0);
    let chooser = Chooser {
        graph: &*graph,
        sight: &*sight,
        repositories: keys_of(&*graph, wanted).await?,
    };
    let (nodes, next) = chooser.pushes(begin).await?;
    let mut entries = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let entry = match look.ask_of(entry::QUESTION, node).await {
            Ok(said) => said.map(|said| entry::entry(&look.workspace, node, &said)),
            Err(refusal) if refusal.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Some(entry::too_large(node))
            }
            Err(refusal) => return Err(refusal),
        };
        entries.extend(entry);
    }
    if begin == 0 {
        entries.extend(lone_sets(look, wanted).await?);
    }
    Ok(Found { entries, next })
}

/// The newest goal sets of which the push is not known here, because no forge has told of it.
async fn lone_sets(look: &Look, wanted: &Wanted) -> Result<Vec<Entry>, Refusal> {
    let newest = Find {
        kind: "SdmGoalSet".to_owned(),
        descending: true,
        first: u32::try_from(ENTRIES).unwrap_or(u32::MAX),
        ..Find::default()
    };
    let nodes = look.graph().find(&newest).await?;
    let ids: Vec<&str> = nodes.iter().map(|node| node.id()).collect();
    let variables = json!({ "ids": ids }).as_object().cloned().unwrap_or_default();
    let goals = match ids.is_empty() {
        true => json!({}),
        false => look.ask(GOALS_OF_SETS, &variables).await?,
    };
    let goals = json!({ "goals": goals["SdmGoal"] });
    let mut entries = Vec::new();
    for node in &nodes {
        let Some(said) = look.ask_of(entry::LONE_QUESTION, node).await? else {
            continue;
        };
        let repository = (said["repo"]["owner"].as_str(), said["repo"]["name"].as_str());
        let is_wanted = wanted
            .repository()
            .is_none_or(|(owner, name)| repository == (Some(owner), Some(name)));
        if is_wanted {
            entries.extend(entry::lone_set(&look.workspace, &said, &goals));
        }
    }
    Ok(entries)
}

/// Keys of the repositories of the name that is asked for; `None` when all are.
async fn keys_of(graph: &dyn GraphReader, wanted: &Wanted) -> Result<Option<Vec<String>>, Refusal> {
    let Some((owner, name)) = wanted.repository() else {
        return Ok(None);
    };
    let filter = |field: &str, value: &str| Filter {
        field: field.to_owned(),
        any_of: vec![value.into()],
    };
    let find = Find {
        kind: "Repo".to_owned(),
        filters: vec![filter("owner", owner), filter("name", name)],
        first: MOST_REPOSITORIES,
        ..Find::default()
    };
    let found = graph.find(&find).await?;
    Ok(Some(found.iter().flat_map(|node| node.keys.clone()).collect()))
}

/// Chooses pushes.
struct Chooser<'a> {
    graph: &'a dyn GraphReader,
    sight: &'a dyn Sight,
    repositories: Option<Vec<String>>,
}

impl Chooser<'_> {
    /// The pushes of a page that begins behind so many, and where the next page begins.
    async fn pushes(&self, begin: u32) -> Result<(Vec<Arc<Node>>, Option<u32>), Refusal> {
        let (mut chosen, mut at, mut from) = (Vec::new(), begin, None);
        while at - begin < MOST_LOOKED_AT {
            let part = self.graph.part(&newest(begin), from).await?;
            for node in &part.nodes {
                if chosen.len() == ENTRIES {
                    return Ok((chosen, Some(at)));
                }
                at += 1;
                if self.is_wanted(node) && self.sight.sees(node).await? {
                    chosen.push(Arc::clone(node));
                }
            }
            from = part.next;
            if from.is_none() {
                return Ok((chosen, None));
            }
        }
        Ok((chosen, Some(at)))
    }

    fn is_wanted(&self, push: &Node) -> bool {
        let Some(wanted) = &self.repositories else {
            return true;
        };
        let own = push.links.get("repo").into_iter().flatten();
        own.into_iter().any(|key| wanted.contains(key))
    }
}

fn newest(offset: u32) -> Find {
    Find {
        kind: "Push".to_owned(),
        descending: true,
        first: BATCH,
        offset,
        ..Find::default()
    }
}

/// `GET /workspaces/{workspace}/activity/stream`.
pub(super) async fn follow(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(wanted): Query<Wanted>,
    Query(seen): Query<stream::Seen>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let headers = stream::by_itself(headers);
    let look = Look::open(&hub, &headers, &workspace, Page::ActivityStream).await?;
    let growing = Growing {
        seen: seen.marks(&headers),
        are_commands_open: false,
        wanted: Wanted { from: None, ..wanted },
        workspace,
    };
    Ok(stream::open(&hub, &look.caller, headers, Box::new(growing))?.into_response())
}

/// The first page as one reader has it.
struct Growing {
    workspace: String,
    wanted: Wanted,
    /// Marks of what the reader has.
    seen: Vec<String>,
    /// Whether some command of the reader has not ended.
    are_commands_open: bool,
}

#[async_trait]
impl Follow for Growing {
    fn workspace(&self) -> &str {
        &self.workspace
    }

    async fn look(&mut self, hub: &Hub, headers: &HeaderMap) -> Result<Vec<Said>, Refusal> {
        let look = Look::open(hub, headers, &self.workspace, Page::ActivityStream).await?;
        let mut parts = found(&look, &self.wanted).await?.entries;
        let commands = Commands::of(&look).await?;
        self.are_commands_open = commands.are_open;
        if commands.are_none && self.seen.is_empty() {
            // Whoever has nothing misses nothing.
            self.seen.push(commands.entry.mark.clone());
        }
        parts.push(commands.entry);
        Ok(stream::news(&mut self.seen, parts))
    }

    fn is_restless(&self) -> bool {
        self.are_commands_open
    }
}
