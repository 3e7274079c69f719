//! What forges tell comes late, twice and in any order: the graph is the same.

use sdm::hub::administration::KeyWish;
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
    story
}

/// What the graph of a workspace holds of the story.
async fn graph(hub: &TestHub, key: &str, workspace: &str) -> Value {
    const ALL: &str = "{ Repo { id owner name defaultBranch private archived url } Branch { id name deleted commit { sha } } \
        Tag { name deleted commit { sha } } Push { branch before { sha } after { sha } } Comment { body deleted } \
        GitHubAppInstallation { id owner suspended } }";
    let body = json!({ "query": ALL });
    let (status, mut answer) = hub.post(&format!("/graphql/team/{workspace}"), key, &body).await;
    assert_eq!(status, 200, "{answer}");
    for (_, found) in answer["data"].as_object_mut().expect("an answer") {
        let found = found.as_array_mut().expect("a list");
        found.sort_by_key(Value::to_string);
    }
    answer["data"].take()
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
    let named: Vec<String> = (0..=ORDERS).map(|order| format!("order-{order}")).collect();
    let of_all = KeyWish {
        workspaces: named.clone(),
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&of_all).await.unwrap();
    let mut graphs = Vec::new();
    for (workspace, order) in named.iter().zip(0..) {
        let mut told = story();
        match order {
            0 => {}
            1 => told.reverse(),
            seed => told = shuffled(told, seed),
        }
        // Once more in yet another order: each of them comes late then.
        let again = shuffled(told.clone(), order + 100);
        let again = again.into_iter().take(if order == 0 { 0 } else { usize::MAX });
        let mut waiting: Vec<(usize, _)> = told.into_iter().chain(again).enumerate().collect();
        // What calls a repository as it is not called yet is refused, and sent again when its new name has come.
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut refused = Vec::new();
            for (number, (event, payload)) in waiting {
                let (body, id) = (payload.to_string(), format!("d-{number}"));
                let signature = signature(&body);
                let sent = hub.signed_to(workspace, (event, &id), body, &signature);
                let (status, answer) = sent.await;
                match answer["error"]["code"].as_str() {
                    Some("repository_mismatch") => refused.push((number, (event, payload))),
                    _ => assert_eq!(status, 200, "{event}: {answer}"),
                }
            }
            assert!(refused.len() < before, "some are never taken: {refused:?}");
            waiting = refused;
        }
        graphs.push(graph(&hub, &key, workspace).await);
    }
    let truth = &graphs[0];
    assert_eq!(
        truth["Repo"],
        json!([{"id": "github.com/7", "owner": "acme", "name": "app", "defaultBranch": "trunk", "private": false,
            "archived": false, "url": "https://github.com/acme/app"}])
    );
    assert_eq!(
        truth["Branch"],
        json!([
            {"id": "github.com/7#again", "name": "again", "deleted": false, "commit": {"sha": "e".repeat(40)}},
            {"id": "github.com/7#gone", "name": "gone", "deleted": true, "commit": null},
            {"id": "github.com/7#main", "name": "main", "deleted": false, "commit": {"sha": "b".repeat(40)}},
        ])
    );
    assert_eq!(truth["Comment"], json!([{"body": "two", "deleted": true}]));
    assert_eq!(
        truth["GitHubAppInstallation"],
        json!([{"id": "github.com/installation/5", "owner": "acme", "suspended": false}])
    );
    for (order, graph) in graphs.iter().enumerate() {
        assert_eq!(graph, truth, "order {order}");
    }
}
