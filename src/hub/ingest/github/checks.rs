//! What others say about commits: statuses, checks, and runs of workflows, which are builds.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Repository, fields, find, number, text};
use super::{at, place, sha};

pub(super) fn status(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let sha = sha(payload, "/sha")?;
    let context = text(payload, "/context")?;
    let body = fields([
        ("context", Some(context.into())),
        ("state", at(payload, "/state")),
        ("description", at(payload, "/description")),
        ("targetUrl", at(payload, "/target_url")),
        ("timestamp", at(payload, "/updated_at")),
    ]);
    let said = said(repository, sha, &format!("status/{context}"), body);
    // A later one has a greater number.
    let number = find(payload, "/id").and_then(Value::as_i64).unwrap_or_default();
    Some(vec![repository.bare_commit(sha), said.ranked(0, number)])
}

pub(super) fn check_run(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("check_run")?;
    // What somebody wants done about it, until it says something new of itself.
    let wanted = at(payload, "/requested_action/identifier");
    let of = match run_of_workflow(value) {
        Some(run) => Some(format!("run-{run}")),
        None => number(value, "/check_suite/id").map(|suite| format!("suite-{suite}")),
    };
    let further = if wanted.is_some() { WANTED } else { BY_ITSELF };
    let about = fields([
        ("description", at(value, "/output/title")),
        ("targetUrl", at(value, "/details_url")),
        ("requestedAction", Some(wanted.unwrap_or_default())),
    ]);
    checked(repository, value, (of, further), about)
}

/// A job of a workflow is a check of the same name.
pub(super) fn workflow_job(repository: &Repository<'_>, payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("workflow_job")?;
    let of = number(value, "/run_id").map(|run| format!("run-{run}"));
    checked(
        repository,
        value,
        (of, 0),
        fields([("targetUrl", at(value, "/html_url"))]),
    )
}

/// The run of a workflow that a check is a job of, which a check says in nothing but its address.
fn run_of_workflow(check: &Value) -> Option<&str> {
    let is_job = text(check, "/app/slug") == Some("github-actions");
    let address = text(check, "/details_url").filter(|_| is_job)?;
    let (_, rest) = address.split_once("/actions/runs/")?;
    let number = rest.split('/').next()?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// What a check says of itself is further than what its job does, which is told beside it.
const BY_ITSELF: i64 = 1;

/// What somebody wants done about it is said of what it has said.
const WANTED: i64 = 2;

/// A check of what it is `of`: the suite, or the run of a workflow. There its name is its own, and of several runs the newest counts, as
/// it does at the forge; checks of one name in several suites are several.
fn checked(
    repository: &Repository<'_>,
    value: &Value,
    (of, further): (Option<String>, i64),
    about: Value,
) -> Option<Vec<Change>> {
    let sha = sha(value, "/head_sha")?;
    let name = text(value, "/name")?;
    let moment = match text(value, "/completed_at") {
        Some(moment) => Some(Value::from(moment)),
        None => at(value, "/started_at"),
    };
    let mut body = about;
    body["context"] = Value::from(name);
    body["state"] = Value::from(state(text(value, "/status"), text(value, "/conclusion")));
    body["timestamp"] = moment.unwrap_or_default();
    let run = find(value, "/id").and_then(Value::as_i64).unwrap_or_default();
    let rank = (run, 10 * progress(value) + further);
    let commit = repository.bare_commit(sha);
    // What is of none has a key of another form, so that no name makes the one of the other.
    let by_name = format!("check/{name}");
    let Some(of) = of else {
        return Some(vec![
            commit,
            said(repository, sha, &by_name, body).ranked(rank.0, rank.1),
        ]);
    };
    let said = said(repository, sha, &format!("check-of/{of}/{name}"), body);
    // As it was known before suites were told apart.
    let before = Change::gone("Status", format!("{}/{by_name}", repository.commit_key(sha)));
    Some(vec![commit, before, said.ranked(rank.0, rank.1)])
}

/// How far something is that is queued, runs, and is over.
fn progress(value: &Value) -> i64 {
    match text(value, "/status") {
        Some("completed") => 2,
        Some("in_progress") => 1,
        Some(_) | None => 0,
    }
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

fn said(repository: &Repository<'_>, sha: &str, what: &str, body: Value) -> Change {
    let key = format!("{}/{what}", repository.commit_key(sha));
    Change::dated("Status", vec![key], body).link("commit", [repository.commit_key(sha)])
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
    let body = fields([
        ("action", at(payload, "/action")),
        ("environment", environment.map(Value::from)),
        ("comment", at(payload, "/comment")),
        ("url", at(run, "/html_url")),
        ("timestamp", at(run, "/updated_at")),
        ("reviewers", reviewers(payload)),
    ]);
    let key = repository.numbered_key(
        "deployment-review",
        &format!("{id}/{}", environment.unwrap_or_default()),
    );
    let mut review = Change::dated("DeploymentReview", vec![key], body)
        .ranked(attempt(run), place(payload, &["approved", "rejected"]))
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
fn reviewers(payload: &Value) -> Option<Value> {
    let reviewers = payload.get("reviewers")?.as_array()?;
    let reviewer = |one: &Value| {
        let name = ["/reviewer/login", "/reviewer/slug", "/reviewer/name"];
        json!({"kind": at(one, "/type"), "name": name.iter().find_map(|path| text(one, path))})
    };
    Some(reviewers.iter().take(100).map(reviewer).collect())
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
    let name = text(payload, "/workflow/name").or(text(value, "/name"));
    let finished = match text(value, "/status") {
        Some("completed") => at(value, "/updated_at"),
        Some(_) | None => Some(Value::Null),
    };
    let body = fields([
        ("buildId", Some(id.as_str().into())),
        ("name", name.map(Value::from)),
        ("status", Some(status.into())),
        ("number", at(value, "/run_number")),
        ("trigger", at(value, "/event")),
        ("provider", Some("github".into())),
        ("buildUrl", at(value, "/html_url")),
        ("workflowId", number(value, "/workflow_id").map(Value::from)),
        ("timestamp", at(value, "/updated_at")),
        ("startedAt", at(value, "/run_started_at")),
        ("finishedAt", finished),
    ]);
    let key = repository.numbered_key("workflow", &id);
    let mut build = Change::dated("Build", vec![key], body)
        .ranked(attempt(value), progress(value))
        .link("commit", [repository.commit_key(sha)])
        .link("repo", [repository.key()]);
    if let Some(branch) = text(value, "/head_branch") {
        build = build.link("push", [repository.push_key(branch, sha)]);
    }
    Some(vec![repository.bare_commit(sha), build])
}

/// Which attempt at a run of a workflow something is of. The first one is also what says nothing of attempts.
fn attempt(run: &Value) -> i64 {
    let attempt = find(run, "/run_attempt").and_then(Value::as_i64);
    attempt.unwrap_or(1).saturating_sub(1)
}
