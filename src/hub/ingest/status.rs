//! What other systems say about commits: statuses, in the words of GitHub's. A forge's own of the same context is another.

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
use super::generic::{RepositoryName, told};
use super::unheard::commit_of;
use crate::ports::graph::Node;

/// States of a status.
const STATES: [&str; 4] = ["pending", "success", "failure", "error"];

/// Longest context in bytes.
const LONGEST: usize = 255;

/// A status of a commit.
#[derive(Debug, Deserialize)]
struct Status {
    repository: RepositoryName,
    commit: String,
    /// What is said to be so; a later status of the same context takes its place.
    context: String,
    state: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

/// `POST /atomist/status/teams/{workspace}`.
pub(in super::super) async fn take(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let about = (Operation::StatusHook, workspace.as_str(), "Status");
    let (caller, status): (_, Status) = told(&hub, &headers, about, &body).await?;
    status.check()?;
    let RepositoryName { owner_name, name } = &status.repository;
    let (commit, now) = (commit_of(&status.commit, "commit")?, hub.now().rfc3339());
    let change = |repository: &Node| change(repository, &status, (&commit, &now));
    hub.tell((&headers, &caller), about, (owner_name, name), change)
        .await
}

impl Status {
    fn check(&self) -> Result<(), Refusal> {
        let wrong = |message: String| Err(Refusal::bad("invalid_argument", message));
        if !STATES.contains(&self.state.as_str()) {
            return wrong(format!("`state` must be one of {}", STATES.join(", ")));
        }
        if self.context.is_empty() || self.context.len() > LONGEST {
            return wrong(format!("`context` must have 1 to {LONGEST} bytes"));
        }
        Ok(())
    }
}

fn change(repository: &Node, status: &Status, (commit, now): (&str, &str)) -> Change {
    let commit = format!("{}@{commit}", repository.id());
    let body = json!({
        "context": status.context, "state": status.state, "description": status.description,
        "targetUrl": status.target_url, "timestamp": now,
    });
    let key = format!("{commit}/told/{}", status.context);
    Change::dated("Status", vec![key], body).link("commit", [commit])
}
