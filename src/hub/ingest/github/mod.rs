//! GitHub's webhooks, and those of GitHub Enterprise: which changes of the graph each is.

mod apps;
mod checks;
mod deliveries;
mod push;
mod talk;

use serde_json::Value;

use super::super::changes::Change;
use super::known::{self, Repository, text};

/// The changes that an event is; none for events that say nothing of the graph.
pub(super) fn changes(event: &str, payload: &Value) -> Vec<Change> {
    let told = match Repository::of(payload) {
        Some(repository) => of_repository(&repository, event, payload).map(|told| {
            let mut changes = repository.changes(event == "repository");
            changes.extend(told);
            changes
        }),
        None => match event {
            "installation" | "installation_repositories" => apps::installation(payload),
            "github_app_authorization" => apps::authorization(payload),
            "ping" => apps::ping(payload),
            "organization" | "installation_target" => apps::renamed_account(payload),
            _ => None,
        },
    };
    told.unwrap_or_default()
}

/// The changes that an event of a repository is; `None` when the event is none that the graph has a use for.
fn of_repository(repository: &Repository<'_>, event: &str, payload: &Value) -> Option<Vec<Change>> {
    match event {
        "push" => push::pushed(repository, payload),
        "create" => push::created(repository, payload),
        "delete" => push::deleted(repository, payload),
        "merge_group" => push::merge_group(repository, payload),
        "pull_request" => talk::pull_request(repository, payload),
        "pull_request_review" => talk::review(repository, payload),
        "pull_request_review_comment" => talk::review_comment(repository, payload),
        "issues" => talk::issue(repository, payload),
        "issue_comment" => talk::comment(repository, payload),
        "status" => checks::status(repository, payload),
        "check_run" => checks::check_run(repository, payload),
        "check_suite" => checks::check_suite(repository, payload),
        "workflow_job" => checks::workflow_job(repository, payload),
        "workflow_run" => checks::workflow_run(repository, payload),
        "deployment_review" => checks::deployment_review(repository, payload),
        "release" => deliveries::release(repository, payload),
        "deployment" => deliveries::deployment(repository, payload),
        "deployment_status" => deliveries::deployment_status(repository, payload),
        "deployment_protection_rule" => deliveries::protection_rule(repository, payload),
        "repository" => Some(match text(payload, "/action") {
            Some("created") => vec![new_repository(repository)],
            Some("deleted") => vec![repository.deleted()],
            Some(_) | None => Vec::new(),
        }),
        "ping" => Some(Vec::new()),
        _ => None,
    }
}

fn new_repository(repository: &Repository<'_>) -> Change {
    let key = repository.key();
    Change::merge("RepoOnboarded", vec![key.clone()], serde_json::json!({})).link("repo", [key])
}

/// The commit at a path; none for the zeros that stand for none.
fn sha<'v>(payload: &'v Value, path: &str) -> Option<&'v str> {
    let sha = text(payload, path)?;
    let is_one = sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_one && sha.bytes().any(|byte| byte != b'0')).then_some(sha)
}

/// What stands at a path, if anything does.
fn at(payload: &Value, path: &str) -> Option<Value> {
    known::find(payload, path).cloned()
}

/// Where the action of an event stands in a list of actions of one moment, the last of which comes last.
fn place(payload: &Value, actions: &[&str]) -> i64 {
    let action = text(payload, "/action").unwrap_or_default();
    let place = actions.iter().position(|one| *one == action);
    place.and_then(|place| i64::try_from(place + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn repository() -> Value {
        json!({
            "id": 7, "name": "app", "full_name": "acme/app", "html_url": "https://github.com/acme/app", "default_branch": "main",
            "pushed_at": "2026-01-01T00:00:00Z", "owner": {"login": "acme", "type": "User"}
        })
    }

    /// The changes of an event by the type of what changes, without the repository's own.
    fn told(event: &str, mut payload: Value) -> BTreeMap<String, Vec<Change>> {
        payload["repository"] = repository();
        let mut told: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for change in changes(event, &payload) {
            told.entry(change.node.kind.clone()).or_default().push(change);
        }
        told
    }

    fn user(login: &str) -> Value {
        json!({"login": login, "avatar_url": "a"})
    }

    #[test]
    fn a_pull_request_points_at_its_people_and_commits() {
        let told = told(
            "pull_request",
            json!({
                "action": "closed", "number": 3,
                "pull_request": {
                    "id": 1, "number": 3, "title": "T", "state": "closed", "merged": true, "updated_at": "2026-01-02T00:00:00Z",
                    "user": user("ada"), "merged_by": user("grace"), "assignees": [user("ada")], "labels": [{"id": 5, "name": "l"}],
                    "head": {"ref": "b", "sha": "a".repeat(40), "repo": {"id": 7}}, "base": {"ref": "main", "sha": "b".repeat(40)},
                    "merge_commit_sha": "c".repeat(40)
                }
            }),
        );
        let node = &told["PullRequest"][0].node;
        assert_eq!(node.keys, ["github.com/7!3"]);
        assert_eq!(
            node.body["labels"],
            json!([{"id": "5", "name": "l", "color": null, "default": null}])
        );
        assert_eq!(node.links["head"], [format!("github.com/7@{}", "a".repeat(40))]);
        assert_eq!(node.links["branch"], ["github.com/7#b"]);
        assert_eq!(node.body["fork"], json!(false));
        assert_eq!(node.links["merger"], ["github.com/grace"]);
        assert_eq!(told["ScmId"].len(), 3);
    }

    #[test]
    fn c4_a_pull_request_is_of_a_fork_unless_its_head_has_the_number_of_the_repository() {
        let request = |head: Value| {
            let request = json!({"number": 3, "state": "open", "head": head, "base": {"ref": "main"}});
            let told = told(
                "pull_request",
                json!({"action": "opened", "number": 3, "pull_request": request}),
            );
            told["PullRequest"][0].node.clone()
        };
        let of = |repo: Value| request(json!({"ref": "main", "sha": "a".repeat(40), "repo": repo}));
        assert_eq!(of(json!({"id": 7})).body["fork"], json!(false));
        for repo in [
            json!({"id": 8, "full_name": "acme/app"}),
            json!({"name": "app"}),
            json!(null),
        ] {
            let node = of(repo);
            assert_eq!(node.body["fork"], json!(true));
            assert!(
                !node.links.contains_key("branch"),
                "its branch is none of the repository"
            );
        }
    }

    #[test]
    fn a_comment_is_on_an_issue_or_on_a_pull_request() {
        let mut payload = json!({
            "action": "created", "issue": {"id": 1, "number": 4, "title": "T", "state": "open", "user": user("ada"), "updated_at": "2026-01-02T00:00:00Z"},
            "comment": {"id": 9, "body": "B", "user": user("grace"), "updated_at": "2026-01-02T00:00:00Z"}
        });
        let of_issue = told("issue_comment", payload.clone());
        assert_eq!(of_issue["Comment"][0].node.links["issue"], ["github.com/7?4"]);
        assert!(of_issue.contains_key("Issue"));
        payload["issue"]["pull_request"] = json!({"url": "u"});
        let of_request = told("issue_comment", payload);
        assert_eq!(
            of_request["Comment"][0].node.links["pullRequest"],
            ["github.com/7!4"]
        );
        assert!(!of_request.contains_key("Issue"));
    }

    #[test]
    fn a_comment_of_a_review_is_on_a_place_of_a_pull_request() {
        let payload = json!({
            "action": "created",
            "comment": {
                "id": 9, "pull_request_review_id": 5, "in_reply_to_id": 8, "path": "src/lib.rs", "position": null, "line": null,
                "original_line": 12, "commit_id": "a".repeat(40), "body": "B", "user": user("grace"), "updated_at": "2026-01-03T00:00:00Z"
            },
            "pull_request": {
                "number": 4, "title": "T", "state": "open", "updated_at": "2026-01-02T00:00:00Z", "user": user("ada"), "assignees": [],
                "head": {"ref": "b", "sha": "a".repeat(40), "repo": {"id": 7}}, "base": {"ref": "main"}
            }
        });
        let told = told("pull_request_review_comment", payload);
        let comment = &told["Comment"][0].node;
        assert_eq!(comment.keys, ["github.com/7/review-comment/9"]);
        assert_eq!(
            (
                &comment.body["commentType"],
                &comment.body["path"],
                &comment.body["line"]
            ),
            (&json!("review"), &json!("src/lib.rs"), &json!(12))
        );
        for (field, target) in [
            ("review", "github.com/7/review/5".to_owned()),
            ("inReplyTo", "github.com/7/review-comment/8".to_owned()),
            ("pullRequest", "github.com/7!4".to_owned()),
            ("by", "github.com/grace".to_owned()),
            ("commit", format!("github.com/7@{}", "a".repeat(40))),
        ] {
            assert_eq!(comment.links[field], [target], "{field}");
        }
        let request = &told["PullRequest"][0].node;
        assert_eq!(request.body["title"], json!("T"));
        for unsaid in ["action", "merged"] {
            assert!(
                !request.body.contains_key(unsaid),
                "{unsaid} stays as it is known"
            );
        }
        assert!(!request.links.contains_key("merger"));
    }

    /// All of GitHub's own examples, which `hub::forge` sends to a hub.
    #[test]
    fn every_example_of_github_says_something_of_the_graph() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hub/testdata/github");
        let mut count = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let name = path.file_stem().unwrap().to_str().unwrap();
            let event = name.split('.').next().unwrap();
            let payload = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let changes = changes(event, &payload);
            let is_surrounding =
                |change: &Change| ["SCMProvider", "Org", "Repo"].contains(&change.node.kind.as_str());
            let needs_more = !["ping", "repository"].contains(&event);
            let says = changes
                .iter()
                .any(|change| !needs_more || !is_surrounding(change));
            assert!(says, "{name}: {changes:?}");
            count += 1;
        }
        assert!(count > 35, "{count}");
    }

    #[test]
    fn an_installation_is_known_until_it_is_gone() {
        let installation = |action: &str| {
            json!({
                "action": action, "repositories": [{"id": 7, "full_name": "acme/app", "private": true}],
                "installation": {"id": 5, "app_id": 3, "updated_at": "2026-01-01T00:00:00Z", "suspended_at": null,
                    "account": {"login": "acme", "type": "Organization", "html_url": "https://git.example.org:8080/acme"}}
            })
        };
        let of_kind = |action: &str, kind: &str| {
            let changes = changes("installation", &installation(action));
            changes.into_iter().find(|change| change.node.kind == kind)
        };
        let created = of_kind("created", "GitHubAppInstallation").unwrap().node;
        assert_eq!(created.keys, ["git.example.org:8080/installation/5"]);
        assert_eq!(
            (
                &created.body["owner"],
                &created.body["gitHubAppId"],
                &created.body["suspended"]
            ),
            (&json!("acme"), &json!("3"), &json!(false))
        );
        let repository = of_kind("created", "Repo").unwrap().node;
        assert_eq!(
            repository.keys,
            ["git.example.org:8080/7", "git.example.org:8080/acme/app"]
        );
        let deleted = of_kind("deleted", "GitHubAppInstallation").unwrap();
        assert_eq!(deleted.how, super::super::super::changes::How::Ended);
        assert!(of_kind("deleted", "Repo").is_none());
    }

    fn example(name: &str) -> Value {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hub/testdata/github");
        serde_json::from_slice(&std::fs::read(format!("{directory}/{name}.json")).unwrap()).unwrap()
    }

    /// The last change of a type that an example is.
    fn said_by(event: &str, payload: &Value, kind: &str) -> Change {
        let mut changes = changes(event, payload);
        changes.retain(|change| change.node.kind == kind);
        changes.pop().expect(kind)
    }

    #[test]
    fn an_app_reaches_a_repository_until_it_is_taken_away_there() {
        let removed = example("installation_repositories.removed");
        let told = said_by("installation_repositories", &removed, known::REACH);
        assert_eq!(told.node.keys, ["github.com/installation/2/1296269"]);
        assert_eq!(
            (&told.node.body["isWithin"], &told.node.body["timestamp"]),
            (&json!(false), &json!("2018-04-30T17:38:19Z"))
        );
        assert_eq!(told.node.links["repo"], ["github.com/1296269"]);
        let mut added = example("installation_repositories.added");
        added["installation"] = removed["installation"].clone();
        added["repositories_added"] = removed["repositories_removed"].clone();
        let again = said_by("installation_repositories", &added, known::REACH);
        assert_eq!(
            (&again.node.keys, &again.node.body["isWithin"]),
            (&told.node.keys, &json!(true))
        );
        assert_eq!(again.how, super::super::super::changes::How::Dated);
        let deleted = said_by("installation", &example("installation.deleted"), known::REACH);
        assert_eq!(deleted.node.body["isWithin"], json!(false));
        let suspended = said_by(
            "installation",
            &example("installation.suspend"),
            "GitHubAppInstallation",
        );
        assert_eq!(suspended.node.body["suspended"], json!(true));
    }

    #[test]
    fn what_is_deleted_is_known_to_be() {
        let mut repository = example("repository.created");
        repository["action"] = json!("deleted");
        assert_eq!(
            said_by("repository", &repository, "Repo").node.body["deleted"],
            json!(true)
        );
        let mut release = example("release.published");
        for (action, is_deleted) in [("deleted", true), ("unpublished", false)] {
            release["action"] = json!(action);
            let told = said_by("release", &release, "Release");
            assert_eq!(
                (&told.node.body["action"], &told.node.body["deleted"]),
                (&json!(action), &json!(is_deleted))
            );
        }
        let mut issue = example("issue_comment.created");
        issue.as_object_mut().unwrap().remove("comment");
        for action in ["deleted", "transferred"] {
            issue["action"] = json!(action);
            assert_eq!(
                said_by("issues", &issue, "Issue").node.body["state"],
                json!("deleted")
            );
        }
    }

    #[test]
    fn who_is_asked_and_what_somebody_wants_done_is_known() {
        let asked = example("deployment_review.requested");
        let review = said_by("deployment_review", &asked, "DeploymentReview").node;
        assert_eq!(review.body["environment"], asked["environment"]);
        assert_eq!(review.body["action"], json!("requested"));
        let reviewers = asked["reviewers"].as_array().unwrap();
        assert_eq!(
            review.body["reviewers"].as_array().unwrap().len(),
            reviewers.len()
        );
        assert_eq!(review.body["reviewers"][0]["name"], json!("admins"));
        assert!(review.links["build"][0].ends_with("/workflow/5453085689"));
        let mut rule = example("deployment.created");
        rule["action"] = json!("requested");
        rule["environment"] = rule["deployment"]["environment"].clone();
        rule["deployment_callback_url"] =
            json!("https://api.github.com/repos/a/b/actions/runs/1/deployment_protection_rule");
        let review = said_by("deployment_protection_rule", &rule, "DeploymentReview").node;
        assert_eq!(review.body["callbackUrl"], rule["deployment_callback_url"]);
        assert_eq!(review.body["environment"], rule["environment"]);
        let clicked = example("check_run.requested_action");
        let status = said_by("check_run", &clicked, "Status").node;
        assert_eq!(status.body["requestedAction"], json!("lgtm|26764"));
    }

    #[test]
    fn checks_and_statuses_are_told_apart() {
        let status = told(
            "status",
            json!({"id": 1, "sha": "a".repeat(40), "context": "ci", "state": "failure", "updated_at": "2026-01-02T00:00:00Z"}),
        );
        assert_eq!(status["Status"][0].node.body["state"], json!("failure"));
        let run = |status: &str, conclusion: Value| {
            told(
                "check_run",
                json!({"check_run": {
                    "id": 1, "head_sha": "a".repeat(40), "name": "lint", "status": status, "conclusion": conclusion
                }}),
            )
        };
        assert_eq!(
            run("queued", Value::Null)["Status"][0].node.body["state"],
            json!("pending")
        );
        assert_eq!(
            run("completed", json!("success"))["Status"][0].node.body["state"],
            json!("success")
        );
        assert_eq!(
            run("completed", json!("timed_out"))["Status"][0].node.body["state"],
            json!("error")
        );
        assert_ne!(
            status["Status"][0].node.keys,
            run("queued", Value::Null)["Status"][0].node.keys
        );
    }

    #[test]
    fn checks_of_one_name_are_told_apart_by_their_suites_and_a_job_is_the_check_of_its_run() {
        let check = |id: u64, suite: u64, app: &str, page: &str| {
            let check = json!({
                "id": id, "head_sha": "a".repeat(40), "name": "test", "status": "completed", "conclusion": "success",
                "check_suite": {"id": suite}, "app": {"slug": app}, "details_url": page
            });
            told("check_run", json!({ "check_run": check }))["Status"]
                .last()
                .unwrap()
                .node
                .id()
                .to_owned()
        };
        let page = "https://github.com/acme/app/actions/runs/70/job/81";
        let (first, other) = (check(1, 5, "ci", "p"), check(2, 6, "ci", page));
        assert_ne!(first, other);
        assert_eq!(first, check(3, 5, "ci", "p"), "the newest run of a suite counts");
        let job =
            json!({"id": 81, "run_id": 70, "head_sha": "a".repeat(40), "name": "test", "status": "queued"});
        let job = told("workflow_job", json!({ "workflow_job": job }));
        assert_eq!(
            check(81, 7, "github-actions", page),
            job["Status"].last().unwrap().node.id()
        );
    }

    #[test]
    fn what_an_event_does_not_say_is_not_said_to_be_nothing() {
        let suite = json!({"head_sha": "a".repeat(40), "head_commit": {
            "id": "a".repeat(40), "message": "m", "author": {"name": "Ada", "email": "ada@example.org"}
        }});
        for (event, field) in [("check_suite", "check_suite"), ("merge_group", "merge_group")] {
            for commit in &told(event, json!({ field: suite }))["Commit"] {
                assert!(!commit.node.body.contains_key("url"), "{event}: {commit:?}");
            }
        }
    }

    #[test]
    fn nothing_that_is_missing_or_odd_stops_the_hub() {
        for event in [
            "push",
            "delete",
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "installation",
            "installation_repositories",
            "github_app_authorization",
            "ping",
            "organization",
            "installation_target",
            "check_suite",
            "workflow_job",
            "deployment_review",
            "deployment_protection_rule",
            "merge_group",
            "delete",
            "issues",
            "issue_comment",
            "status",
            "check_run",
            "workflow_run",
            "release",
            "deployment",
            "deployment_status",
            "repository",
            "create",
            "unheard_of",
        ] {
            told(event, json!({}));
            for odd in [
                json!(7),
                json!([]),
                json!({"id": "x", "number": -1, "sha": 7, "user": 7, "labels": 7, "head": []}),
            ] {
                told(
                    event,
                    json!({
                        "ref": odd, "after": odd, "commits": odd, "pull_request": odd, "review": odd, "issue": odd, "comment": odd, "sha": odd,
                        "check_run": odd, "workflow_run": odd, "release": odd, "deployment": odd, "deployment_status": odd
                    }),
                );
                changes(event, &json!({"repository": odd}));
                changes(
                    event,
                    &json!({"installation": odd, "sender": odd, "organization": odd, "repositories": odd}),
                );
            }
        }
    }
}
