//! What people talk about: pull requests, reviews, issues, comments.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Repository, fields, find, number, text};
use super::{at, place, sha};

/// People of an object by the fields they are in, as changes and links; fields that it does not have say nothing.
fn people(
    repository: &Repository<'_>,
    value: &Value,
    fields: &[(&str, &'static str)],
    mut change: Change,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (from, field) in fields {
        let found: Vec<&Value> = match value.get(*from) {
            Some(Value::Array(several)) => several.iter().take(100).collect(),
            Some(one) => vec![one],
            None => continue,
        };
        let accounts: Vec<_> = found
            .into_iter()
            .filter_map(|one| repository.account(one))
            .collect();
        change = change.link(field, accounts.iter().map(|(_, key)| key.clone()));
        changes.extend(accounts.into_iter().map(|(change, _)| change));
    }
    changes.push(change);
    changes
}

fn labels(value: &Value) -> Option<Value> {
    let labels = value.get("labels")?.as_array()?;
    let label = |label: &Value| {
        json!({
            "id": number(label, "/id"), "name": at(label, "/name"), "color": at(label, "/color"), "default": at(label, "/default"),
        })
    };
    Some(labels.iter().take(100).map(label).collect())
}

/// Whether it can be merged, in the original's words; nothing where nothing is said of it.
fn merge_status(value: &Value) -> Option<Value> {
    let status = match value.get("mergeable")? {
        Value::Bool(true) => "can_be_merged",
        Value::Bool(false) => "cannot_be_merged",
        _ => "unchecked",
    };
    Some(status.into())
}

/// How far something is that is opened, may be closed and opened again, and is sometimes merged, which is its end.
fn further(payload: &Value, value: &Value) -> i64 {
    let is = |path: &str| !matches!(find(value, path), None | Some(Value::Null | Value::Bool(false)));
    let is_open = text(value, "/state") != Some("closed");
    match text(payload, "/action") {
        _ if is("/merged") || is("/merged_at") => 4,
        Some("reopened") if is_open => 3,
        _ if !is_open => 2,
        Some("opened") => 0,
        Some(_) | None => 1,
    }
}

pub(super) fn pull_request(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("pull_request")?;
    let number = number(value, "/number")?;
    // The numbers decide, and not names (threat C4); a fork that was deleted is none of the repository.
    let head = find(value, "/head/repo/id");
    let is_own = head.is_some() && head == find(payload, "/repository/id");
    let is_fork = value.get("head").is_some_and(Value::is_object).then_some(!is_own);
    let body = fields([
        ("number", at(value, "/number")),
        ("name", Some(number.as_str().into())),
        ("title", at(value, "/title")),
        ("body", at(value, "/body")),
        ("url", at(value, "/html_url")),
        ("state", at(value, "/state")),
        ("action", at(payload, "/action")),
        ("draft", at(value, "/draft")),
        ("merged", at(value, "/merged")),
        ("mergeStatus", merge_status(value)),
        ("branchName", at(value, "/head/ref")),
        ("baseBranchName", at(value, "/base/ref")),
        ("fork", is_fork.map(Value::Bool)),
        ("timestamp", at(value, "/updated_at")),
        ("createdAt", at(value, "/created_at")),
        ("updatedAt", at(value, "/updated_at")),
        ("closedAt", at(value, "/closed_at")),
        ("mergedAt", at(value, "/merged_at")),
        ("labels", labels(value)),
    ]);
    let mut change = Change::dated("PullRequest", vec![repository.pull_request_key(&number)], body)
        .ranked(0, further(payload, value))
        .link("repo", [repository.key()]);
    let mut changes = Vec::new();
    for (path, field) in [
        ("/head/sha", "head"),
        ("/base/sha", "base"),
        ("/merge_commit_sha", "mergeCommit"),
    ] {
        if let Some(sha) = sha(value, path) {
            changes.push(repository.bare_commit(sha));
            change = change.link(field, [repository.commit_key(sha)]);
        }
    }
    // The branch of a fork is no branch here.
    if let Some(branch) = text(value, "/head/ref").filter(|_| is_own) {
        change = change.link("branch", [repository.branch_key(branch)]);
    }
    let roles = [
        ("user", "author"),
        ("merged_by", "merger"),
        ("assignees", "assignees"),
    ];
    changes.extend(people(repository, value, &roles, change));
    Some(changes)
}

/// The pull request that something is about. The action is the other's.
fn pull_request_in_part(repository: &Repository<'_>, payload: &Value) -> Vec<Change> {
    let mut changes = pull_request(repository, payload).unwrap_or_default();
    for change in &mut changes {
        if change.node.kind == "PullRequest" {
            change.node.body.shift_remove("action");
        }
    }
    changes
}

pub(super) fn review(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("review")?;
    let request = number(payload, "/pull_request/number")?;
    let body = fields([
        ("state", at(value, "/state")),
        ("body", at(value, "/body")),
        ("url", at(value, "/html_url")),
        ("timestamp", at(value, "/submitted_at")),
    ]);
    let key = repository.numbered_key("review", &number(value, "/id")?);
    // It is always of the moment at which it was handed in.
    let mut change = Change::dated("Review", vec![key], body)
        .ranked(0, place(payload, &["submitted", "edited", "dismissed"]))
        .link("pullRequest", [repository.pull_request_key(&request)]);
    if let Some(sha) = sha(value, "/commit_id") {
        change = change.link("commit", [repository.commit_key(sha)]);
    }
    let mut changes = pull_request_in_part(repository, payload);
    changes.extend(people(repository, value, &[("user", "by")], change));
    Some(changes)
}

/// A comment on a place in the changes of a pull request, alone or as part of a review.
pub(super) fn review_comment(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("comment")?;
    let request = number(payload, "/pull_request/number")?;
    let line = at(value, "/line").filter(|line| !line.is_null());
    let mut body = said(payload, value, "review");
    for (field, told) in [
        ("path", at(value, "/path")),
        ("position", at(value, "/position")),
        ("line", line.or_else(|| at(value, "/original_line"))),
    ] {
        if let Some(told) = told {
            body[field] = told;
        }
    }
    let key = repository.numbered_key("review-comment", &number(value, "/id")?);
    let mut change = Change::dated("Comment", vec![key], body)
        .ranked(0, place(payload, &EDITED))
        .link("pullRequest", [repository.pull_request_key(&request)])
        .link(
            "review",
            number(value, "/pull_request_review_id").map(|id| repository.numbered_key("review", &id)),
        )
        .link(
            "inReplyTo",
            number(value, "/in_reply_to_id").map(|id| repository.numbered_key("review-comment", &id)),
        );
    let mut changes = pull_request_in_part(repository, payload);
    if let Some(sha) = sha(value, "/commit_id") {
        changes.push(repository.bare_commit(sha));
        change = change.link("commit", [repository.commit_key(sha)]);
    }
    changes.extend(people(repository, value, &[("user", "by")], change));
    Some(changes)
}

/// What is done to a comment after it was made.
const EDITED: [&str; 1] = ["edited"];

/// What comments on anything say.
fn said(payload: &Value, value: &Value, kind: &str) -> Value {
    let is_gone = text(payload, "/action") == Some("deleted");
    fields([
        ("body", at(value, "/body")),
        ("url", at(value, "/html_url")),
        ("timestamp", at(value, "/updated_at")),
        ("createdAt", at(value, "/created_at")),
        ("updatedAt", at(value, "/updated_at")),
        ("commentType", Some(kind.into())),
        ("deleted", Some(is_gone.into())),
    ])
}

pub(super) fn issue(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("issue")?;
    let number = number(value, "/number")?;
    // What is done to a comment on it is not done to it.
    let action = text(payload, "/action").filter(|_| payload.get("comment").is_none());
    // One that is somewhere else now is not here any more.
    let state = match action {
        Some("deleted" | "transferred") => Some("deleted".into()),
        Some(_) | None => at(value, "/state"),
    };
    let body = fields([
        ("number", at(value, "/number")),
        ("name", Some(number.as_str().into())),
        ("title", at(value, "/title")),
        ("body", at(value, "/body")),
        ("url", at(value, "/html_url")),
        ("state", state),
        ("action", action.map(Value::from)),
        ("timestamp", at(value, "/updated_at")),
        ("createdAt", at(value, "/created_at")),
        ("updatedAt", at(value, "/updated_at")),
        ("closedAt", at(value, "/closed_at")),
        ("labels", labels(value)),
    ]);
    let change = Change::dated("Issue", vec![repository.issue_key(&number)], body)
        .ranked(0, further(payload, value))
        .link("repo", [repository.key()]);
    let roles = [
        ("user", "openedBy"),
        ("closed_by", "closedBy"),
        ("assignees", "assignees"),
    ];
    Some(people(repository, value, &roles, change))
}

pub(super) fn comment(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("comment")?;
    let on = number(payload, "/issue/number")?;
    // That the issue has this field marks a pull request.
    let is_on_request = find(payload, "/issue/pull_request").is_some_and(Value::is_object);
    let kind = if is_on_request { "pullRequest" } else { "issue" };
    let key = repository.numbered_key("comment", &number(value, "/id")?);
    let change =
        Change::dated("Comment", vec![key], said(payload, value, kind)).ranked(0, place(payload, &EDITED));
    if is_on_request {
        let change = change.link("pullRequest", [repository.pull_request_key(&on)]);
        return Some(people(repository, value, &[("user", "by")], change));
    }
    let change = change.link("issue", [repository.issue_key(&on)]);
    let mut changes = issue(repository, payload).unwrap_or_default();
    changes.extend(people(repository, value, &[("user", "by")], change));
    Some(changes)
}
