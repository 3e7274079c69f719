//! What other systems tell of a repository before its forge does: it waits, and is taken in once a webhook has told of the repository.
//!
//! Whoever tells it may write to a repository of that name; it is no other's. It is of the forge that is the only one when it is told.

use std::sync::Arc;

use axum::Json;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::changes::Change;
use super::super::refusal::Refusal;
use super::super::remembered::Seen;
use super::generic::{keep, unheard};
use super::image;
use crate::model::CommitSha;
use crate::ports::graph::{Filter, Find, GraphReader as _, Node};
use crate::ports::hub::HubStoreError;

/// Type of what waits; it is in no schema.
const UNHEARD: &str = "Unheard";

/// What stands for the id and for the name of the repository in what waits. No forge is called so.
const STAND_INS: [&str; 2] = ["?id", "?name"];

/// Most of what waits in a workspace.
const MOST: u32 = 1_000;

/// So long something waits before it makes room for more.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3_600);

impl Hub {
    /// Takes in what somebody tells of a repository, now or once a webhook has told of it.
    ///
    /// # Errors
    /// They may not, or too much waits already.
    pub(super) async fn tell(
        &self,
        (headers, caller): (&HeaderMap, &Caller),
        (operation, workspace, kind): (Operation, &str, &str),
        (owner, name): (&str, &str),
        change: impl FnOnce(&Node) -> Change + Send,
    ) -> Result<Json<Value>, Refusal> {
        let told = self.told_repository(caller, (operation, workspace), (owner, name));
        if let Some(repository) = told.await? {
            return keep(self, headers, (workspace, kind), vec![change(&repository)]).await;
        }
        let mut changes = self.room_for_one(workspace, (owner, name)).await?;
        let stand_in = Node {
            keys: STAND_INS.map(str::to_owned).to_vec(),
            ..Node::default()
        };
        let forge = caller.snapshot().only_forge.as_deref().map(str::to_owned);
        let about = json!({"owner": owner, "name": name, "forge": forge, "since": self.now().rfc3339()});
        changes.push(waiting(self.fresh_id(), about, &change(&stand_in).node));
        let Json(mut answer) = keep(self, headers, (workspace, kind), changes).await?;
        answer["message"] = Value::from(format!(
            "kept until a webhook tells of the repository `{owner}/{name}`"
        ));
        Ok(Json(answer))
    }

    /// What makes room for one more that waits.
    async fn room_for_one(
        &self,
        workspace: &str,
        (owner, name): (&str, &str),
    ) -> Result<Vec<Change>, Refusal> {
        let all = Find {
            kind: UNHEARD.to_owned(),
            first: MOST,
            ..Find::default()
        };
        let waiting = self.store().reader(workspace).find(&all).await?;
        if waiting.len() < MOST as usize {
            return Ok(Vec::new());
        }
        let since = self.now().minus(PATIENCE).rfc3339();
        let is_old = |node: &&Arc<Node>| {
            let told = node.body.get("since").and_then(Value::as_str);
            told.is_none_or(|told| told < since.as_str())
        };
        let old: Vec<Change> = waiting
            .iter()
            .filter(is_old)
            .map(|node| Change::gone(UNHEARD, node.id().to_owned()))
            .collect();
        match old.is_empty() {
            true => Err(unheard(owner, name)),
            false => Ok(old),
        }
    }
}

fn waiting(id: String, about: Value, told: &Node) -> Change {
    let full_name = format!("{}/{}", text(&about, "owner"), text(&about, "name"));
    let mut body = about;
    body["told"] = json!({"kind": told.kind, "keys": told.keys, "body": told.body, "links": told.links});
    Change::merge(UNHEARD, vec![id], body).link("repo", [full_name])
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// What is taken in because a repository has been told of, or because something was to wait for one that had been told of meanwhile.
///
/// # Errors
/// The memory.
pub(in super::super) async fn follows(
    seen: &Seen<'_>,
    changed: &[Arc<Node>],
) -> Result<Vec<Vec<Change>>, HubStoreError> {
    let mut steps = Vec::new();
    for node in changed {
        match node.kind.as_str() {
            "Repo" => {
                let waiting = seen.linking(UNHEARD, "repo", &[full_name(node)], MOST).await?;
                steps.extend(waiting.iter().filter_map(|waiting| taken_in(node, waiting)));
            }
            UNHEARD => {
                let told = seen.find(&of_name(node)).await?;
                steps.extend(told.iter().find_map(|repository| taken_in(repository, node)));
            }
            image::TO_LIST => steps.extend(image::listed(seen, node).await?),
            _ => {}
        }
    }
    Ok(steps)
}

fn full_name(node: &Node) -> String {
    let text = |field: &str| node.body.get(field).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("owner"), text("name"))
}

/// Repositories that are called as something waits for.
fn of_name(waiting: &Node) -> Find {
    let is = |field: &str| Filter {
        field: field.to_owned(),
        any_of: waiting.body.get(field).cloned().into_iter().collect(),
    };
    Find {
        kind: "Repo".to_owned(),
        filters: vec![is("owner"), is("name")],
        descending: true,
        first: 10,
        ..Find::default()
    }
}

/// What waits, as it is of a repository; nothing where that is of another forge.
fn taken_in(repository: &Node, waiting: &Node) -> Option<Vec<Change>> {
    let forge = waiting.body.get("forge").and_then(Value::as_str);
    let is_its = forge.is_none_or(|forge| repository.id().split('/').next() == Some(forge));
    let told = waiting.body.get("told").filter(|_| is_its)?;
    let names = [repository.id(), repository.keys.last()?];
    let named = |text: &Value| {
        let text = text.as_str()?;
        let of = |(stand_in, name): (&str, &str)| Some(format!("{name}{}", text.strip_prefix(stand_in)?));
        STAND_INS.into_iter().zip(names).find_map(of)
    };
    let all = |texts: &Value| -> Vec<String> {
        let texts = texts.as_array().map(Vec::as_slice).unwrap_or_default();
        texts.iter().filter_map(named).collect()
    };
    let mut change = Change::dated(
        text(told, "kind"),
        all(told.get("keys")?),
        told.get("body")?.clone(),
    );
    for (field, targets) in told.get("links")?.as_object()? {
        change = change.link(field, all(targets));
    }
    Some(vec![change, Change::gone(UNHEARD, waiting.id().to_owned())])
}

/// The id of a commit, whole.
///
/// # Errors
/// It is something else, as the name of a branch.
pub(super) fn commit_of(said: &str, field: &str) -> Result<String, Refusal> {
    let read = CommitSha::parse(said);
    let sentence = format!("`{field}` must be the id of a commit: all 40 hexadecimal digits");
    let sha = read.map_err(|_| Refusal::bad("invalid_argument", sentence))?;
    Ok(sha.as_str().to_owned())
}
