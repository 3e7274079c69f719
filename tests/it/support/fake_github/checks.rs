//! Checks: who made which, and how each stands.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{FakeGitHub, Shared, World, not_found};

pub(super) fn routes() -> Router<Arc<Mutex<World>>> {
    Router::new()
        .route("/api/v3/repos/{owner}/{name}/check-runs", post(make_check))
        .route(
            "/api/v3/repos/{owner}/{name}/check-runs/{id}",
            patch(change_check),
        )
        .route(
            "/api/v3/repos/{owner}/{name}/commits/{sha}/check-runs",
            get(list_checks),
        )
}

impl FakeGitHub {
    /// The runs of checks, in the order in which they were made, each as it stands.
    pub fn checks(&self) -> Vec<Value> {
        self.world().checks.clone()
    }

    /// The next answer about a check gets lost after what was asked is done.
    pub fn lose_answer(&self) {
        self.world().lost += 1;
    }

    /// Somebody takes all checks away.
    pub fn forget_checks(&self) {
        self.world().checks.clear();
    }
}

/// As GitHub has it: known words, a conclusion where and only where it has ended, a title with a summary of a bounded size, and
/// only the web behind links.
fn is_check(check: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let status = text(&check["status"]);
    let conclusions = [
        "success",
        "failure",
        "neutral",
        "cancelled",
        "skipped",
        "timed_out",
        "action_required",
    ];
    let is_concluded = match check.get("conclusion") {
        None => status == "queued" || status == "in_progress",
        Some(conclusion) => status == "completed" && conclusions.contains(&text(conclusion).as_str()),
    };
    let output = &check["output"];
    let (title, summary) = (text(&output["title"]), text(&output["summary"]));
    let page = check.get("details_url").map(text);
    let is_web = page.is_none_or(|page| page.starts_with("http://") || page.starts_with("https://"));
    let has_words = !title.is_empty() && !summary.is_empty() && summary.len() <= 65_535;
    is_concluded && is_web && has_words && !text(&check["name"]).is_empty()
}

fn refuse_check() -> Response {
    let body = json!({"message": "Invalid request."});
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// The answer, unless it gets lost.
fn answer_of_check(world: &mut World, status: StatusCode, check: Value) -> Response {
    if world.lost > 0 {
        world.lost -= 1;
        return (StatusCode::BAD_GATEWAY, Json(json!({"message": "lost"}))).into_response();
    }
    (status, Json(check)).into_response()
}

async fn make_check(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    Json(mut new): Json<Value>,
) -> Response {
    let sha = new["head_sha"].as_str().unwrap_or_default();
    if !is_check(&new) || sha.len() != 40 {
        return refuse_check();
    }
    let mut world = world.lock().unwrap();
    new["id"] = json!(world.checks.len() as u64 + 1_000_000_001);
    new["repo"] = json!(format!("{owner}/{name}"));
    world.checks.push(new.clone());
    answer_of_check(&mut world, StatusCode::CREATED, new)
}

/// What has ended does not begin again: GitHub answers well, and nothing of that changes.
async fn change_check(
    State(world): Shared,
    Path((owner, name, id)): Path<(String, String, u64)>,
    Json(change): Json<Value>,
) -> Response {
    if !is_check(&change) {
        return refuse_check();
    }
    let mut world = world.lock().unwrap();
    let repo = format!("{owner}/{name}");
    let mut checks = world.checks.iter_mut();
    let Some(check) = checks.find(|check| check["id"] == id && check["repo"] == repo.as_str()) else {
        return not_found();
    };
    let has_ended = check["status"] == "completed";
    for (key, value) in change.as_object().unwrap() {
        if !has_ended || !["status", "conclusion"].contains(&key.as_str()) {
            check[key] = value.clone();
        }
    }
    let changed = check.clone();
    answer_of_check(&mut world, StatusCode::OK, changed)
}

#[derive(Deserialize)]
struct WantedChecks {
    check_name: Option<String>,
    filter: Option<String>,
}

/// Those of a commit, newest first; of each name only the newest unless all are asked for.
async fn list_checks(
    State(world): Shared,
    Path((owner, name, sha)): Path<(String, String, String)>,
    Query(wanted): Query<WantedChecks>,
) -> Json<Value> {
    let world = world.lock().unwrap();
    let repo = format!("{owner}/{name}");
    let mut found: Vec<Value> = Vec::new();
    for check in world.checks.iter().rev() {
        let is_of_commit = check["repo"] == repo.as_str() && check["head_sha"] == sha.as_str();
        let is_called = wanted
            .check_name
            .as_ref()
            .is_none_or(|name| check["name"] == name.as_str());
        let is_older = found.iter().any(|newer| newer["name"] == check["name"]);
        if is_of_commit && is_called && (wanted.filter.as_deref() == Some("all") || !is_older) {
            found.push(check.clone());
        }
    }
    Json(json!({"total_count": found.len(), "check_runs": found}))
}
