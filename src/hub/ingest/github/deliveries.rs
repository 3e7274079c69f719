//! What is delivered: releases and deployments.

use serde_json::{Value, json};

use super::super::super::becoming::rank::RANK;
use super::super::super::changes::{Change, How, MOMENT};
use super::super::known::{Repository, fields, find, number, text};
use super::{at, place, sha};

pub(super) fn release(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("release")?;
    let tag = text(value, "/tag_name")?;
    // What does not say when it was changed says at least when it was published.
    let moments = ["/updated_at", "/published_at", "/created_at"];
    let moment = moments.iter().find_map(|path| text(value, path));
    let action = text(payload, "/action");
    let body = fields([
        ("name", at(value, "/name")),
        ("draft", at(value, "/draft")),
        ("prerelease", at(value, "/prerelease")),
        ("url", at(value, "/html_url")),
        ("action", action.map(Value::from)),
        ("deleted", Some(Value::Bool(action == Some("deleted")))),
        ("timestamp", moment.map(Value::from)),
    ]);
    let keys = vec![repository.numbered_key("release", &number(value, "/id")?)];
    let mut release = Change::dated("Release", keys, body).ranked(0, further(payload));
    let has_moment = ["/updated_at", "/published_at"]
        .iter()
        .any(|path| text(value, path).is_some());
    if action == Some("unpublished") && !has_moment {
        // Nothing says when that was, so that it is never late.
        release.how = How::Merge;
        release
            .node
            .body
            .retain(|field, _| field != MOMENT && field != RANK);
    }
    let release = release.link("tag", [repository.tag_key(tag)]);
    let tag = Change::merge("Tag", vec![repository.tag_key(tag)], json!({ "name": tag }))
        .link("repo", [repository.key()]);
    Some(vec![tag, release])
}

/// How far a release is; those that are in one place come in either order.
fn further(payload: &Value) -> i64 {
    let further = place(
        payload,
        &[
            "prereleased",
            "published",
            "released",
            "edited",
            "unpublished",
            "deleted",
        ],
    );
    match further {
        4.. => further - 1,
        _ => further,
    }
}

pub(super) fn deployment(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("deployment")?;
    let body = fields([
        ("environment", at(value, "/environment")),
        ("state", Some("pending".into())),
        ("description", at(value, "/description")),
        ("ref", at(value, "/ref")),
        ("task", at(value, "/task")),
        ("timestamp", at(value, "/updated_at")),
        ("production", at(value, "/production_environment")),
        ("transient", at(value, "/transient_environment")),
    ]);
    deployed(repository, value, (body, 0))
}

pub(super) fn deployment_status(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let status = payload.get("deployment_status")?;
    let value = payload.get("deployment")?;
    let body = fields([
        ("environment", at(value, "/environment")),
        ("state", at(status, "/state")),
        ("description", at(status, "/description")),
        ("ref", at(value, "/ref")),
        ("task", at(value, "/task")),
        ("timestamp", at(status, "/updated_at")),
        ("url", at(status, "/target_url")),
    ]);
    // A later one has a greater number.
    let number = find(status, "/id").and_then(Value::as_i64).unwrap_or_default();
    deployed(repository, value, (body, number))
}

/// The forge asks an app whether something may be deployed.
pub(super) fn protection_rule(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("deployment")?;
    let mut changes = deployment(repository, payload)?;
    let id = number(value, "/id")?;
    let body = fields([
        ("action", at(payload, "/action")),
        ("environment", at(payload, "/environment")),
        ("timestamp", at(value, "/updated_at")),
        ("callbackUrl", at(payload, "/deployment_callback_url")),
    ]);
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

fn deployed(
    repository: &Repository<'_>,
    value: &Value,
    (body, further): (Value, i64),
) -> Option<Vec<Change>> {
    let sha = sha(value, "/sha")?;
    let key = repository.numbered_key("deployment", &number(value, "/id")?);
    let mut change = Change::dated("Deployment", vec![key], body)
        .ranked(0, further)
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
