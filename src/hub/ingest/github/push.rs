//! Movements of branches and tags.

use serde_json::{Value, json};

use super::super::super::becoming::moves::{MOVES, noted};
use super::super::super::changes::Change;
use super::super::known::{Repository, moment, text};
use super::sha;

/// Most commits of one push that are taken; GitHub itself sends no more.
const MOST_COMMITS: usize = 2_048;

/// A push says from where to where something moved, and so more than what else is told of that moment.
const BY_PUSH: i64 = 1;

pub(super) fn pushed(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let reference = text(payload, "/ref")?;
    match reference.split_once("refs/heads/") {
        Some(("", branch)) => branch_push(repository, payload, branch),
        _ => {
            let tag = reference.strip_prefix("refs/tags/")?;
            Some(tag_push(repository, payload, tag))
        }
    }
}

fn tag_push(repository: &Repository<'_>, payload: &Value, tag: &str) -> Vec<Change> {
    let after = sha(payload, "/after");
    // The head is the commit also when the tag is an object of its own.
    let commit = sha(payload, "/head_commit/id")
        .or(after)
        .filter(|_| after.is_some());
    let mut body = moved(repository, payload, commit);
    body["name"] = tag.into();
    body["ref"] = text(payload, "/ref").into();
    let change = Change::dated("Tag", vec![repository.tag_key(tag)], body)
        .ranked(0, BY_PUSH)
        .link("repo", [repository.key()])
        .link("commit", commit.map(|sha| repository.commit_key(sha)));
    // It may lie on a commit that no push has told of.
    let commit = commit.map(|sha| repository.bare_commit(sha));
    commit.into_iter().chain([change]).collect()
}

/// A branch or a tag was moved: whether it is there, when that was, and from where to where.
fn moved(repository: &Repository<'_>, payload: &Value, commit: Option<&str>) -> Value {
    let commit = commit.map(|sha| repository.commit_key(sha));
    let (before, after) = (sha(payload, "/before"), sha(payload, "/after"));
    json!({
        "deleted": after.is_none(), "timestamp": pushed_at(payload), MOVES: noted(before, after, commit.as_deref()),
    })
}

fn branch_push(repository: &Repository<'_>, payload: &Value, branch: &str) -> Option<Vec<Change>> {
    let Some(after) = sha(payload, "/after") else {
        return Some(vec![
            branch_at(repository, payload, branch, None),
            gone_branch(repository, payload, branch),
        ]);
    };
    let before = sha(payload, "/before");
    let mut changes = Vec::new();
    // Newest first, as subscribers read them.
    let commits = payload.get("commits").and_then(Value::as_array);
    let commits: Vec<&Value> = commits.into_iter().flatten().take(MOST_COMMITS).collect();
    let mut carried: Vec<String> = Vec::new();
    for commit in commits.iter().rev() {
        changes.extend(repository.commit(commit));
        carried.extend(text(commit, "/id").map(|sha| repository.commit_key(sha)));
    }
    changes.extend(head(repository, payload, &commits, after));
    if carried.is_empty() {
        carried.push(repository.commit_key(after));
    }
    changes.extend(before.map(|sha| repository.bare_commit(sha)));
    changes.push(branch_at(repository, payload, branch, Some(after)));
    let keys = repository.push_keys(branch, before.unwrap_or_default(), after);
    let body = json!({"branch": branch, "timestamp": pushed_at(payload)});
    let push = Change::dated("Push", keys, body)
        .link("repo", [repository.key()])
        .link("after", [repository.commit_key(after)])
        .link("before", before.map(|sha| repository.commit_key(sha)))
        .link("commits", carried);
    changes.push(push);
    Some(changes)
}

/// Where a branch is now, unless the commits have told just that.
fn head(repository: &Repository<'_>, payload: &Value, commits: &[&Value], after: &str) -> Vec<Change> {
    let head = payload.get("head_commit");
    match head.filter(|commit| text(commit, "/id") == Some(after)) {
        Some(head) if commits.contains(&head) => Vec::new(),
        Some(head) => repository.commit(head),
        None => vec![repository.bare_commit(after)],
    }
}

/// That a branch is gone, by where it was: the same name may go again.
fn gone_branch(repository: &Repository<'_>, payload: &Value, branch: &str) -> Change {
    let before = sha(payload, "/before");
    let key = format!("{}/{}", repository.branch_key(branch), before.unwrap_or_default());
    let body = json!({"name": branch, "timestamp": pushed_at(payload)});
    Change::dated("DeletedBranch", vec![key], body)
        .link("repo", [repository.key()])
        .link("commit", before.map(|sha| repository.commit_key(sha)))
}

fn branch_at(repository: &Repository<'_>, payload: &Value, branch: &str, after: Option<&str>) -> Change {
    let mut body = moved(repository, payload, after);
    body["name"] = branch.into();
    Change::dated("Branch", vec![repository.branch_key(branch)], body)
        .ranked(0, BY_PUSH)
        .link("repo", [repository.key()])
        .link("commit", after.map(|sha| repository.commit_key(sha)))
}

/// When it was pushed.
fn pushed_at(payload: &Value) -> Value {
    moment(payload, "/repository/pushed_at")
}

/// `delete` tells of branches and tags what a push without a commit tells too, and may come alone.
pub(super) fn deleted(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let name = text(payload, "/ref")?;
    let body = json!({"name": name, "deleted": true, "timestamp": pushed_at(payload)});
    let (kind, key) = match text(payload, "/ref_type")? {
        "branch" => ("Branch", repository.branch_key(name)),
        "tag" => ("Tag", repository.tag_key(name)),
        _ => return None,
    };
    Some(vec![
        Change::dated(kind, vec![key], body)
            .link("repo", [repository.key()])
            .link("commit", []),
    ])
}

/// `create` tells of branches and tags what a push tells too, but not where they are.
pub(super) fn created(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let name = text(payload, "/ref")?;
    let body = json!({"name": name, "deleted": false, "timestamp": pushed_at(payload)});
    let (kind, key) = match text(payload, "/ref_type")? {
        "branch" => ("Branch", repository.branch_key(name)),
        "tag" => ("Tag", repository.tag_key(name)),
        _ => return Some(Vec::new()),
    };
    Some(vec![
        Change::dated(kind, vec![key], body).link("repo", [repository.key()]),
    ])
}

/// Pull requests that are to be merged together: the commit that they would be.
pub(super) fn merge_group(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("merge_group")?;
    let mut changes = vec![repository.bare_commit(sha(value, "/head_sha")?)];
    changes.extend(sha(value, "/base_sha").map(|sha| repository.bare_commit(sha)));
    changes.extend(
        value
            .get("head_commit")
            .map(|commit| repository.commit(commit))
            .unwrap_or_default(),
    );
    Some(changes)
}
