//! What other systems tell: builds in the original's words, and objects of custom types (wire protocol 14). Unlike
//! the original's, these doors want a key, which may come as a password.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::as_password::with_key;
use super::super::access::operations::Operation;
use super::super::access::sight::own_resource;
use super::super::changes::{Change, Origin};
use super::super::goals::ingested;
use super::super::refusal::Refusal;
use super::super::traces::What;
use super::known::fields;
use super::unheard::commit_of;
use crate::access::Resource;
use crate::ports::graph::{Filter, Find, Node};

/// Largest body in bytes.
pub(in super::super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// States of builds.
const BUILD_STATES: [&str; 5] = ["started", "failed", "error", "passed", "canceled"];

/// `POST /atomist/teams/{workspace}/ingestion/{kind}/{id}`: an object of a custom type.
pub(in super::super) async fn ingest(
    State(hub): State<Hub>,
    Path((workspace, kind, id)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let (_, value): (_, Value) =
        told(&hub, &headers, (Operation::IngestHook, &workspace, &kind), &body).await?;
    let Value::Object(value) = value else {
        return Err(Refusal::bad("malformed_body", "the body is no object"));
    };
    let schema = hub.known().schema(&workspace);
    let definition = schema
        .root(&kind)
        .filter(|definition| definition.is_custom)
        .ok_or_else(|| Refusal::missing_thing(format!("no machine has announced the type `{kind}`")))?;
    let change = ingested(&schema, definition, &value, || id.clone())?;
    keep(&hub, &headers, (&workspace, &kind), vec![change]).await
}

/// Takes in what another system tells, as the beginning of a trace or a part of the sender's.
///
/// # Errors
/// The memory.
pub(super) async fn keep(
    hub: &Hub,
    headers: &HeaderMap,
    (workspace, kind): (&str, &str),
    changes: Vec<Change>,
) -> Result<Json<Value>, Refusal> {
    let (taking, id) = (hub.begin_trace(What::Webhook, headers), hub.fresh_id());
    let about = [
        ("sdm.workspace", workspace),
        ("sdm.event", kind),
        ("sdm.delivery", id.as_str()),
    ];
    hub.apply_traced(taking, about, (workspace, Origin::default()), vec![changes])
        .await?;
    Ok(Json(json!({"correlation-id": id, "message": "kept"})))
}

/// What somebody tells who may, of a kind of things in a workspace, and who that is.
pub(super) async fn told<T: DeserializeOwned>(
    hub: &Hub,
    headers: &HeaderMap,
    (operation, workspace, kind): (Operation, &str, &str),
    body: &[u8],
) -> Result<(Caller, T), Refusal> {
    let caller = hub.caller(&with_key(headers)).await?;
    caller.may_on(operation, workspace, &[Resource::Feed(kind.to_owned())])?;
    let told = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the body cannot be read: {error}")))?;
    Ok((caller, told))
}

/// A build.
#[derive(Debug, Deserialize)]
struct Build {
    repository: RepositoryName,
    status: String,
    commit: String,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    number: Option<i64>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    build_url: Option<String>,
    #[serde(default)]
    compare_url: Option<String>,
    #[serde(default)]
    pull_request_number: Option<i64>,
    #[serde(default, rename = "type")]
    trigger: Option<String>,
    #[serde(default)]
    provider: Option<String>,
}

impl Build {
    /// What its provider knows it by; without an id and a number it is the one build of that name of its commit.
    fn own_id(&self, commit: &str) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        match (&self.id, self.number) {
            (Some(id), _) => id.clone(),
            (None, Some(number)) => format!("{name}/{number}"),
            (None, None) => format!("{name}@{commit}"),
        }
    }
}

/// A repository by its name.
#[derive(Debug, Deserialize)]
pub(super) struct RepositoryName {
    pub(super) owner_name: String,
    pub(super) name: String,
}

/// `POST /atomist/build/teams/{workspace}`.
pub(in super::super) async fn build(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let about = (Operation::BuildHook, workspace.as_str(), "Build");
    let (caller, build): (_, Build) = told(&hub, &headers, about, &body).await?;
    if !BUILD_STATES.contains(&build.status.as_str()) {
        let message = format!("`status` must be one of {}", BUILD_STATES.join(", "));
        return Err(Refusal::bad("invalid_argument", message));
    }
    let RepositoryName { owner_name, name } = &build.repository;
    let (commit, now) = (commit_of(&build.commit, "commit")?, hub.now().rfc3339());
    let change = |repository: &Node| build_change(repository, &build, (&commit, &now));
    hub.tell((&headers, &caller), about, (owner_name, name), change)
        .await
}

/// A build as it is told of now. Nothing else says when it was so: that it is over takes the place of that it has begun, whichever comes
/// first.
fn build_change(repository: &Node, build: &Build, (commit, now): (&str, &str)) -> Change {
    let provider = build.provider.as_deref().unwrap_or("unknown");
    let is_over = build.status != "started";
    let id = build.own_id(commit);
    let body = fields([
        ("buildId", Some(id.as_str().into())),
        ("name", build.name.as_deref().map(Value::from)),
        ("status", Some(build.status.as_str().into())),
        ("number", build.number.map(Value::from)),
        ("trigger", build.trigger.as_deref().map(Value::from)),
        ("provider", Some(provider.into())),
        ("buildUrl", build.build_url.as_deref().map(Value::from)),
        ("compareUrl", build.compare_url.as_deref().map(Value::from)),
        ("pullRequestNumber", build.pull_request_number.map(Value::from)),
        ("timestamp", Some(now.into())),
        ("finishedAt", is_over.then(|| now.into())),
    ]);
    // The provider's name must not run into the id.
    let by = provider.replace('%', "%25").replace('/', "%2F");
    let key = format!("{}/build/{by}/{id}", repository.id());
    let mut change = Change::dated("Build", vec![key], body)
        .ranked(i64::from(is_over), 0)
        .link("repo", [repository.id().to_owned()])
        .link("commit", [format!("{}@{commit}", repository.id())]);
    // The last key is the name, by which pushes are known too.
    if let (Some(branch), Some(name)) = (&build.branch, repository.keys.last()) {
        change = change.link("push", [format!("{name}#{branch}@{commit}")]);
    }
    change
}

/// That nobody has told of a repository.
pub(super) fn unheard(owner: &str, name: &str) -> Refusal {
    Refusal::missing_thing(format!(
        "no webhook has told of the repository `{owner}/{name}` yet"
    ))
}

impl Hub {
    /// The repository of which somebody tells something, who may write there, if anybody has told of it: whoever may not does not learn
    /// whether it is there.
    ///
    /// # Errors
    /// They may not.
    pub(super) async fn told_repository(
        &self,
        caller: &Caller,
        (operation, workspace): (Operation, &str),
        (owner, name): (&str, &str),
    ) -> Result<Option<Arc<Node>>, Refusal> {
        let found = self.find_repository(workspace, None, owner, name).await;
        let known = found
            .as_ref()
            .ok()
            .and_then(|node| own_resource(node.as_deref()?));
        let about = [known.unwrap_or_else(|| Resource::repository(owner, name))];
        let caller = caller.with_forge(operation, &about).await?;
        caller.may_on(operation, workspace, &about)?;
        found
    }

    /// A repository by its name, of a forge if that is said.
    pub(in super::super) async fn repository(
        &self,
        workspace: &str,
        provider: Option<&str>,
        owner: &str,
        name: &str,
    ) -> Result<Arc<Node>, Refusal> {
        let found = self.find_repository(workspace, provider, owner, name).await?;
        found.ok_or_else(|| unheard(owner, name))
    }

    async fn find_repository(
        &self,
        workspace: &str,
        provider: Option<&str>,
        owner: &str,
        name: &str,
    ) -> Result<Option<Arc<Node>>, Refusal> {
        let graph = self.store().reader(workspace);
        if let Some(provider) = provider {
            let key = format!("{provider}/{owner}/{name}");
            let found = graph.nodes("Repo", &[key]).await?;
            return Ok(found.into_iter().next());
        }
        let is = |field: &str, value: &str| Filter {
            field: field.to_owned(),
            any_of: vec![Value::from(value)],
        };
        let find = Find {
            kind: "Repo".to_owned(),
            filters: vec![is("owner", owner), is("name", name)],
            descending: true,
            first: 1,
            ..Find::default()
        };
        let found = graph.find(&find).await?;
        Ok(found.into_iter().next())
    }
}
