//! Repositories that are made there: `acme` is an organisation, `ada` has the token, `bob` is somebody else.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Shared, World, not_found};

pub(super) fn routes() -> Router<Arc<Mutex<World>>> {
    Router::new()
        .route("/api/v3/users/{owner}", get(owner))
        .route("/api/v3/user", get(own_user))
        .route("/api/v3/user/repos", post(make_own))
        .route("/api/v3/orgs/{owner}/repos", post(make_of_organization))
}

async fn owner(Path(owner): Path<String>) -> Response {
    let kind = match owner.as_str() {
        "acme" => "Organization",
        "ada" | "bob" => "User",
        _ => return not_found(),
    };
    Json(json!({"login": owner, "type": kind})).into_response()
}

async fn own_user() -> Json<Value> {
    Json(json!({"login": "ada", "type": "User"}))
}

async fn make_own(State(world): Shared, Json(new): Json<Value>) -> Response {
    make(&mut world.lock().unwrap(), "ada", new)
}

async fn make_of_organization(
    State(world): Shared,
    Path(owner): Path<String>,
    Json(new): Json<Value>,
) -> Response {
    make(&mut world.lock().unwrap(), &owner, new)
}

/// A bare repository, unless there is one of this name.
fn make(world: &mut World, owner: &str, mut new: Value) -> Response {
    let name = new["name"].as_str().unwrap_or_default().to_owned();
    let place = world
        .root
        .as_ref()
        .expect("a place for them")
        .join(owner)
        .join(format!("{name}.git"));
    if place.exists() {
        let error = json!({"resource": "Repository", "code": "custom", "field": "name", "message": "name already exists on this account"});
        let body = json!({"message": "Repository creation failed.", "errors": [error]});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    let git = |words: &[&str]| {
        let ran = std::process::Command::new("git").args(words).arg(&place).status();
        assert!(ran.unwrap().success());
    };
    git(&["init", "--quiet", "--bare", "--initial-branch=main"]);
    let settings = std::fs::read_to_string(place.join("config")).unwrap();
    let setting = format!("[http]\n\treceivepack = {}\n", !world.is_closed);
    std::fs::write(place.join("config"), settings + &setting).unwrap();
    let full_name = format!("{owner}/{name}");
    new["owner"] = json!(owner);
    world.made.push(new);
    let shown = json!({
        "full_name": full_name,
        "html_url": format!("https://github.example/{full_name}"),
        "clone_url": "https://elsewhere.example/not/here.git",
    });
    (StatusCode::CREATED, Json(shown)).into_response()
}
