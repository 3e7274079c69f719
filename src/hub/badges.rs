//! Badges: how the newest push of a branch of a public repository stands, as a picture for pages elsewhere. Nobody needs a credential for
//! one, so there is none of a repository of which no forge says that it is public: such a one is as if it were not there (threat H8).
//! Nothing that anybody has written stands in it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::Value;

use super::Hub;
use super::goals::branch_key;
use super::refusal::Refusal;
use crate::ports::graph::{Filter, Find, GraphError, GraphReader, Node};

/// Most pushes to one commit among which that of the branch is looked for.
const MOST_PUSHES: u32 = 200;

/// Most repositories of one name: one at each forge.
const MOST_FORGES: u32 = 10;

/// Most goal sets of a push.
const MOST_SETS: u32 = 100;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The branch; the default branch when absent.
    #[serde(default)]
    branch: Option<String>,
}

/// How the goals of a push stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Passing,
    Failing,
    Running,
    Waiting,
    Canceled,
    Unknown,
}

impl Standing {
    /// Of goal sets in these states: what is worst counts.
    fn of(states: &[&str]) -> Self {
        let any = |wanted: &[&str]| states.iter().any(|state| wanted.contains(state));
        if any(&["failure", "stopped"]) {
            Self::Failing
        } else if any(&["canceled"]) {
            Self::Canceled
        } else if any(&["waiting_for_approval", "waiting_for_pre_approval"]) {
            Self::Waiting
        } else if any(&["planned", "pre_approved", "requested", "in_process", "approved"]) {
            Self::Running
        } else if any(&["success"]) {
            Self::Passing
        } else {
            Self::Unknown
        }
    }

    /// Its word and its colour.
    const fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Passing => ("passing", "#2e7d32"),
            Self::Failing => ("failing", "#c62828"),
            Self::Running => ("running", "#1565c0"),
            Self::Waiting => ("waiting", "#8d6e00"),
            Self::Canceled => ("canceled", "#616161"),
            Self::Unknown => ("no goals", "#616161"),
        }
    }

    fn drawn(self) -> String {
        let (word, colour) = self.shown();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"130\" height=\"20\" role=\"img\" aria-label=\"delivery: {word}\">\
             <title>delivery: {word}</title><rect width=\"62\" height=\"20\" fill=\"#424242\"/>\
             <rect x=\"62\" width=\"68\" height=\"20\" fill=\"{colour}\"/>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,sans-serif\" font-size=\"11\">\
             <text x=\"31\" y=\"14\">delivery</text><text x=\"96\" y=\"14\">{word}</text></g></svg>"
        )
    }
}

/// `GET /badges/{workspace}/{owner}/{name}?branch=`.
pub(super) async fn show(
    State(hub): State<Hub>,
    Path((workspace, owner, name)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Refusal> {
    let graph = hub.store().reader(&workspace);
    let repository = public(&*graph, &owner, &name).await?;
    let repository = repository.ok_or_else(|| Refusal::missing_thing("there is no such badge"))?;
    let default = repository.body.get("defaultBranch").and_then(Value::as_str);
    let standing = match asked.branch.as_deref().or(default) {
        Some(branch) => standing(&*graph, &repository, branch).await?,
        None => Standing::Unknown,
    };
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CACHE_CONTROL, "public, max-age=60"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, standing.drawn()))
}

/// The repository of a name; `None` unless each that has it is said to be public.
async fn public(graph: &dyn GraphReader, owner: &str, name: &str) -> Result<Option<Arc<Node>>, GraphError> {
    let find = Find {
        kind: "Repo".to_owned(),
        filters: vec![is("owner", owner), is("name", name)],
        first: MOST_FORGES,
        ..Find::default()
    };
    let found = graph.find(&find).await?;
    let is_public = |node: &Arc<Node>| {
        let private = node.body.get("private").and_then(Value::as_bool);
        private == Some(false) && !is_true(node, "deleted")
    };
    let are_all = found.iter().all(is_public);
    Ok(found.into_iter().next().filter(|_| are_all))
}

/// How the push that a branch is at stands.
async fn standing(graph: &dyn GraphReader, repository: &Node, branch: &str) -> Result<Standing, GraphError> {
    let Some(push) = newest_push(graph, repository, branch).await? else {
        return Ok(Standing::Unknown);
    };
    let sets = graph.linking("SdmGoalSet", "push", &push.keys, MOST_SETS).await?;
    let state = |set: &Arc<Node>| set.body.get("state").and_then(Value::as_str).map(str::to_owned);
    let states: Vec<String> = sets.iter().filter_map(state).collect();
    let states: Vec<&str> = states.iter().map(String::as_str).collect();
    Ok(Standing::of(&states))
}

/// The push that a branch is at; `None` where the branch is not there or no push has told of it. Pushes are found by their commit: there
/// is no way back to them from their repository.
async fn newest_push(
    graph: &dyn GraphReader,
    repository: &Node,
    branch: &str,
) -> Result<Option<Arc<Node>>, GraphError> {
    let found = graph
        .nodes("Branch", &[branch_key(repository.id(), branch)])
        .await?;
    let head = found.first().filter(|head| !is_true(head, "deleted"));
    let Some(commits) = head.and_then(|head| head.links.get("commit")) else {
        return Ok(None);
    };
    let pushes = graph.linking("Push", "after", commits, MOST_PUSHES).await?;
    let is_of_branch = |push: &Arc<Node>| push.body.get("branch").and_then(Value::as_str) == Some(branch);
    Ok(pushes.into_iter().rev().find(is_of_branch))
}

fn is(field: &str, value: &str) -> Filter {
    Filter {
        field: field.to_owned(),
        any_of: vec![value.into()],
    }
}

fn is_true(node: &Node, field: &str) -> bool {
    node.body.get(field).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worst_counts() {
        for (states, standing) in [
            (&[][..], Standing::Unknown),
            (&["success"][..], Standing::Passing),
            (&["success", "in_process"][..], Standing::Running),
            (&["in_process", "waiting_for_approval"][..], Standing::Waiting),
            (&["success", "canceled"][..], Standing::Canceled),
            (&["in_process", "failure"][..], Standing::Failing),
            (&["<script>"][..], Standing::Unknown),
        ] {
            assert_eq!(Standing::of(states), standing, "{states:?}");
        }
    }

    #[test]
    fn h2_there_is_nothing_in_a_badge_that_anybody_has_written() {
        let drawn = Standing::of(&["<script>alert(1)</script>"]).drawn();
        assert!(drawn.starts_with("<svg ") && !drawn.contains("script"), "{drawn}");
    }
}
