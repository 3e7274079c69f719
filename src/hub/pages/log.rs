//! The log of a goal, from its first line on and as it grows. A log is text: its addresses become links, its colours stay,
//! and nothing else of it does anything.

use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::logs::Through;
use super::super::refusal::Refusal;
use super::entry::goal_set_address;
use super::goal;
use super::layout::{Document, Refused, Tab};
use super::look::Look;
use super::object::{Object, Standing};
use super::operations::Page;
use super::stream::{self, Follow, Said};
use super::text::{Name, log_line, plain};
use crate::wire::hub::LoggedLine;

/// Longest line that is shown, in characters.
const LONGEST_LINE: usize = 20_000;

/// Where a log belongs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Place {
    workspace: String,
    goal_set: String,
    environment: String,
    name: String,
}

impl Place {
    fn goal(&self) -> String {
        format!("{}/{}/{}", self.goal_set, self.environment, self.name)
    }

    fn address(&self) -> String {
        goal::log_address(&self.workspace, &self.goal_set, &self.environment, &self.name)
    }
}

/// How far a reader has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Offset {
    attempt: u32,
    /// Of the attempt's log.
    offset: u64,
    line: u64,
}

impl Offset {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (attempt, offset, line) = (parts.next()?, parts.next()?, parts.next()?);
        let is_all = parts.next().is_none();
        let read = Self {
            attempt: attempt.parse().ok()?,
            offset: offset.parse().ok()?,
            line: line.parse().ok()?,
        };
        is_all.then_some(read)
    }

    fn text(self) -> String {
        format!("{}.{}.{}", self.attempt, self.offset, self.line)
    }

    fn query(self) -> String {
        format!(
            "?attempt={}&offset={}&line={}",
            self.attempt, self.offset, self.line
        )
    }
}

/// Lines, and how far they go.
struct Lines {
    markup: Markup,
    until: Offset,
    is_empty: bool,
    /// Whether there may be more already.
    is_full: bool,
}

/// `GET /workspaces/{workspace}/goals/{goal_set}/logs/{environment}/{name}`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(from): Query<Offset>,
    headers: HeaderMap,
) -> Result<Document, Refused> {
    let look = Look::open(&hub, &headers, &place.workspace, Page::Log).await?;
    let goal = seen(&look, &place).await?;
    let goal = Object(&goal);
    let lines = lines(&hub, &place, from).await?;
    let content = html! {
        header.heading {
            h1 { "Log of " (Name(goal::name(goal))) }
            p.standing { (Standing::of_goal(goal.text("/state")).whole()) }
            p { a href=(goal_set_address(&place.workspace, &place.goal_set)) { "The goal set" } }
        }
        @if lines.is_empty && from.line == 0 { p.empty { "Nothing has been written yet." } }
        div.log data-stream={ (place.address()) "/stream" } data-seen=(lines.until.text()) data-grow="end" role="log" tabindex="0" aria-label="log" {
            (lines.markup)
        }
        @if lines.is_full {
            p.more { a href={ (place.address()) (lines.until.query()) } { "Go on reading" } }
        }
    };
    let title = format!("Log of {}", plain(goal::name(goal)));
    Ok(Document::of(&look.frame(Some(Tab::Activity)), &title, &content))
}

/// The goal, if it may be seen with its log.
async fn seen(look: &Look, place: &Place) -> Result<Value, Refusal> {
    let missing = || Refusal::missing_thing("there is no such goal");
    let graph = look.graph();
    let found = graph.nodes("SdmGoal", &[place.goal()]).await?;
    let goal = found.first().ok_or_else(missing)?;
    let sight = look.caller.sight(Operation::ReadLog, &*graph);
    match sight.sees(goal).await? {
        true => Ok(Value::Object(goal.body.clone())),
        false => Err(missing()),
    }
}

async fn lines(hub: &Hub, place: &Place, from: Offset) -> Result<Lines, Refusal> {
    let at = Through {
        attempt: from.attempt,
        offset: from.offset,
    };
    let read = hub.log_through(&place.workspace, &place.goal(), at).await?;
    let mut until = Offset {
        attempt: read.until.attempt,
        offset: read.until.offset,
        ..from
    };
    let mut texts: Vec<(u64, String)> = Vec::new();
    for text in texts_of(&read.lines) {
        until.line += 1;
        texts.push((until.line, text));
    }
    Ok(Lines {
        markup: html! { @for (number, text) in &texts { (line(*number, text)) } },
        until,
        is_empty: texts.is_empty(),
        is_full: read.has_more,
    })
}

/// Lines as they are shown: the original sends several as one.
fn texts_of(lines: &[LoggedLine]) -> Vec<String> {
    let mut texts = Vec::new();
    for line in lines {
        let text = line.text.strip_suffix('\n').unwrap_or(&line.text);
        texts.extend(text.split('\n').map(cut));
    }
    texts
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}… (cut)", &line[..at]),
    }
}

fn line(number: u64, text: &str) -> Markup {
    html! {
        div.row #{ "L" (number) } {
            a.number href={ "#L" (number) } tabindex="-1" data-number=(number) aria-label={ "line " (number) } {}
            span { (log_line(text)) }
        }
    }
}

/// `GET …/stream`.
pub(super) async fn follow(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(seen): Query<stream::Seen>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let headers = stream::by_itself(headers);
    let look = Look::open(&hub, &headers, &place.workspace, Page::LogStream).await?;
    let from = Offset::read(&seen.last(&headers)).unwrap_or_default();
    let reading = Reading { place, from };
    Ok(stream::open(&hub, &look.caller, headers, Box::new(reading))?.into_response())
}

/// A log as far as one reader has it.
struct Reading {
    place: Place,
    from: Offset,
}

#[async_trait]
impl Follow for Reading {
    fn workspace(&self) -> &str {
        &self.place.workspace
    }

    async fn look(&mut self, hub: &Hub, headers: &HeaderMap) -> Result<Vec<Said>, Refusal> {
        let look = Look::open(hub, headers, &self.place.workspace, Page::LogStream).await?;
        seen(&look, &self.place).await?;
        let lines = lines(hub, &self.place, self.from).await?;
        if lines.is_empty {
            return Ok(Vec::new());
        }
        self.from = lines.until;
        Ok(vec![Said {
            event: "lines",
            id: self.from.text(),
            data: lines.markup.into_string(),
        }])
    }

    fn is_restless(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn e8_readers_go_on_where_they_were() {
        let offset = Offset {
            attempt: 1,
            offset: 3,
            line: 17,
        };
        assert_eq!(Offset::read("1.3.17"), Some(offset));
        for wrong in ["", "3", "1.2", "1.-1.2", "x.1.1", "1.1.-1", "1.1.1.1"] {
            assert_eq!(Offset::read(wrong), None, "{wrong}");
        }
        assert_eq!(offset.text(), "1.3.17");
    }

    #[test]
    fn e7_lines_of_any_length_and_kind_are_lines() {
        let line = |text: String| LoggedLine {
            offset: 0,
            at: Timestamp::from_micros(0),
            stream: "out".to_owned(),
            text,
        };
        let lines = [
            line("one\ntwo\n".to_owned()),
            line("x".repeat(1_000_000)),
            line(String::new()),
        ];
        let texts = texts_of(&lines);
        assert_eq!(texts.len(), 4);
        assert!(texts[2].chars().count() < LONGEST_LINE + 20 && texts[2].ends_with("(cut)"));
    }
}
