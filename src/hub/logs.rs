//! Logs of goals (wire protocol 11): as machines of the original send them, and as people and programs read them.
//!
//! The original sends no credential with a log, so this door is open, and takes parts only for goals that are known here; the
//! id of a goal set cannot be guessed. What a log may hold is bounded.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Hub;
use super::access::operations::Operation;
use super::refusal::Refusal;

/// Largest part in bytes.
pub(super) const MAX_PART: usize = 1024 * 1024;

/// Most bytes of one goal's log.
const MOST: u64 = 16 * 1024 * 1024;

/// Most parts in one answer.
const PARTS: u32 = 500;

/// A part as it is sent.
#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    content: Vec<Line>,
}

/// A line, or several.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
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
}

/// `HEAD` and `GET /api/logs`: the original asks whether there is a service at all, before each goal.
pub(super) async fn probe() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `POST /api/logs/{workspace}/{owner}/{repo}/{sha}/{environment}/{name}/{goal_set}/{correlation}`.
pub(super) async fn append(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let part: Part = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the log cannot be read: {error}")))?;
    let goal = place.goal();
    let graph = hub.store().reader(&place.workspace);
    if graph
        .nodes("SdmGoal", std::slice::from_ref(&goal))
        .await?
        .is_empty()
    {
        return Err(Refusal::missing_thing("there is no such goal"));
    }
    if !part.content.is_empty() {
        let content = serde_json::to_string(&part.content).expect("lines have text keys only");
        let kept = hub
            .store()
            .append_log(&place.workspace, &goal, &content, MOST, hub.now())
            .await?;
        if !kept {
            tracing::debug!(goal, "a log is full");
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// From where to read.
#[derive(Debug, Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: i64,
}

/// `GET /api/logs/{workspace}/{goal_set}/{environment}/{name}`: lines, and where to go on reading.
pub(super) async fn read(
    State(hub): State<Hub>,
    Path(place): Path<Place>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_somewhere(Operation::ReadLog, &place.workspace)?;
    let graph = hub.store().reader(&place.workspace);
    let goal = graph.nodes("SdmGoal", &[place.goal()]).await?;
    let sight = caller.sight(Operation::ReadLog, &*graph);
    let is_seen = match goal.first() {
        Some(goal) => sight.sees(goal).await?,
        None => caller.sees_everything(Operation::ReadLog),
    };
    if !is_seen {
        return Err(Refusal::missing_thing("there is no such goal"));
    }
    let parts = hub
        .store()
        .log(&place.workspace, &place.goal(), from.from, PARTS)
        .await?;
    let next = parts.last().map_or(from.from, |(part, _)| part + 1);
    let lines: Vec<Value> = parts
        .iter()
        .filter_map(|(_, content)| serde_json::from_str::<Vec<Value>>(content).ok())
        .flatten()
        .collect();
    Ok(Json(json!({ "lines": lines, "next": next })))
}
