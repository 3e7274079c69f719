//! Images of commits, in the original's words (wire protocol 14).

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::changes::Change;
use super::super::refusal::Refusal;
use super::super::remembered::Seen;
use super::generic::told;
use super::unheard::commit_of;
use crate::ports::graph::Node;
use crate::ports::hub::HubStoreError;

/// An image of a commit.
#[derive(Debug, Deserialize)]
struct LinkImage {
    git: ImageOf,
    docker: Docker,
}

#[derive(Debug, Deserialize)]
struct ImageOf {
    owner: String,
    repo: String,
    sha: String,
}

#[derive(Debug, Deserialize)]
struct Docker {
    image: String,
}

/// `POST /atomist/link-image/teams/{workspace}`.
pub(in super::super) async fn take(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let about = (Operation::ImageHook, workspace.as_str(), "Image");
    let (caller, linked): (_, LinkImage) = told(&hub, &headers, about, &body).await?;
    let (commit, now) = (commit_of(&linked.git.sha, "git.sha")?, hub.now().rfc3339());
    let change = |repository: &Node| to_list(repository, &linked.docker.image, (&commit, &now));
    hub.tell(
        (&headers, &caller),
        about,
        (&linked.git.owner, &linked.git.repo),
        change,
    )
    .await
}

/// Type of an image that is to be listed with the others of its commit, when nobody else lists one; it is in no schema.
pub(super) const TO_LIST: &str = "ImageToList";

/// Most images of a commit.
const MOST: usize = 100;

fn to_list(repository: &Node, name: &str, (commit, now): (&str, &str)) -> Change {
    let key = format!("{}@{commit}", repository.id());
    let image = json!({"image": name, "imageName": name, "timestamp": now});
    let body = json!({"sha": commit, "image": image, "timestamp": now});
    Change::dated(TO_LIST, vec![format!("{key}/{name}")], body)
        .link("commit", [key])
        .link("repo", [repository.id().to_owned()])
}

/// The commit with an image before all others, and that it was linked.
///
/// # Errors
/// The memory.
pub(super) async fn listed(seen: &Seen<'_>, node: &Node) -> Result<Option<Vec<Change>>, HubStoreError> {
    let target = |field: &str| node.links.get(field).and_then(|targets| targets.first());
    let (Some(key), Some(repository)) = (target("commit"), target("repo")) else {
        return Ok(None);
    };
    let of = |field: &str| node.body.get(field).cloned().unwrap_or_default();
    let (image, sha) = (of("image"), of("sha"));
    let known = seen.known("Commit", key).await?;
    let mut images = known
        .and_then(|commit| commit.body.get("images")?.as_array().cloned())
        .unwrap_or_default();
    images.retain(|other| other["imageName"] != image["imageName"]);
    images.insert(0, image.clone());
    images.truncate(MOST);
    let told = json!({"timestamp": image["timestamp"], "image": image});
    let linked = Change::merge("ImageLinked", vec![node.id().to_owned()], told).link("commit", [key.clone()]);
    let body = json!({"sha": sha, "image": image, "images": images});
    let commit = Change::merge("Commit", vec![key.clone()], body).link("repo", [repository.clone()]);
    Ok(Some(vec![
        commit,
        linked,
        Change::gone(TO_LIST, node.id().to_owned()),
    ]))
}
