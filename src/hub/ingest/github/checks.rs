//! What others say about commits: statuses, checks, and runs of workflows, which are builds.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Repository, number, text};
use super::{at, sha};

pub(super) fn status(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let sha = sha(payload, "/sha")?;
    let context = text(payload, "/context")?;
    let body = json!({
        "context": context, "state": at(payload, "/state"), "description": at(payload, "/description"),
        "targetUrl": at(payload, "/target_url"), "timestamp": at(payload, "/updated_at"),
    });
    Some(said(repository, sha, &format!("status/{context}"), body))
}

pub(super) fn check_run(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("check_run")?;
    // What somebody wants done about it, until it says something new of itself.
    let about = json!({
        "description": at(value, "/output/title"), "targetUrl": at(value, "/details_url"),
        "requestedAction": at(payload, "/requested_action/identifier"),
    });
    checked(repository, value, about)
}

/// A job of a workflow is a check of the same name.
pub(super) fn workflow_job(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("workflow_job")?;
    checked(repository, value, json!({"targetUrl": at(value, "/html_url")}))
}

fn checked(repository: &Repository<'_>, value: &Value, about: Value) -> Option<Vec<Change>> {
    let sha = sha(value, "/head_sha")?;
    let name = text(value, "/name")?;
    let moment = match text(value, "/completed_at") {
        Some(moment) => Value::from(moment),
        None => at(value, "/started_at"),
    };
    let mut body = about;
    body["context"] = Value::from(name);
    body["state"] = Value::from(state(text(value, "/status"), text(value, "/conclusion")));
    body["timestamp"] = moment;
    Some(said(repository, sha, &format!("check/{name}"), body))
}

/// All checks of one app at a commit: each tells of itself, so that only the commit is news. A suite without checks would else
/// be pending for ever.
pub(super) fn check_suite(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("check_suite")?;
    let mut changes = vec![repository.bare_commit(sha(value, "/head_sha")?)];
    changes.extend(
        value
            .get("head_commit")
            .map(|commit| repository.commit(commit))
            .unwrap_or_default(),
    );
    Some(changes)
}

/// A check's state in the words of statuses.
fn state(status: Option<&str>, conclusion: Option<&str>) -> &'static str {
    match (status, conclusion) {
        (Some("completed"), Some("success" | "neutral" | "skipped")) => "success",
        (Some("completed"), Some("failure" | "action_required")) => "failure",
        (Some("completed"), _) => "error",
        (_, _) => "pending",
    }
}

fn said(repository: &Repository<'_>, sha: &str, what: &str, body: Value) -> Vec<Change> {
    let key = format!("{}/{what}", repository.commit_key(sha));
    let status = Change::dated("Status", vec![key], body).link("commit", [repository.commit_key(sha)]);
    vec![repository.bare_commit(sha), status]
}

/// Somebody is asked whether the jobs of a workflow may deploy somewhere, or has said so.
pub(super) fn deployment_review(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let mut changes = workflow_run(repository, payload)?;
    let run = payload.get("workflow_run")?;
    let id = number(run, "/id")?;
    let jobs = payload.get("workflow_job_runs").and_then(Value::as_array);
    let environment = text(payload, "/environment")
        .or_else(|| text(payload, "/workflow_job_run/environment"))
        .or_else(|| jobs.and_then(|jobs| text(jobs.first()?, "/environment")));
    let body = json!({
        "action": at(payload, "/action"), "environment": environment, "comment": at(payload, "/comment"), "url": at(run, "/html_url"),
        "timestamp": at(run, "/updated_at"), "reviewers": reviewers(payload),
    });
    let key = repository.numbered_key(
        "deployment-review",
        &format!("{id}/{}", environment.unwrap_or_default()),
    );
    let mut review = Change::dated("DeploymentReview", vec![key], body)
        .link("build", [repository.numbered_key("workflow", &id)])
        .link(
            "commit",
            sha(run, "/head_sha").map(|sha| repository.commit_key(sha)),
        )
        .link("repo", [repository.key()]);
    let by = payload.get("approver").or_else(|| payload.get("requestor"));
    if let Some((account, key)) = by.and_then(|by| repository.account(by)) {
        changes.push(account);
        review = review.link("by", [key]);
    }
    changes.push(review);
    Some(changes)
}

/// Who may say whether something is deployed.
fn reviewers(payload: &Value) -> Value {
    let reviewers = payload.get("reviewers").and_then(Value::as_array);
    let reviewer = |one: &Value| {
        let name = ["/reviewer/login", "/reviewer/slug", "/reviewer/name"];
        json!({"kind": at(one, "/type"), "name": name.iter().find_map(|path| text(one, path))})
    };
    reviewers.into_iter().flatten().take(100).map(reviewer).collect()
}

pub(super) fn workflow_run(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("workflow_run")?;
    let sha = sha(value, "/head_sha")?;
    let id = number(value, "/id")?;
    let status = match state(text(value, "/status"), text(value, "/conclusion")) {
        "success" => "passed",
        "failure" => "failed",
        "error" if text(value, "/conclusion") == Some("cancelled") => "canceled",
        "error" => "error",
        _ => "started",
    };
    let body = json!({
        "buildId": id, "name": text(payload, "/workflow/name").or(text(value, "/name")), "status": status, "number": at(value, "/run_number"),
        "trigger": at(value, "/event"), "provider": "github", "buildUrl": at(value, "/html_url"),
        "workflowId": number(value, "/workflow_id"), "timestamp": at(value, "/updated_at"),
        "startedAt": at(value, "/run_started_at"),
        "finishedAt": if text(value, "/status") == Some("completed") { at(value, "/updated_at") } else { Value::Null },
    });
    let key = repository.numbered_key("workflow", &id);
    let mut build = Change::dated("Build", vec![key], body)
        .link("commit", [repository.commit_key(sha)])
        .link("repo", [repository.key()]);
    if let Some(branch) = text(value, "/head_branch") {
        build = build.link("push", [repository.push_key(branch, sha)]);
    }
    Some(vec![repository.bare_commit(sha), build])
}
