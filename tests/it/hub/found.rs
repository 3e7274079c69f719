//! Pushes that machines found by themselves: told as authenticated events, at a provider of their own.

use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, wish};

const TELL: &str = "mutation Tell($push: FoundPushInput!) { tellPush(value: $push) }";

const HEARS: &str = "subscription OnPush { Push { branch before { sha } after @required { sha message } \
    commits { sha } repo { owner name url defaultBranch org { provider { providerId } } } } }";

fn hears(name: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "durable");
    registration["events"][0]["subscription"] = json!(HEARS);
    registration
}

fn found(machine: &str, repo: &str, after: &str) -> Value {
    let commit = json!({"sha": after.repeat(40), "message": "Change", "timestamp": "2026-01-01T00:00:00Z",
        "author": "Ada", "email": "ada@example.org"});
    json!({
        "registration": machine, "owner": "acme", "name": repo, "defaultBranch": "main", "branch": "main",
        "before": "a".repeat(40), "after": after.repeat(40), "timestamp": "2026-01-01T00:00:00Z", "commits": [commit]
    })
}

/// Tells the hub of a push; the refusal's code, if it is refused.
async fn tell(hub: &TestHub, key: &str, push: Value) -> Option<String> {
    let body = json!({"query": TELL, "variables": {"push": push}});
    let (status, answer) = hub.post("/graphql/team/w", key, &body).await;
    assert_eq!(status, 200, "{answer}");
    let code = &answer["errors"][0]["extensions"]["code"];
    code.as_str().map(str::to_owned)
}

async fn two_machines() -> (TestHub, Machine, Machine) {
    let hub = TestHub::start(quick()).await;
    let teller = hub.machine(&registration("teller", "1.0.0", "durable")).await;
    let hearer = hub.machine(&hears("hearer")).await;
    (hub, teller, hearer)
}

#[tokio::test]
async fn a_push_that_a_machine_found_is_heard_once_and_its_goals_find_it() {
    let (hub, _teller, mut hearer) = two_machines().await;
    assert_eq!(tell(&hub, &hub.key, found("teller", "plain", "b")).await, None);
    let event = hearer.hear().await;
    let pushed = &event["data"]["Push"][0];
    assert_eq!(
        pushed["after"],
        json!({"sha": "b".repeat(40), "message": "Change"})
    );
    assert_eq!(pushed["before"]["sha"], json!("a".repeat(40)));
    let repo = &pushed["repo"];
    assert_eq!(
        (&repo["owner"], &repo["name"], &repo["defaultBranch"]),
        (&json!("acme"), &json!("plain"), &json!("main"))
    );
    assert!(
        repo["url"].is_null() && repo["org"]["provider"].is_null(),
        "it says of no place to clone from: {repo}"
    );
    hearer.answer(&event).await;
    // However often it is told, also of another moment.
    let mut again = found("teller", "plain", "b");
    again["timestamp"] = json!("2026-02-01T00:00:00Z");
    for told in [found("teller", "plain", "b"), again] {
        assert_eq!(tell(&hub, &hub.key, told).await, None);
    }
    hearer.settled().await;
    let goal = json!({
        "goalSetId": "s", "environment": "0-code", "uniqueName": "build", "state": "success", "version": 1, "ts": 1,
        "branch": "main", "sha": "b".repeat(40), "registration": "teller",
        "repo": {"owner": "acme", "name": "plain", "providerId": "machine@teller"}
    });
    let write = "mutation W($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let written = hub.ask(write, json!({ "goal": goal })).await;
    assert!(written["errors"].is_null(), "{written}");
    let asked = "{ SdmGoal { push { branch after { sha } repo { name } } } }";
    let shown = hub.ask(asked, json!({})).await;
    assert_eq!(
        shown["data"]["SdmGoal"][0]["push"],
        json!({"branch": "main", "after": {"sha": "b".repeat(40)}, "repo": {"name": "plain"}})
    );
}

#[tokio::test]
async fn c4_no_machine_claims_a_repository_of_a_forge_or_of_another_machine() {
    let (hub, _teller, mut hearer) = two_machines().await;
    // A forge tells of acme/app: what a machine tells of one of its name changes nothing and is heard by nobody.
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let event = hearer.hear().await;
    hearer.answer(&event).await;
    assert_eq!(tell(&hub, &hub.key, found("teller", "app", "f")).await, None);
    hearer.settled().await;
    let asked = "{ Repo { name url org { provider { providerId } } } Push { after { sha } } }";
    let shown = hub.ask(asked, json!({})).await;
    assert_eq!(
        shown["data"],
        json!({
            "Repo": [{"name": "app", "url": "http://git.example.org:8080/acme/app",
                "org": {"provider": {"providerId": "git.example.org:8080"}}}],
            "Push": [{"after": {"sha": "b".repeat(40)}}]
        })
    );
    // Nor does one speak for another owner's machine.
    let mut others = wish(&[]);
    others.name = "other".to_owned();
    let (_, other) = hub.administration().new_key(&others).await.unwrap();
    let refused = tell(&hub, &other, found("teller", "plain", "b")).await;
    assert_eq!(refused.as_deref(), Some("insufficient_permission"));
    let mut wrong = found("teller", "app#7", "b");
    wrong["commits"] = json!([]);
    let refused = tell(&hub, &hub.key, wrong).await;
    assert_eq!(
        refused.as_deref(),
        Some("invalid_argument"),
        "a number of a forge"
    );
    hearer.settled().await;
}

#[tokio::test]
async fn d35_who_may_not_send_events_tells_of_no_push() {
    let (hub, _teller, mut hearer) = two_machines().await;
    let (_, reads) = hub
        .administration()
        .new_key(&wish(&["events:read", "graph:read"]))
        .await
        .unwrap();
    let refused = tell(&hub, &reads, found("teller", "plain", "b")).await;
    assert!(refused.is_some());
    hearer.settled().await;
}

#[tokio::test]
async fn c4_a_forge_that_tells_of_the_repository_later_is_not_confused_with_what_a_machine_found() {
    let (hub, _teller, mut hearer) = two_machines().await;
    assert_eq!(tell(&hub, &hub.key, found("teller", "app", "e")).await, None);
    let event = hearer.hear().await;
    hearer.answer(&event).await;
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
    let event = hearer.hear().await;
    let provider = &event["data"]["Push"][0]["repo"]["org"]["provider"]["providerId"];
    assert_eq!(provider, "git.example.org:8080");
    hearer.answer(&event).await;
    assert_eq!(tell(&hub, &hub.key, found("teller", "app", "f")).await, None);
    hearer.settled().await;
}
