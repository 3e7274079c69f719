//! What is delivered: releases and deployments.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Repository, number, text};
use super::{at, sha};

pub(super) fn release(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("release")?;
    let tag = text(value, "/tag_name")?;
    let moment = match text(value, "/published_at") {
        Some(moment) => Value::from(moment),
        None => at(value, "/created_at"),
    };
    let action = text(payload, "/action");
    let mut body = json!({
        "name": at(value, "/name"), "draft": at(value, "/draft"), "prerelease": at(value, "/prerelease"),
        "url": at(value, "/html_url"), "action": action, "deleted": action == Some("deleted"),
    });
    let keys = vec![repository.numbered_key("release", &number(value, "/id")?)];
    // Its moment is that of its publication, which says nothing of when it was taken back.
    let release = match action {
        Some("deleted" | "unpublished") => Change::merge("Release", keys, body),
        Some(_) | None => {
            body["timestamp"] = moment;
            Change::dated("Release", keys, body)
        }
    };
    let release = release.link("tag", [repository.tag_key(tag)]);
    let tag = Change::merge("Tag", vec![repository.tag_key(tag)], json!({ "name": tag }))
        .link("repo", [repository.key()]);
    Some(vec![tag, release])
}

pub(super) fn deployment(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("deployment")?;
    let body = json!({
        "environment": at(value, "/environment"), "state": "pending", "description": at(value, "/description"),
        "ref": at(value, "/ref"), "task": at(value, "/task"), "timestamp": at(value, "/updated_at"),
        "production": at(value, "/production_environment"), "transient": at(value, "/transient_environment"),
    });
    deployed(repository, value, body)
}

pub(super) fn deployment_status(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let status = payload.get("deployment_status")?;
    let value = payload.get("deployment")?;
    let body = json!({
        "environment": at(value, "/environment"), "state": at(status, "/state"), "description": at(status, "/description"),
        "ref": at(value, "/ref"), "task": at(value, "/task"), "timestamp": at(status, "/updated_at"),
        "url": at(status, "/target_url"),
    });
    deployed(repository, value, body)
}

/// The forge asks an app whether something may be deployed.
pub(super) fn protection_rule(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("deployment")?;
    let mut changes = deployment(repository, payload)?;
    let id = number(value, "/id")?;
    let body = json!({
        "action": at(payload, "/action"), "environment": at(payload, "/environment"), "timestamp": at(value, "/updated_at"),
        "callbackUrl": at(payload, "/deployment_callback_url"),
    });
    let review = Change::dated(
        "DeploymentReview",
        vec![repository.numbered_key("deployment-rule", &id)],
        body,
    )
    .link("deployment", [repository.numbered_key("deployment", &id)])
    .link("commit", sha(value, "/sha").map(|sha| repository.commit_key(sha)))
    .link("repo", [repository.key()]);
    changes.push(review);
    Some(changes)
}

fn deployed(repository: &Repository<'_>, value: &Value, body: Value) -> Option<Vec<Change>> {
    let sha = sha(value, "/sha")?;
    let key = repository.numbered_key("deployment", &number(value, "/id")?);
    let mut change = Change::dated("Deployment", vec![key], body)
        .link("commit", [repository.commit_key(sha)])
        .link("repo", [repository.key()]);
    let mut changes = vec![repository.bare_commit(sha)];
    if let Some((account, key)) = value
        .get("creator")
        .and_then(|creator| repository.account(creator))
    {
        changes.push(account);
        change = change.link("creator", [key]);
    }
    changes.push(change);
    Some(changes)
}
