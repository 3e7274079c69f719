//! A GitHub as far as pull requests, releases, commit statuses, checks and new repositories go, in memory, over real http: it numbers pull
//! requests, allows one open one for a branch, and knows its token.

mod checks;
mod new_repositories;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use sdm::runtime::tasks::Tasks;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running one; gone when dropped.
pub struct FakeGitHub {
    address: String,
    world: Arc<Mutex<World>>,
    _tasks: Tasks,
}

/// What it has and what it was asked.
#[derive(Default)]
struct World {
    token: String,
    pulls: Vec<Pull>,
    releases: Vec<Value>,
    statuses: Vec<Value>,
    checks: Vec<Value>,
    /// How many answers about checks to come get lost after what was asked is done.
    lost: u32,
    /// Whether everybody may read its repositories.
    is_public: bool,
    /// Where repositories that are made there lie, each as `OWNER/NAME.git`; without it every repository is there.
    root: Option<PathBuf>,
    /// What repositories were made with.
    made: Vec<Value>,
    /// Whether what is made takes no pushes.
    is_closed: bool,
    asked: Vec<String>,
    /// What it answers instead of an answer, in this order.
    refusals: Vec<Refused>,
    /// How many lists to come do not show what is there.
    hidden: u32,
}

impl World {
    fn pull(&mut self, owner: &str, name: &str, number: u64) -> Option<&mut Pull> {
        let repo = format!("{owner}/{name}");
        let mut pulls = self.pulls.iter_mut();
        pulls.find(|pull| pull.repo == repo && pull.number == number)
    }
}

/// Status, body and headers of an answer that refuses.
type Refused = (u16, Value, Vec<(&'static str, String)>);

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub repo: String,
    pub number: u64,
    pub title: String,
    pub body: String,
    pub head: String,
    pub base: String,
    pub labels: Vec<String>,
    pub is_open: bool,
}

impl Pull {
    fn shown(&self) -> Value {
        let owner = self.repo.split('/').next().unwrap_or_default();
        json!({
            "number": self.number,
            "html_url": format!("https://github.example/{}/pull/{}", self.repo, self.number),
            "title": self.title,
            "body": self.body,
            "state": if self.is_open { "open" } else { "closed" },
            "head": {"ref": self.head, "user": {"login": owner}},
            "base": {"ref": self.base},
            "labels": labels(&self.labels),
        })
    }
}

fn labels(names: &[String]) -> Value {
    names.iter().map(|name| json!({"name": name})).collect()
}

type Shared = State<Arc<Mutex<World>>>;

impl FakeGitHub {
    /// One that takes this token.
    pub async fn start(token: &str) -> Self {
        let world = World {
            token: format!("Bearer {token}"),
            ..World::default()
        };
        let world = Arc::new(Mutex::new(world));
        let router = Router::new()
            .route("/api/v3/repos/{owner}/{name}", get(repository))
            .route("/api/v3/repos/{owner}/{name}/pulls", get(list).post(open))
            .route("/api/v3/repos/{owner}/{name}/pulls/{number}", patch(change))
            .route(
                "/api/v3/repos/{owner}/{name}/issues/{number}/labels",
                post(add_labels),
            )
            .route(
                "/api/v3/repos/{owner}/{name}/issues/{number}/labels/{label}",
                delete(remove_label),
            )
            .route("/api/v3/repos/{owner}/{name}/releases", post(publish))
            .route(
                "/api/v3/repos/{owner}/{name}/releases/tags/{tag}",
                get(release_of),
            )
            .route("/api/v3/repos/{owner}/{name}/statuses/{sha}", post(set_status))
            .merge(checks::routes())
            .merge(new_repositories::routes())
            .layer(middleware::from_fn_with_state(Arc::clone(&world), admit))
            .with_state(Arc::clone(&world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api/v3", listener.local_addr().unwrap());
        let tasks = Tasks::new();
        let stop = tasks.stop_token().cancelled_owned();
        tasks.spawn("fake github", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop)
                .await
                .unwrap();
        });
        Self {
            address,
            world,
            _tasks: tasks,
        }
    }

    /// Everybody may read its repositories from now on.
    pub fn publish_everything(&self) {
        self.world().is_public = true;
    }

    /// Repositories are made here from now on, and no others are there. `acme` is an organisation, `ada` has the token.
    pub fn make_in(&self, root: &std::path::Path) {
        self.world().root = Some(root.to_owned());
    }

    /// What is made from now on takes no pushes.
    pub fn forbid_pushes(&self) {
        self.world().is_closed = true;
    }

    /// What repositories were made with, each with its `owner`.
    pub fn made(&self) -> Vec<Value> {
        self.world().made.clone()
    }

    /// Somebody asks that a branch is merged into `main`.
    pub fn ask_to_merge(&self, repo: &str, head: &str) {
        let mut world = self.world();
        let number = world.pulls.len() as u64 + 1;
        world.pulls.push(Pull {
            repo: repo.to_owned(),
            number,
            title: head.to_owned(),
            body: String::new(),
            head: head.to_owned(),
            base: "main".to_owned(),
            labels: Vec::new(),
            is_open: true,
        });
    }

    /// Where its API is.
    pub fn api(&self) -> &str {
        &self.address
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// What it has.
    pub fn pulls(&self) -> Vec<Pull> {
        self.world().pulls.clone()
    }

    /// Its releases, as they were published.
    pub fn releases(&self) -> Vec<Value> {
        self.world().releases.clone()
    }

    /// The statuses of commits, in the order in which they were set, each with its `sha`.
    pub fn statuses(&self) -> Vec<Value> {
        self.world().statuses.clone()
    }

    /// What it was asked, as `METHOD path`, since this was asked last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.world().asked)
    }

    /// The next answer is this one.
    pub fn refuse(&self, status: u16, message: &str, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        self.world()
            .refusals
            .push((status, json!({"message": message}), headers.collect()));
    }

    /// The next list does not show what is there, as if it were made a moment later.
    pub fn hide_once(&self) {
        self.world().hidden += 1;
    }

    /// Somebody puts a label on a pull request.
    pub fn put_label(&self, number: u64, label: &str) {
        let mut world = self.world();
        let pull = world.pulls.iter_mut().find(|pull| pull.number == number);
        pull.unwrap().labels.push(label.to_owned());
    }

    /// Closes or merges all.
    pub fn close_all(&self) {
        for pull in &mut self.world().pulls {
            pull.is_open = false;
        }
    }
}

async fn admit(State(world): Shared, headers: HeaderMap, request: Request, next: Next) -> Response {
    let refusal = {
        let mut world = world.lock().unwrap();
        let line = format!("{} {}", request.method(), request.uri());
        world.asked.push(line);
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given != Some(world.token.as_str()) {
            Some((401, json!({"message": "Bad credentials"}), Vec::new()))
        } else if world.refusals.is_empty() {
            None
        } else {
            Some(world.refusals.remove(0))
        }
    };
    let Some((status, body, headers)) = refusal else {
        return next.run(request).await;
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

async fn repository(State(world): Shared, Path((owner, name)): Path<(String, String)>) -> Response {
    let world = world.lock().unwrap();
    let place = world
        .root
        .as_ref()
        .map(|root| root.join(&owner).join(format!("{name}.git")));
    if place.is_some_and(|place| !place.exists()) {
        return not_found();
    }
    let is_private = !world.is_public;
    let visibility = if is_private { "private" } else { "public" };
    let full_name = format!("{owner}/{name}");
    Json(json!({
        "full_name": full_name, "private": is_private, "visibility": visibility,
        "html_url": format!("https://github.example/{full_name}"),
    }))
    .into_response()
}

#[derive(Deserialize)]
struct Filter {
    head: Option<String>,
    state: Option<String>,
}

async fn list(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Json<Value> {
    let mut world = world.lock().unwrap();
    if world.hidden > 0 {
        world.hidden -= 1;
        return Json(json!([]));
    }
    let repo = format!("{owner}/{name}");
    let fits = |pull: &&Pull| {
        let head = format!("{owner}:{}", pull.head);
        let is_open = filter.state.as_deref() != Some("open") || pull.is_open;
        pull.repo == repo && is_open && filter.head.as_ref().is_none_or(|wanted| *wanted == head)
    };
    Json(world.pulls.iter().filter(fits).map(Pull::shown).collect())
}

#[derive(Deserialize)]
struct New {
    title: String,
    body: String,
    head: String,
    base: String,
}

async fn open(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    Json(new): Json<New>,
) -> Response {
    let mut world = world.lock().unwrap();
    let repo = format!("{owner}/{name}");
    let is_same =
        |pull: &Pull| pull.repo == repo && pull.is_open && pull.head == new.head && pull.base == new.base;
    if world.pulls.iter().any(is_same) {
        let message = format!("A pull request already exists for {owner}:{}.", new.head);
        let body = json!({"message": "Validation Failed", "errors": [{"resource": "PullRequest", "message": message}]});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    let pull = Pull {
        repo,
        number: world.pulls.len() as u64 + 1,
        title: new.title,
        body: new.body,
        head: new.head,
        base: new.base,
        labels: Vec::new(),
        is_open: true,
    };
    world.pulls.push(pull.clone());
    (StatusCode::CREATED, Json(pull.shown())).into_response()
}

#[derive(Deserialize)]
struct Change {
    title: Option<String>,
    body: Option<String>,
}

async fn change(
    State(world): Shared,
    Path((owner, name, number)): Path<(String, String, u64)>,
    Json(change): Json<Change>,
) -> Response {
    let mut world = world.lock().unwrap();
    let Some(pull) = world.pull(&owner, &name, number) else {
        return not_found();
    };
    pull.title = change.title.unwrap_or_else(|| pull.title.clone());
    pull.body = change.body.unwrap_or_else(|| pull.body.clone());
    Json(pull.shown()).into_response()
}

#[derive(Deserialize)]
struct Labels {
    labels: Vec<String>,
}

async fn add_labels(
    State(world): Shared,
    Path((owner, name, number)): Path<(String, String, u64)>,
    Json(new): Json<Labels>,
) -> Response {
    let mut world = world.lock().unwrap();
    let Some(pull) = world.pull(&owner, &name, number) else {
        return not_found();
    };
    let new = new.labels.into_iter();
    let new: Vec<String> = new.filter(|label| !pull.labels.contains(label)).collect();
    pull.labels.extend(new);
    Json(labels(&pull.labels)).into_response()
}

async fn remove_label(
    State(world): Shared,
    Path((owner, name, number, label)): Path<(String, String, u64, String)>,
) -> Response {
    let mut world = world.lock().unwrap();
    let found = world.pull(&owner, &name, number);
    let Some(pull) = found.filter(|pull| pull.labels.contains(&label)) else {
        return not_found();
    };
    pull.labels.retain(|had| *had != label);
    Json(labels(&pull.labels)).into_response()
}

async fn publish(
    State(world): Shared,
    Path((owner, name)): Path<(String, String)>,
    Json(mut new): Json<Value>,
) -> Response {
    let mut world = world.lock().unwrap();
    let is_taken = world
        .releases
        .iter()
        .any(|release| release["tag_name"] == new["tag_name"]);
    if is_taken {
        let error = json!({"resource": "Release", "code": "already_exists", "field": "tag_name"});
        let body = json!({"message": "Validation Failed", "errors": [error]});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    let tag = new["tag_name"].as_str().unwrap().to_owned();
    new["html_url"] = json!(format!(
        "https://github.example/{owner}/{name}/releases/tag/{tag}"
    ));
    world.releases.push(new.clone());
    (StatusCode::CREATED, Json(new)).into_response()
}

async fn release_of(State(world): Shared, Path((_, _, tag)): Path<(String, String, String)>) -> Response {
    let world = world.lock().unwrap();
    let found = world
        .releases
        .iter()
        .find(|release| release["tag_name"] == tag.as_str());
    match found {
        Some(release) => Json(release.clone()).into_response(),
        None => not_found(),
    }
}

/// As GitHub has it: a known state, a description of 140 characters at most, and only the web behind links.
async fn set_status(
    State(world): Shared,
    Path((owner, name, sha)): Path<(String, String, String)>,
    Json(mut new): Json<Value>,
) -> Response {
    let state = new["state"].as_str().unwrap_or_default();
    let is_known = ["pending", "success", "failure", "error"].contains(&state);
    let description = new["description"].as_str().unwrap_or_default();
    let page = new
        .get("target_url")
        .map(|page| page.as_str().unwrap_or_default());
    let is_web = page.is_none_or(|page| page.starts_with("http://") || page.starts_with("https://"));
    if !is_known || !is_web || description.chars().count() > 140 || sha.len() != 40 {
        let body = json!({"message": "Validation Failed"});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    new["sha"] = json!(sha);
    new["repo"] = json!(format!("{owner}/{name}"));
    world.lock().unwrap().statuses.push(new.clone());
    (StatusCode::CREATED, Json(new)).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"}))).into_response()
}
