//! What forges tell comes late, twice and in any order: the graph is the same.

use std::collections::BTreeMap;

use sdm::hub::administration::KeyWish;
use sdm::ports::graph::{Find, Node};
use sdm::ports::hub::HubGraph as _;
use serde_json::{Value, json};

use super::machine::{TestHub, quick, signature, wish};

/// An event and its payload.
type Told = (&'static str, Value);

/// A moment of the story below.
fn at(second: u32) -> String {
    format!("2026-01-01T00:00:{second:02}Z")
}

/// Seconds of the same moment.
fn seconds(second: u32) -> u32 {
    1_767_225_600 + second
}

/// The repository as it is shown beside whatever happens to it.
struct Shown {
    name: &'static str,
    default_branch: &'static str,
    is_private: bool,
    is_archived: bool,
    updated: u32,
    pushed: u32,
}

impl Shown {
    fn value(&self) -> Value {
        json!({
            "id": 7, "name": self.name, "full_name": format!("acme/{}", self.name), "private": self.is_private,
            "archived": self.is_archived, "default_branch": self.default_branch, "html_url": "https://github.com/acme/app",
            "updated_at": at(self.updated), "pushed_at": at(self.pushed), "owner": {"login": "acme", "type": "Organization"}
        })
    }

    /// Something that happens to the repository.
    fn told(&self, event: &'static str, mut payload: Value) -> Told {
        payload["repository"] = self.value();
        (event, payload)
    }

    /// A push, which says its moment in seconds.
    fn push(&self, reference: &str, before: &str, after: &str) -> Told {
        let (event, mut payload) = self.told(
            "push",
            json!({"ref": reference, "before": before.repeat(40), "after": after.repeat(40), "commits": []}),
        );
        payload["repository"]["pushed_at"] = json!(seconds(self.pushed));
        (event, payload)
    }
}

fn renamed(from: &str) -> Value {
    json!({"action": "renamed", "changes": {"repository": {"name": {"from": from}}}})
}

fn installation(action: &str, number: u64, updated: &Value, is_suspended: bool) -> Told {
    let payload = json!({
        "action": action, "repositories": [{"id": 7, "full_name": "acme/a-name-of-long-ago", "private": true}],
        "installation": {"id": number, "app_id": 3, "updated_at": updated, "suspended_at": is_suspended.then(|| at(1)),
            "account": {"login": "acme", "type": "Organization", "html_url": "https://github.com/acme"}}
    });
    ("installation", payload)
}

fn comment(shown: &Shown, action: &str, body: &str, updated: u32) -> Told {
    let user = json!({"login": "ada", "avatar_url": "a"});
    let comment = json!({"id": 9, "body": body, "updated_at": at(updated), "user": user});
    let issue =
        json!({"id": 1, "number": 4, "title": "T", "state": "open", "user": user, "updated_at": at(20)});
    shown.told(
        "issue_comment",
        json!({"action": action, "issue": issue, "comment": comment}),
    )
}

/// What happens to a repository, a branch that goes and comes again, another that goes, a tag, a comment and two installations.
fn story() -> Vec<Told> {
    let mut shown = Shown {
        name: "app",
        default_branch: "main",
        is_private: true,
        is_archived: false,
        updated: 1,
        pushed: 1,
    };
    let mut story = vec![shown.told("repository", json!({"action": "created"}))];
    shown.pushed = 2;
    story.push(shown.push("refs/heads/main", "0", "b"));
    (shown.name, shown.updated) = ("renamed", 3);
    story.push(shown.told("repository", renamed("app")));
    (shown.is_private, shown.updated) = (false, 4);
    story.push(shown.told("repository", json!({"action": "publicized"})));
    (shown.is_archived, shown.updated) = (true, 5);
    story.push(shown.told("repository", json!({"action": "archived"})));
    (shown.is_archived, shown.default_branch, shown.updated) = (false, "trunk", 6);
    story.push(shown.told("repository", json!({"action": "edited"})));
    (shown.name, shown.updated) = ("app", 7);
    story.push(shown.told("repository", renamed("renamed")));
    for (branch, moment, after) in [("again", 8, "c"), ("gone", 9, "d")] {
        shown.pushed = moment;
        story.push(shown.push(&format!("refs/heads/{branch}"), "0", after));
    }
    for branch in ["again", "gone"] {
        shown.pushed += 1;
        story.push(shown.told("delete", json!({"ref": branch, "ref_type": "branch"})));
    }
    shown.pushed = 12;
    story.push(shown.push("refs/heads/again", "0", "e"));
    for (moment, before, after) in [(13, "0", "c"), (14, "c", "0")] {
        shown.pushed = moment;
        story.push(shown.push("refs/tags/v1", before, after));
    }
    story.push(comment(&shown, "created", "one", 15));
    story.push(comment(&shown, "edited", "two", 16));
    // That it is taken away is told with the moment at which it was last edited.
    story.push(comment(&shown, "deleted", "two", 16));
    story.extend([
        installation("created", 5, &json!(seconds(17)), false),
        installation("suspend", 5, &json!(at(18)), true),
        installation("unsuspend", 5, &json!(seconds(19)), false),
        installation("created", 6, &json!(seconds(17)), false),
        installation("suspend", 6, &json!(at(18)), true),
        installation("deleted", 6, &json!(at(18)), true),
    ]);
    story.extend(of_commits(&shown));
    story.extend(of_people(&shown));
    story.extend(of_deliveries(&shown));
    story.extend(within_a_second(&mut shown));
    story
}

/// What is said of commits: statuses, checks and runs of workflows, each thing once more within the second in which it ends.
fn of_commits(shown: &Shown) -> Vec<Told> {
    let (sha, run) = ("b".repeat(40), json!({"id": 70, "run_number": 3, "name": "ci"}));
    let status = |id: u64, state: &str| {
        let body = json!({"id": id, "sha": sha, "context": "ci", "state": state, "description": state, "updated_at": at(20)});
        shown.told("status", body)
    };
    let check = |(id, suite): (u64, u64), status: &str, conclusion: Option<&str>| {
        let check = json!({
            "id": id, "head_sha": sha, "name": "test", "status": status, "conclusion": conclusion, "started_at": at(21),
            "completed_at": conclusion.map(|_| at(21)), "details_url": format!("https://ci.example.org/{id}"),
            "check_suite": {"id": suite}, "output": {"title": conclusion}, "app": {"slug": "ci"}
        });
        shown.told("check_run", json!({"action": "created", "check_run": check}))
    };
    let job = |id: u64, attempt: u64, status: &str, conclusion: Option<&str>| {
        let address = format!("https://github.com/acme/app/actions/runs/70/job/{id}");
        let job = json!({
            "id": id, "run_id": 70, "run_attempt": attempt, "head_sha": sha, "name": "build", "status": status,
            "conclusion": conclusion, "started_at": at(22), "completed_at": conclusion.map(|_| at(22)), "html_url": address
        });
        shown.told("workflow_job", json!({"action": status, "workflow_job": job}))
    };
    let workflow = |attempt: u64, status: &str, conclusion: Option<&str>| {
        let mut run = run.clone();
        run["run_attempt"] = json!(attempt);
        run["head_sha"] = json!(sha);
        run["head_branch"] = json!("main");
        (run["status"], run["conclusion"]) = (json!(status), json!(conclusion));
        (run["updated_at"], run["run_started_at"]) = (json!(at(23)), json!(at(23)));
        shown.told("workflow_run", json!({"action": status, "workflow_run": run}))
    };
    // As a suite tells of a commit: without its page, and of its author without the account.
    let author = json!({"name": "Ada", "email": "ada@example.org"});
    let head = json!({"id": sha, "message": "m", "timestamp": at(2), "author": author, "committer": author});
    let suite = json!({"id": 1, "head_sha": sha, "head_commit": head});
    let as_job = json!({
        "id": 82, "head_sha": sha, "name": "build", "status": "completed", "conclusion": "success", "started_at": at(22),
        "completed_at": at(22), "details_url": "https://github.com/acme/app/actions/runs/70/job/82", "check_suite": {"id": 9},
        "output": {"title": "built"}, "app": {"slug": "github-actions"}
    });
    vec![
        status(1, "pending"),
        status(2, "failure"),
        status(3, "success"),
        check((60, 1), "queued", None),
        check((60, 1), "completed", Some("failure")),
        check((61, 2), "completed", Some("success")),
        job(81, 1, "in_progress", None),
        job(81, 1, "completed", Some("failure")),
        job(82, 2, "queued", None),
        job(82, 2, "completed", Some("success")),
        shown.told("check_run", json!({"action": "completed", "check_run": as_job})),
        workflow(1, "completed", Some("failure")),
        workflow(2, "in_progress", None),
        workflow(2, "completed", Some("success")),
        shown.told(
            "check_suite",
            json!({"action": "requested", "check_suite": suite}),
        ),
        shown.told(
            "merge_group",
            json!({"action": "checks_requested", "merge_group": {"head_sha": sha, "head_commit": head}}),
        ),
    ]
}

/// What people do, much of it within a second: a pull request with a review that is dismissed, another that is opened again, and an issue.
fn of_people(shown: &Shown) -> Vec<Told> {
    let user = json!({"login": "ada", "avatar_url": "a"});
    let request = |number: u64, second: u32, state: &str, merged: Option<bool>| {
        let mut request = json!({
            "id": number, "number": number, "title": format!("at {second}"), "state": state, "updated_at": at(second), "user": user,
            "assignees": [], "labels": [{"id": 5, "name": "l"}], "closed_at": (state == "closed").then(|| at(second)),
            "head": {"ref": "main", "sha": "b".repeat(40), "repo": {"id": 7}}, "base": {"ref": "trunk", "sha": "a".repeat(40)}
        });
        if let Some(merged) = merged {
            request["merged"] = json!(merged);
            request["merged_by"] = if merged { user.clone() } else { Value::Null };
        }
        request
    };
    let of_request = |action: &str, request: Value| {
        shown.told("pull_request", json!({"action": action, "pull_request": request}))
    };
    let review = |action: &str, state: &str| {
        let review = json!({"id": 31, "state": state, "body": action, "user": user, "commit_id": "b".repeat(40), "submitted_at": at(26)});
        // Told in part, and later than the whole.
        let request = request(3, 26, "open", None);
        shown.told(
            "pull_request_review",
            json!({"action": action, "review": review, "pull_request": request}),
        )
    };
    let issue = |action: &str, state: &str| {
        let issue = json!({"id": 8, "number": 8, "title": "I", "state": state, "user": user, "updated_at": at(28), "labels": []});
        shown.told("issues", json!({"action": action, "issue": issue}))
    };
    vec![
        of_request("opened", request(3, 25, "open", Some(false))),
        of_request("labeled", request(3, 25, "open", Some(false))),
        review("submitted", "approved"),
        review("edited", "approved"),
        review("dismissed", "dismissed"),
        of_request("closed", request(3, 27, "closed", Some(true))),
        of_request("opened", request(5, 27, "open", Some(false))),
        of_request("closed", request(5, 27, "closed", Some(false))),
        of_request("reopened", request(5, 27, "open", Some(false))),
        issue("opened", "open"),
        issue("closed", "closed"),
        issue("deleted", "closed"),
    ]
}

/// What is delivered: a deployment, a release that is taken away again, and what is built elsewhere.
fn of_deliveries(shown: &Shown) -> Vec<Told> {
    let deployment = |second: u32| json!({"id": 90, "sha": "b".repeat(40), "environment": "production", "ref": "main", "task": "deploy", "updated_at": at(second), "creator": {"login": "ada"}});
    let mut whole = deployment(30);
    (whole["production_environment"], whole["transient_environment"]) = (json!(true), json!(false));
    let status = |id: u64, state: &str| {
        let status = json!({"id": id, "state": state, "description": state, "updated_at": at(30), "target_url": format!("https://{state}")});
        shown.told(
            "deployment_status",
            json!({"deployment_status": status, "deployment": deployment(30)}),
        )
    };
    let release = |action: &str, draft: bool| {
        let release = json!({
            "id": 50, "tag_name": "v2", "name": action, "draft": draft, "prerelease": false, "created_at": at(1),
            "published_at": (!draft).then(|| at(31)), "html_url": "r"
        });
        shown.told("release", json!({"action": action, "release": release}))
    };
    vec![
        shown.told("deployment", json!({"deployment": whole})),
        status(1, "queued"),
        status(2, "in_progress"),
        status(3, "success"),
        release("created", true),
        release("published", false),
        release("released", false),
        release("deleted", false),
    ]
}

/// Three pushes to one branch within a second, and another that is gone and comes again.
fn within_a_second(shown: &mut Shown) -> Vec<Told> {
    let commit = |sha: &str| {
        let author = json!({"name": "Ada", "email": "ada@example.org", "username": "ada"});
        json!({"id": sha.repeat(40), "message": "m", "timestamp": at(2), "url": "u", "author": author, "committer": author})
    };
    shown.pushed = 40;
    let moves = [
        ("quick", "0", "a"),
        ("quick", "a", "b"),
        ("quick", "b", "c"),
        ("anew", "d", "0"),
        ("anew", "0", "e"),
    ];
    let moves = moves.map(|(branch, before, after)| {
        let (event, mut payload) = shown.push(&format!("refs/heads/{branch}"), before, after);
        payload["head_commit"] = if after == "0" { Value::Null } else { commit(after) };
        (event, payload)
    });
    moves.to_vec()
}

/// The whole graph of a workspace: each node with all that is shown of it, and what it points at. What it was called before is left out.
pub async fn graph(hub: &TestHub, workspace: &str) -> Vec<Value> {
    const KINDS: [&str; 21] = [
        "Repo",
        "Org",
        "SCMProvider",
        "Branch",
        "Tag",
        "Push",
        "Commit",
        "Comment",
        "Issue",
        "PullRequest",
        "Review",
        "Status",
        "Build",
        "Deployment",
        "DeploymentReview",
        "Release",
        "ScmId",
        "GitHubAppInstallation",
        "AppReach",
        "DeletedBranch",
        "RepoOnboarded",
    ];
    let reader = hub.hub.memory().reader(workspace);
    let mut nodes: Vec<std::sync::Arc<Node>> = Vec::new();
    for kind in KINDS {
        let all = Find {
            kind: kind.to_owned(),
            first: 10_000,
            ..Find::default()
        };
        nodes.extend(reader.find(&all).await.unwrap());
    }
    let ids: BTreeMap<&str, &str> = nodes
        .iter()
        .flat_map(|node| node.keys.iter().map(|key| (key.as_str(), node.id())))
        .collect();
    let shown = |node: &std::sync::Arc<Node>| {
        let hidden = ["toldAs", "toldEarlier", "movedBy"];
        let body = node
            .body
            .iter()
            .filter(|(field, value)| !hidden.contains(&field.as_str()) && !value.is_null());
        let body: BTreeMap<_, _> = body.collect();
        let links = node.links.iter().filter(|(_, targets)| !targets.is_empty());
        let links: BTreeMap<_, Vec<&str>> = links
            .map(|(field, targets)| {
                (
                    field,
                    targets
                        .iter()
                        .map(|key| *ids.get(key.as_str()).unwrap_or(&key.as_str()))
                        .collect(),
                )
            })
            .collect();
        let called = (node.kind == "Repo").then(|| node.keys.last());
        json!({"kind": node.kind, "id": node.id(), "called": called, "body": body, "links": links})
    };
    let mut graph: Vec<Value> = nodes.iter().map(shown).collect();
    graph.sort_by_key(Value::to_string);
    graph
}

/// Nodes of a type, as far as these fields of them are asked for.
fn told_of(graph: &[Value], kind: &str, fields: &[&str]) -> Value {
    let of_kind = graph.iter().filter(|node| node["kind"] == kind);
    let only = |node: &Value| -> Vec<Value> {
        let of = |field: &&str| match node["body"].get(*field) {
            Some(value) => value.clone(),
            None => node["links"].get(*field).cloned().unwrap_or_default(),
        };
        fields.iter().map(of).collect()
    };
    of_kind.map(only).collect()
}

/// A workspace for each of so many orders, and a key for all.
pub async fn workspaces(hub: &TestHub, orders: u64) -> Vec<String> {
    let named: Vec<String> = (0..=orders).map(|order| format!("order-{order}")).collect();
    let of_all = KeyWish {
        workspaces: named.clone(),
        ..wish(&[])
    };
    hub.administration().new_key(&of_all).await.unwrap();
    named
}

/// An order of what is told: as it happened, the other way round, or any; but for the first everything comes twice.
pub fn in_order<T: Clone>(mut told: Vec<T>, order: u64) -> Vec<T> {
    match order {
        0 => return told,
        1 => told.reverse(),
        seed => told = shuffled(told, seed),
    }
    // Once more in yet another order: each of them comes late then.
    let again = shuffled(told.clone(), order + 100);
    told.into_iter().chain(again).collect()
}

/// Another order, the same for the same seed.
fn shuffled<T>(mut all: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed;
    for last in (1..all.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        all.swap(last, other);
    }
    all
}

#[tokio::test]
async fn c6_whatever_comes_late_twice_or_in_another_order_the_graph_is_the_same() {
    const ORDERS: u64 = 12;
    let hub = TestHub::start(quick()).await;
    let mut graphs = Vec::new();
    for (workspace, order) in workspaces(&hub, ORDERS).await.iter().zip(0..) {
        for (number, (event, payload)) in in_order(story(), order).into_iter().enumerate() {
            let (body, id) = (payload.to_string(), format!("d-{number}"));
            let signature = signature(&body);
            let (status, answer) = hub.signed_to(workspace, (event, &id), body, &signature).await;
            assert_eq!(status, 200, "{event}: {answer}");
        }
        graphs.push(graph(&hub, workspace).await);
    }
    let truth = &graphs[0];
    let sha = |letter: &str| json!([format!("github.com/7@{}", letter.repeat(40))]);
    for (kind, fields, told) in [
        (
            "Repo",
            vec![
                "id",
                "owner",
                "name",
                "defaultBranch",
                "private",
                "archived",
                "url",
            ],
            json!([[
                "github.com/7",
                "acme",
                "app",
                "trunk",
                false,
                false,
                "https://github.com/acme/app"
            ]]),
        ),
        (
            "Branch",
            vec!["name", "deleted", "commit"],
            json!([
                ["again", false, sha("e")],
                ["anew", false, sha("e")],
                ["gone", true, null],
                ["main", false, sha("b")],
                ["quick", false, sha("c")]
            ]),
        ),
        ("Comment", vec!["body", "deleted"], json!([["two", true]])),
        (
            "GitHubAppInstallation",
            vec!["id", "owner", "suspended"],
            json!([["github.com/installation/5", "acme", false]]),
        ),
        (
            "Status",
            vec!["context", "state", "description"],
            json!([
                ["build", "success", "built"],
                ["test", "failure", "failure"],
                ["test", "success", "success"],
                ["ci", "success", "success"]
            ]),
        ),
        (
            "Build",
            vec!["buildId", "status", "finishedAt"],
            json!([["70", "passed", at(23)]]),
        ),
        (
            "PullRequest",
            vec!["number", "title", "state", "action", "merged", "merger"],
            json!([
                [3, "at 27", "closed", "closed", true, ["github.com/ada"]],
                [5, "at 27", "open", "reopened", false, null]
            ]),
        ),
        (
            "Review",
            vec!["state", "body"],
            json!([["dismissed", "dismissed"]]),
        ),
        (
            "Deployment",
            vec!["state", "production", "url"],
            json!([["success", true, "https://success"]]),
        ),
        ("Release", vec!["action", "deleted"], json!([["deleted", true]])),
    ] {
        assert_eq!(told_of(truth, kind, &fields), told, "{kind}");
    }
    let commits = told_of(truth, "Commit", &["sha", "url", "author"]);
    let main = json!(["b".repeat(40), "u", ["github.com/ada"]]);
    assert!(commits.as_array().unwrap().contains(&main), "{commits}");
    for (order, graph) in graphs.iter().enumerate() {
        assert_eq!(graph, truth, "order {order}");
    }
}
