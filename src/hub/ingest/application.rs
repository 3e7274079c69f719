//! What runs somewhere says of itself: which commit it was made of, where it is and how (wire protocol 14). Machines of the
//! original send this of themselves, and so do programs with their agent.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::changes::Change;
use super::super::refusal::Refusal;
use super::generic::told;
use super::unheard::commit_of;
use crate::ports::graph::Node;

/// Longest id of something that runs.
const LONGEST_ID: usize = 500;

/// Something that runs.
#[derive(Debug, Deserialize)]
struct Application {
    /// Its own, for as long as it runs.
    id: String,
    git: MadeOf,
    /// `started`, `stopping`, and whatever else it says.
    state: String,
    /// Moment in milliseconds.
    #[serde(default)]
    ts: Option<i64>,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    pod: Option<String>,
    #[serde(default)]
    data: Option<Value>,
}

/// The commit that it was made of.
#[derive(Debug, Deserialize)]
struct MadeOf {
    sha: String,
    /// Where it was cloned from.
    #[serde(alias = "repository", alias = "url")]
    repo: String,
}

/// `POST /atomist/application/teams/{workspace}`.
pub(in super::super) async fn take(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let about = (Operation::ApplicationHook, workspace.as_str(), "Application");
    let (caller, application): (_, Application) = told(&hub, &headers, about, &body).await?;
    if application.id.is_empty() || application.id.len() > LONGEST_ID {
        let message = format!("`id` must have 1 to {LONGEST_ID} bytes");
        return Err(Refusal::bad("invalid_argument", message));
    }
    let (owner, name) = owner_and_name(&application.git.repo).ok_or_else(|| {
        Refusal::bad(
            "invalid_argument",
            "`git.repo` must be the address of a repository",
        )
    })?;
    let (commit, now) = (commit_of(&application.git.sha, "git.sha")?, hub.now().rfc3339());
    let change = |repository: &Node| change(repository, &application, (&commit, now));
    hub.tell((&headers, &caller), about, (owner, name), change).await
}

fn change(repository: &Node, application: &Application, (commit, now): (&str, String)) -> Change {
    let said = application.ts.and_then(DateTime::from_timestamp_millis);
    let moment = said.map_or(now, |moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true));
    // What is data is kept as text.
    let data = application.data.as_ref().map(|data| match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let body = json!({
        "state": application.state, "domain": application.domain, "host": application.host, "pod": application.pod,
        "data": data, "timestamp": moment,
    });
    let key = format!("{}/application/{}", repository.id(), application.id);
    Change::dated("Application", vec![key], body)
        .link("commits", [format!("{}@{commit}", repository.id())])
        .link("repo", [repository.id().to_owned()])
}

/// Owner and name at the end of an address, `https://host/owner/name.git` or `git@host:owner/name.git`.
fn owner_and_name(address: &str) -> Option<(&str, &str)> {
    let path = address.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (before, name) = path.rsplit_once('/')?;
    let owner = before.rsplit(['/', ':']).next()?;
    (!owner.is_empty() && !name.is_empty()).then_some((owner, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_by_the_end_of_its_address() {
        for address in [
            "https://git.example.org/acme/app.git",
            "https://git.example.org:8080/acme/app/",
            "git@git.example.org:acme/app.git",
            "ssh://git@git.example.org:2222/acme/app.git",
            "acme/app",
        ] {
            assert_eq!(owner_and_name(address), Some(("acme", "app")), "{address}");
        }
        for address in ["", "app", "/", "https://", ".git"] {
            assert_eq!(owner_and_name(address), None, "{address}");
        }
    }
}
