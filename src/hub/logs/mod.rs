//! Logs of goals (wire protocol 11): as machines of the original and our own send them, and as people and programs read them.
//!
//! Machines come with a key and write only for goals of their own. The original sends none of itself: it is told an address of logs
//! that has one, which it sends as a password. The id of a goal set is no credential: whoever reads goals has it. What a log may hold
//! is bounded; [`keep`] puts those that have rested into files and forgets old ones. [`read`] and [`live`] show them.

mod keep;
mod live;
mod read;

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Hub;
use super::access::Caller;
use super::access::as_password::with_key;
use super::access::operations::Operation;
use super::goals::whose::Whose;
use super::refusal::Refusal;
use crate::ports::graph::Node;
use crate::ports::hub::{Hint, LogName, LogState, NewLogPart};
use crate::wire::hub::{LogPart, LogTaken, LoggedLine};
pub(super) use read::{Through, read};

/// Largest part in bytes.
pub(super) const MAX_PART: usize = 1024 * 1024;

/// Longest line in bytes; what is longer is cut.
const LONGEST_LINE: usize = 64 * 1024;

/// Attempts of a goal that are told apart.
const MOST_ATTEMPTS: u32 = 10_000;

/// What becomes of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Where files of logs that have rested are; they stay in the database when absent.
    pub directory: Option<PathBuf>,
    /// How long a log rests before it is put into a file.
    pub rest: Duration,
    /// How long a log is kept after it has grown last.
    pub keep: Duration,
    /// Most bytes that are kept of one attempt's log.
    pub most: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        Self {
            directory: None,
            rest: DAY,
            keep: DAY * 90,
            most: 64 * 1024 * 1024,
        }
    }
}

/// A part as the original sends it.
#[derive(Debug, Deserialize)]
struct OriginalPart {
    #[serde(default)]
    content: Vec<OriginalLine>,
}

/// A line of the original, or several.
#[derive(Debug, Deserialize, Serialize)]
struct OriginalLine {
    #[serde(default)]
    level: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "timestampMillis")]
    timestamp_millis: Option<i64>,
}

/// Where a log belongs.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    workspace: String,
    environment: String,
    name: String,
    goal_set: String,
}

impl Place {
    /// Key of the goal.
    fn goal(&self) -> String {
        format!("{}/{}/{}", self.goal_set, self.environment, self.name)
    }

    fn log(&self, attempt: u32) -> LogName {
        LogName {
            workspace: self.workspace.clone(),
            goal: self.goal(),
            attempt,
        }
    }
}

/// `HEAD` and `GET /api/logs`: the original asks whether there is a service at all, before each goal.
pub(super) async fn probe() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whether a part is the last one.
#[derive(Debug, Deserialize)]
pub(super) struct Closing {
    #[serde(default)]
    closed: bool,
}

/// `POST /api/logs/{workspace}/{owner}/{repo}/{sha}/{environment}/{name}/{goal_set}/{correlation}`.
pub(super) async fn append(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(closing): Query<Closing>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let caller = hub.caller(&with_key(&headers)).await?;
    caller.may_somewhere(Operation::AppendLog, &place.workspace)?;
    let part: OriginalPart = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the log cannot be read: {error}")))?;
    let goal = hub.goal_of(&place).await?;
    // What machines of ours say is told by offsets, at a door of its own.
    if hub.logs_with_key(&place.workspace, &goal) {
        return Err(no_goal());
    }
    hub.may_write_log(&caller, &place.workspace, &goal).await?;
    if !part.content.is_empty() || closing.closed {
        let content = match part.content.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&part.content).expect("lines have text keys only"),
        };
        // It tells no offsets; those of what is kept serve as well.
        let part = NewLogPart {
            start: None,
            end: content.len() as u64,
            content,
            is_complete: closing.closed,
            at: hub.now(),
        };
        hub.keep_part(&place.log(1), &part).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A log of one of our machines.
#[derive(Debug, Deserialize)]
pub(super) struct OwnPlace {
    workspace: String,
    environment: String,
    name: String,
    goal_set: String,
    attempt: u32,
}

/// `POST /api/goal-logs/{workspace}/{goal_set}/{environment}/{name}/{attempt}`.
pub(super) async fn append_own(
    State(hub): State<Hub>,
    Path(own): Path<OwnPlace>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<LogTaken>, Refusal> {
    let caller = hub.caller(&headers).await?;
    let place = Place {
        workspace: own.workspace,
        environment: own.environment,
        name: own.name,
        goal_set: own.goal_set,
    };
    caller.may_somewhere(Operation::WriteLog, &place.workspace)?;
    let part: LogPart = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the log cannot be read: {error}")))?;
    if own.attempt == 0 || own.attempt > MOST_ATTEMPTS || part.next < part.from {
        return Err(Refusal::bad(
            "invalid_argument",
            "there can be no such part of a log",
        ));
    }
    let goal = hub.goal_of(&place).await?;
    hub.may_write_log(&caller, &place.workspace, &goal).await?;
    let state = hub.keep_part(&place.log(own.attempt), &kept(part, &hub)).await?;
    Ok(Json(LogTaken { next: state.end }))
}

/// A part as it is kept: with lines of bounded length, and a word about what is lost.
fn kept(mut part: LogPart, hub: &Hub) -> NewLogPart {
    for line in &mut part.lines {
        cut(&mut line.text);
        line.offset = line
            .offset
            .clamp(part.from, part.next.saturating_sub(1).max(part.from));
    }
    if part.lost {
        part.lines.push(LoggedLine {
            offset: part.next,
            at: hub.now(),
            stream: "sdm".to_owned(),
            text: "the rest of this log was gone before the machine could send it".to_owned(),
        });
        part.next += 1;
    }
    let content = match part.lines.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&part.lines).expect("lines have text keys only"),
    };
    NewLogPart {
        start: Some(part.from),
        end: part.next,
        content,
        is_complete: part.complete,
        at: hub.now(),
    }
}

fn cut(text: &mut String) {
    if text.len() > LONGEST_LINE {
        let end = text.floor_char_boundary(LONGEST_LINE);
        text.truncate(end);
        text.push('…');
    }
}

impl Hub {
    async fn goal_of(&self, place: &Place) -> Result<std::sync::Arc<Node>, Refusal> {
        let graph = self.store().reader(&place.workspace);
        let found = graph.nodes("SdmGoal", &[place.goal()]).await?;
        found.into_iter().next().ok_or_else(no_goal)
    }

    /// A log is its machine's to write, where the machine may write goals.
    async fn may_write_log(&self, caller: &Caller, workspace: &str, goal: &Node) -> Result<(), Refusal> {
        let resources = self.about_known(workspace, goal).await?;
        caller.may_on(Operation::WriteLog, workspace, &resources)?;
        match self.whose(caller, workspace, goal) {
            Whose::Own | Whose::Nobodys => Ok(()),
            Whose::Others => Err(Refusal::forbidden(
                "insufficient_permission",
                "the goal is another machine's",
            )),
        }
    }

    async fn keep_part(&self, name: &LogName, part: &NewLogPart) -> Result<LogState, Refusal> {
        let most = self.log_options().most;
        let state = self.store().append_log(name, part, most).await?;
        self.whispers().logs_grew();
        self.whispers().tell(Hint::Logs);
        Ok(state)
    }
}

fn no_goal() -> Refusal {
    Refusal::missing_thing("there is no such goal")
}

/// For programs: how a line is shown.
fn shown(line: &LoggedLine) -> Value {
    json!({
        "offset": line.offset, "at": line.at.rfc3339(), "stream": line.stream, "text": line.text,
        // As the original has them.
        "level": if line.stream == "err" { "error" } else { "info" }, "message": line.text,
        "timestampMillis": line.at.as_micros() / 1_000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e7_a_line_is_cut_between_characters() {
        let mut text = "ä".repeat(LONGEST_LINE);
        cut(&mut text);
        assert!(text.len() <= LONGEST_LINE + 3 && text.ends_with('…'));
        let mut short = "short".to_owned();
        cut(&mut short);
        assert_eq!(short, "short");
    }
}
