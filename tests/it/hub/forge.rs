//! GitHub's own example payloads (`testdata/github`), every one: taken, and what they make of the graph.

use std::path::Path;

use serde_json::{Value, json};

use super::machine::{TestHub, quick, signature};
use super::unordered::{graph, in_order, workspaces};

/// The example of a name.
fn example(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/hub/testdata/github")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Names of all examples.
fn examples() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hub/testdata/github");
    let names = std::fs::read_dir(directory).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    names
}

/// The event that an example is of.
fn event(name: &str) -> &str {
    name.split('.').next().unwrap()
}

/// All examples. Those that say of one second what cannot both be true of it are put one after the other.
fn all() -> Vec<(String, Value)> {
    let all = examples().into_iter().map(|name| {
        let mut example = example(&name);
        match name.as_str() {
            "check_run.completed-success.json" => {
                example["check_run"]["completed_at"] = json!("2019-05-15T15:21:13Z");
            }
            "push.tag-deleted.json" | "delete.tag.json" => {
                example["repository"]["pushed_at"] = json!("2019-05-15T15:20:58Z");
            }
            _ => {}
        }
        (name, example)
    });
    all.collect()
}

#[tokio::test]
async fn every_example_of_github_is_taken_in_any_order_and_twice() {
    const ORDERS: u64 = 8;
    let hub = TestHub::start(quick()).await;
    assert!(all().len() > 35);
    let mut graphs = Vec::new();
    for (workspace, order) in workspaces(&hub, ORDERS).await.iter().zip(0..) {
        for (number, (name, payload)) in in_order(all(), order).into_iter().enumerate() {
            let (body, id) = (payload.to_string(), format!("d-{number}"));
            let signature = signature(&body);
            let sent = hub.signed_to(workspace, (event(&name), &id), body, &signature);
            let (status, answer) = sent.await;
            assert_eq!(status, 200, "{name}: {answer}");
        }
        graphs.push(graph(&hub, workspace).await);
    }
    for (order, graph) in graphs.iter().enumerate() {
        assert_eq!(graph, &graphs[0], "c6: order {order}");
    }
    for name in examples() {
        hub.github(event(&name), &name, &example(&name)).await;
    }
    let asked = hub
        .ask("{ Push { branch } PullRequest { number state author { login } head { sha } } Issue { number comments { body deleted } } Status { context state commit { sha } } Release { name tag { name } } Deployment { environment state } Build { name status number } Review { state pullRequest { number } } Tag { name } }", Value::Null)
        .await;
    let data = &asked["data"];
    assert_eq!(data["Push"], json!([{"branch": "master"}]), "{asked}");
    assert_eq!(data["PullRequest"][0]["author"]["login"], json!("Codertocat"));
    for kind in [
        "Issue",
        "Status",
        "Release",
        "Deployment",
        "Build",
        "Review",
        "Tag",
    ] {
        assert!(!data[kind].as_array().unwrap().is_empty(), "{kind}: {asked}");
    }
}

#[tokio::test]
async fn a_late_webhook_changes_nothing_and_a_renamed_repository_is_the_same() {
    let hub = TestHub::start(quick()).await;
    let mut closed = example("pull_request.closed.json");
    closed["pull_request"]["updated_at"] = json!("2030-01-01T00:00:00Z");
    hub.github("pull_request", "d-1", &closed).await;
    hub.github("pull_request", "d-2", &example("pull_request.opened.json"))
        .await;
    let asked = hub.ask("{ PullRequest { state action } }", Value::Null).await;
    assert_eq!(
        asked["data"]["PullRequest"],
        json!([{"state": "closed", "action": "closed"}])
    );
    hub.github("push", "d-3", &example("push.branch.json")).await;
    let mut renamed = example("push.branch.json");
    renamed["repository"]["name"] = json!("hello-2");
    renamed["repository"]["full_name"] = json!("Codertocat/hello-2");
    renamed["repository"]["updated_at"] = json!("2030-01-01T00:00:00Z");
    hub.github(
        "repository",
        "d-4",
        &json!({
            "action": "renamed", "changes": {"repository": {"name": {"from": "Hello-World"}}}, "repository": renamed["repository"],
        }),
    )
    .await;
    let asked = hub
        .ask(
            "{ Push { repo { owner name } } Repo(name: \"Hello-World\") { id } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        asked["data"],
        json!({"Push": [{"repo": {"owner": "Codertocat", "name": "hello-2"}}], "Repo": []})
    );
}

#[tokio::test]
async fn a_repository_made_anew_under_a_name_is_another_and_so_is_a_branch_moved_again() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "d-1", &example("push.branch.json")).await;
    let mut anew = example("push.branch.json");
    anew["repository"]["id"] = json!(99);
    hub.github("push", "d-2", &anew).await;
    let asked = hub
        .ask("{ Repo { name } Push { repo { id } } }", Value::Null)
        .await;
    assert_eq!(
        asked["data"]["Repo"],
        json!([{"name": "Hello-World"}, {"name": "Hello-World"}])
    );
    let pushed = asked["data"]["Push"].as_array().unwrap();
    assert_ne!(pushed[0]["repo"]["id"], pushed[1]["repo"]["id"]);
    // From elsewhere to the same commit: another push.
    anew["before"] = json!("e".repeat(40));
    hub.github("push", "d-3", &anew).await;
    let asked = hub.ask("{ Push { before { sha } } }", Value::Null).await;
    assert_eq!(asked["data"]["Push"].as_array().unwrap().len(), 3);
}

/// Each type that the hub takes from forges, and what it hangs on.
#[tokio::test]
async fn a_review_with_its_comments_hangs_on_its_pull_request_whichever_comes_first() {
    let hub = TestHub::start(quick()).await;
    let review = example("pull_request_review.submitted.json");
    let request = &review["pull_request"];
    let comment = json!({
        "action": "created", "pull_request": request, "repository": review["repository"],
        "comment": {
            "id": 77, "pull_request_review_id": review["review"]["id"], "path": "README.md", "line": 3, "body": "Why?",
            "commit_id": review["review"]["commit_id"], "user": review["review"]["user"],
            "html_url": "https://github.com/c/77", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
        }
    });
    hub.github("pull_request_review_comment", "d-1", &comment).await;
    hub.github("pull_request_review", "d-2", &review).await;
    let mut deleted = comment.clone();
    deleted["action"] = json!("deleted");
    let question = "{ PullRequest { title state reviews { state comments { path line body commentType deleted by { login } } } comments { path review { state } } } }";
    let asked = hub.ask(question, Value::Null).await;
    let found = &asked["data"]["PullRequest"][0];
    assert_eq!(
        (&found["title"], &found["state"]),
        (&request["title"], &request["state"])
    );
    assert_eq!(found["comments"][0]["path"], json!("README.md"), "{asked}");
    assert_eq!(
        found["reviews"][0]["comments"],
        json!([{"path": "README.md", "line": 3, "body": "Why?", "commentType": "review", "deleted": false,
            "by": {"login": review["review"]["user"]["login"]}}])
    );
    hub.github("pull_request_review_comment", "d-3", &deleted).await;
    let asked = hub.ask("{ Comment { deleted } }", Value::Null).await;
    assert_eq!(asked["data"]["Comment"], json!([{"deleted": true}]));
}

/// Every type that the graph promises (issue list of types) can be asked for, and forges' examples fill those that are theirs.
#[tokio::test]
async fn every_type_of_the_graph_is_there_and_those_of_forges_are_filled() {
    let hub = TestHub::start(quick()).await;
    for name in examples() {
        let (status, answer) = hub.github(event(&name), &name, &example(&name)).await;
        assert!(status == 200, "{name}: {status} {answer}");
    }
    let filled = [
        "Push",
        "Commit",
        "Branch",
        "Tag",
        "Repo",
        "Org",
        "SCMProvider",
        "PullRequest",
        "Review",
        "Issue",
        "Comment",
        "Build",
        "Status",
        "Release",
        "Deployment",
        "ScmId",
        "GitHubAppInstallation",
        "RepoOnboarded",
    ];
    for kind in filled {
        let asked = hub.ask(&format!("{{ {kind} {{ id }} }}"), Value::Null).await;
        let found = asked["data"][kind].as_array();
        assert!(found.is_some_and(|found| !found.is_empty()), "{kind}: {asked}");
    }
    for kind in [
        "ImageLinked",
        "Person",
        "ChatId",
        "ChatTeam",
        "ChatChannel",
        "ChannelLink",
        "UserJoinedChannel",
        "SdmGoal",
        "SdmGoalSet",
        "SdmVersion",
        "Fingerprint",
        "Application",
        "DeletedBranch",
        "TeamConfiguration",
        "AtmJob",
        "AtmJobTask",
    ] {
        let asked = hub
            .ask(&format!("{{ {kind} {{ __typename }} }}"), Value::Null)
            .await;
        assert!(asked["data"][kind].is_array(), "{kind}: {asked}");
    }
}
