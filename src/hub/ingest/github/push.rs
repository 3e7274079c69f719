//! Movements of branches and tags.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Repository, moment, text};
use super::sha;

/// Most commits of one push that are taken; GitHub itself sends no more.
const MOST_COMMITS: usize = 2_048;

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
    let body = json!({
        "name": tag, "ref": text(payload, "/ref"), "deleted": after.is_none(), "timestamp": pushed_at(payload),
    });
    let change = Change::dated("Tag", vec![repository.tag_key(tag)], body).link("repo", [repository.key()]);
    // The head is the commit also when the tag is an object of its own.
    match sha(payload, "/head_commit/id").or(after) {
        // It may lie on a commit that no push has told of.
        Some(sha) => vec![
            repository.bare_commit(sha),
            change.link("commit", [repository.commit_key(sha)]),
        ],
        None => vec![change.link("commit", [])],
    }
}

fn branch_push(repository: &Repository<'_>, payload: &Value, branch: &str) -> Option<Vec<Change>> {
    let Some(after) = sha(payload, "/after") else {
        let body = json!({"name": branch, "deleted": true, "timestamp": pushed_at(payload)});
        let keys = vec![repository.branch_key(branch)];
        return Some(vec![
            Change::dated("Branch", keys, body)
                .link("repo", [repository.key()])
                .link("commit", []),
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
    changes.push(branch_at(repository, payload, branch, after));
    let keys = repository.push_keys(branch, before.unwrap_or_default(), after);
    let body = json!({"branch": branch, "timestamp": pushed_at(payload)});
    let push = Change::merge("Push", keys, body)
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
    Change::merge("DeletedBranch", vec![key], body)
        .link("repo", [repository.key()])
        .link("commit", before.map(|sha| repository.commit_key(sha)))
}

fn branch_at(repository: &Repository<'_>, payload: &Value, branch: &str, after: &str) -> Change {
    let body = json!({"name": branch, "deleted": false, "timestamp": pushed_at(payload)});
    Change::dated("Branch", vec![repository.branch_key(branch)], body)
        .link("repo", [repository.key()])
        .link("commit", [repository.commit_key(after)])
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
