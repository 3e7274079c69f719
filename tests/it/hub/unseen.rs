//! People who never came in, known by a key alone (security model 10.1, 13): they do what a member may whom nobody knows, and once they have
//! come in what they may.

use sdm::hub::administration::KeyWish;
use sdm::ports::people::{People as _, PersonChange, PersonRole, PersonState};
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, wish};
use super::people::has_come_in;

const GOAL: &str = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"g\", \
    state: waiting_for_approval, version: 3, ts: 1, sha: \"b\", branch: \"main\", \
    repo: {owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}) }";

/// Everything that a key can be made for.
const SCOPES: &[&str] = &[
    "events:read",
    "graph:read",
    "repo:meta",
    "goals:read",
    "goals:write",
    "goals:delete",
    "messages:write",
    "commands:register",
    "admin:read",
    "admin:write",
];

/// Status and body of an answer.
async fn told(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// What became of something: its code where it was refused.
fn outcome((status, answer): (u16, Value)) -> String {
    let refused = [
        &answer["error"]["code"],
        &answer["errors"][0]["extensions"]["code"],
    ];
    let code = refused.iter().find_map(|code| code.as_str());
    code.map_or_else(|| status.to_string(), str::to_owned)
}

/// What somebody may do with a key who may look: write a goal, decide over one, look at people.
async fn may(hub: &TestHub, key: &str) -> [String; 3] {
    let graph = "/graphql/team/w";
    let look = hub.post(graph, key, &json!({"query": "{ Repo { name } }"})).await;
    assert_eq!(look.1["data"]["Repo"], json!([{"name": "app"}]), "{look:?}");
    let write = hub.post(graph, key, &json!({ "query": GOAL })).await;
    let decide = hub.post("/goals/w/s/0-code/g/approve", key, &json!({})).await;
    let people = hub
        .http
        .get(hub.url("/api/people"))
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    let people = told(people).await;
    [write, decide, people].map(outcome)
}

#[tokio::test]
async fn d58_d62_the_key_of_somebody_who_never_came_in_does_no_more_than_a_member_whom_nobody_knows() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    hub.ask(GOAL, Value::Null).await;
    let wanted = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(SCOPES)
    };
    let (_, key) = hub.administration().new_key(&wanted).await.unwrap();
    let unseen = may(&hub, &key).await;
    assert_eq!(unseen, ["insufficient_permission"; 3]);
    // A member of that name may as little.
    has_come_in(hub.hub.memory(), "ada", PersonRole::Member).await;
    assert_eq!(may(&hub, &key).await, unseen);
    let change = async |role, state| {
        let change = PersonChange {
            role,
            state,
            ..PersonChange::default()
        };
        hub.hub.memory().change_person("ada", &change, &[]).await.unwrap();
    };
    change(Some(PersonRole::Admin), None).await;
    assert_eq!(
        may(&hub, &key).await[1..3],
        ["200", "200"],
        "and an administrator more"
    );
    has_come_in(hub.hub.memory(), "root", PersonRole::Admin).await;
    change(None, Some(PersonState::Suspended)).await;
    let look = hub
        .post("/graphql/team/w", &key, &json!({"query": "{ Repo { name } }"}))
        .await;
    assert_eq!(outcome(look), "principal_disabled");
}

#[tokio::test]
async fn d38_whoever_acts_for_somebody_who_never_came_in_may_as_little() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let administration = hub.administration();
    let machines = [
        "events:read",
        "graph:read",
        "goals:write",
        "commands:register",
        "act_as_user",
    ];
    let (_, own) = administration
        .new_key(&KeyWish {
            name: "deployer".to_owned(),
            ..wish(&machines)
        })
        .await
        .unwrap();
    let (_, ada) = administration
        .new_key(&KeyWish {
            name: "ada".to_owned(),
            is_person: true,
            ..wish(&["graph:read", "commands:register"])
        })
        .await
        .unwrap();
    let mut offered = registration("m", "1.0.0", "ephemeral");
    offered["capabilities"] = json!(["context"]);
    offered["commands"] = json!([{
        "name": "Look", "intent": ["look"], "tags": [], "auto_submit": true, "parameters": [], "secrets": [], "mapped_parameters": [],
    }]);
    let (status, registered) = hub.post("/registration", &own, &offered).await;
    assert_eq!(status, 200, "{registered}");
    let mut machine = Machine::open(registered["url"].as_str().unwrap()).await;
    let wanted = json!({"command": "Look", "team": {"id": "w"}, "parameters": []});
    assert_eq!(hub.post("/command", &ada, &wanted).await.0, 200);
    let command = machine.hear().await;
    let handle = command["context"]["handle"].as_str().unwrap();
    let asked = async |query: &str| {
        let request = hub
            .http
            .post(hub.url("/graphql/team/w"))
            .bearer_auth(&own)
            .header("x-hub-context", handle)
            .header("content-type", "application/json")
            .body(json!({ "query": query }).to_string());
        outcome(told(request.send().await.unwrap()).await)
    };
    assert_eq!(asked("{ Repo { name } }").await, "200");
    assert_eq!(asked(GOAL).await, "context_user_forbidden");
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    assert_eq!(asked(GOAL).await, "200");
}
