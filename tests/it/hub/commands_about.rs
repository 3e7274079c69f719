//! Commands that are about repositories: people have done there by a machine what the forge lets them do (threat D5), and a key of a
//! person starts nothing that its scopes leave out (D60 to D62).

use reqwest::Method;
use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::forge_rights::{Scene, is_at_github};
use super::machine::{Machine, TestHub, quick, registration, wish};
use super::people::has_come_in;
use super::people::{Browser, signed_in};
use crate::support::fake_provider::Account;

/// A machine with a command that changes repositories and one that looks at them.
pub fn offers() -> Value {
    let mut registration = registration("m", "1.0.0", "durable");
    let command = |name: &str, only_reads: bool| {
        json!({
            "name": name, "intent": [], "tags": [], "auto_submit": true, "only_reads": only_reads, "secrets": [],
            "parameters": [
                {"name": "targets.owner", "required": false}, {"name": "targets.repo", "required": false},
                {"name": "targets.repos", "required": false},
            ],
            "mapped_parameters": [
                {"name": "owner", "uri": "atomist://github/repository/owner", "required": false},
                {"name": "repo", "uri": "atomist://github/repository", "required": false},
            ],
        })
    };
    registration["commands"] = json!([command("Deploy", false), command("Look", true)]);
    registration
}

fn values(given: &[(&str, &str)]) -> Vec<Value> {
    let value = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
    given.iter().map(value).collect()
}

pub async fn posts(browser: &mut Browser<'_>, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token),
        ("content-type", "application/json"),
    ];
    let answer = browser
        .send(Method::POST, path, &headers, &body.to_string())
        .await;
    (
        answer.status,
        serde_json::from_str(&answer.text).unwrap_or_default(),
    )
}

pub fn asks(name: &str, mapped: &[(&str, &str)], given: &[(&str, &str)]) -> Value {
    json!({
        "command": name, "team": {"id": "w"}, "parameters": values(given), "mapped_parameters": values(mapped),
    })
}

pub const APP: &[(&str, &str)] = &[("owner", "acme"), ("repo", "app")];
const PAYROLL: &[(&str, &str)] = &[("owner", "acme"), ("repo", "payroll")];

#[tokio::test]
async fn d5_a_command_does_on_a_repository_what_the_forge_lets_whoever_asks_do_there() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "bob");
    provider.permits("acme/app", &account, "read");
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(hub, "bob", &account).await;
    let mut machine = hub.machine(&offers()).await;
    let mut status = async |body: Value| posts(&mut bob, &token, "/command", &body).await.0;
    let target = |value: &'static str| [("targets.repo", value)];
    assert_eq!(status(asks("Deploy", APP, &[])).await, 403, "he only reads it");
    assert_eq!(status(asks("Look", APP, &[])).await, 200);
    assert_eq!(
        status(asks("Look", PAYROLL, &[])).await,
        403,
        "he does not see it"
    );
    assert_eq!(status(asks("Look", APP, &target("acme/payroll"))).await, 403);
    assert_eq!(status(asks("Look", &[], &target("payroll"))).await, 403);
    assert_eq!(status(asks("Look", &[], &[("targets.owner", "acme")])).await, 403);
    assert_eq!(status(asks("Look", &[], &[("targets.repos", ".*")])).await, 403);
    assert_eq!(
        status(asks("Look", &[], &[("targets.repos", "^app$")])).await,
        200
    );
    assert_eq!(status(asks("Look", &[], &target("acme/ghost"))).await, 403);
    provider.permits("acme/app", &account, "write");
    assert_eq!(status(asks("Deploy", APP, &[])).await, 200);
    assert_eq!(status(asks("Deploy", &[], &target("acme/app"))).await, 200);
    assert_eq!(
        status(asks("Deploy", &[], &[])).await,
        200,
        "of none it is the machine's to say"
    );
    for _ in 0..5 {
        machine.hear().await;
    }
    machine.settled().await;
}

#[tokio::test]
async fn d5_what_a_command_goes_on_with_is_weighed_again() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "bob");
    provider.permits("acme/app", &account, "write");
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(hub, "bob", &account).await;
    let mut machine = hub.machine(&offers()).await;
    let (status, answer) = posts(&mut bob, &token, "/command", &asks("Deploy", APP, &[])).await;
    assert_eq!(status, 200, "{answer}");
    let url = answer["invocation"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&hub.url("")).unwrap().to_owned();
    let command = machine.hear().await;
    let asking = json!({
        "api_version": "1", "correlation_id": command["correlation_id"], "team": command["team"], "command": "Deploy",
        "source": null, "destinations": [], "content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "targets.repo", "required": true}],
    });
    machine.say(&asking).await;
    machine.settled().await;
    let mut goes_on = async |repository: &str| {
        let more = json!({"parameters": values(&[("targets.repo", repository)])});
        posts(&mut bob, &token, &path, &more).await.0
    };
    assert_eq!(goes_on("acme/payroll").await, 403, "it was begun for another");
    provider.permits("acme/app", &account, "read");
    assert_eq!(
        goes_on("acme/app").await,
        403,
        "what the forge said when it was begun is past"
    );
    provider.permits("acme/app", &account, "write");
    assert_eq!(goes_on("acme/app").await, 200);
}

#[tokio::test]
async fn d5_a_repository_is_weighed_in_whatever_form_it_is_named() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "bob");
    provider.permits("acme/app", &account, "write");
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(hub, "bob", &account).await;
    let _machine = hub.machine(&offers()).await;
    let mut status = async |mapped: &Value| {
        let mut body = asks("Deploy", &[], &[]);
        body["mapped_parameters"] = mapped.clone();
        posts(&mut bob, &token, "/command", &body).await.0
    };
    let owner = |value: Value| json!({"name": "owner", "value": value});
    let repo = |value: Value| json!({"name": "repo", "value": value});
    assert_eq!(
        status(&json!([owner(json!(["acme"])), repo(json!("payroll"))])).await,
        400
    );
    assert_eq!(
        status(&json!([owner(json!("acme")), repo(json!(["payroll"]))])).await,
        400
    );
    assert_eq!(status(&json!([repo(json!("payroll"))])).await, 403);
    assert_eq!(
        status(&json!([owner(json!("acme"))])).await,
        403,
        "payroll is of that owner"
    );
    assert_eq!(status(&json!([repo(json!("app"))])).await, 200);
}

#[tokio::test]
async fn d5_a_command_that_waits_is_weighed_when_it_is_told() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "bob");
    provider.permits("acme/app", &account, "write");
    let mut bob = signed_in(hub, "bob", PersonRole::Member).await;
    let token = bob.token().await;
    is_at_github(hub, "bob", &account).await;
    // It is not there yet when they are asked for.
    let url = hub.register(&offers()).await;
    let mut asked = async |name: &str| {
        let (status, answer) = posts(&mut bob, &token, "/command", &asks(name, APP, &[])).await;
        assert_eq!(status, 200, "{answer}");
        let address = answer["invocation"]["url"].as_str().unwrap();
        address.strip_prefix(&hub.url("")).unwrap().to_owned()
    };
    let (deploys, looks) = (asked("Deploy").await, asked("Look").await);
    provider.permits("acme/app", &account, "read");
    // What is told at once was weighed just now.
    tokio::time::sleep(quick().look).await;
    let mut machine = Machine::open(&url).await;
    assert_eq!(
        machine.hear().await["command"],
        json!("Look"),
        "he may still look"
    );
    machine.settled().await;
    let mut phase = async |path: &str| {
        let answer: Value = serde_json::from_str(&bob.get(path).await.text).unwrap();
        answer["phase"].clone()
    };
    assert_eq!(phase(&deploys).await, json!("FAILURE"));
    assert_ne!(phase(&looks).await, json!("FAILURE"));
}

/// A hub with a goal that waits, and a machine with a command.
async fn at_work() -> (TestHub, Machine) {
    let hub = TestHub::start(quick()).await;
    let machine = hub.machine(&offers()).await;
    let goal = json!({"query": "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", \
        uniqueName: \"g\", state: waiting_for_approval, version: 1, sha: \"b\", branch: \"main\", \
        repo: {owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}) }"});
    let (_, written) = hub.post("/graphql/team/w", &hub.key, &goal).await;
    assert_eq!(written.get("errors"), None, "{written}");
    (hub, machine)
}

#[tokio::test]
async fn d61_a_key_of_a_person_does_what_its_scopes_and_repositories_leave_it() {
    let (hub, mut machine) = at_work().await;
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let key = async |scopes: &[&str], repository: Option<&str>| {
        let wanted = KeyWish {
            name: "ada".to_owned(),
            is_person: true,
            repositories: repository.map(str::to_owned).into_iter().collect(),
            ..wish(scopes)
        };
        hub.administration().new_key(&wanted).await.unwrap().1
    };
    let code = async |key: &str, path: &str, body: &Value| {
        let (status, answer) = hub.post(path, key, body).await;
        match status {
            200 => json!("done"),
            _ => answer["error"]["code"].clone(),
        }
    };
    let reads = key(&["graph:read", "goals:read"], None).await;
    let decide = "/goals/w/s/0-code/g/approve";
    let start = asks("Deploy", &[], &[]);
    for (path, body) in [
        (decide, json!({})),
        ("/goals/w/s/0-code/g/cancel", json!({})),
        ("/command", start.clone()),
        (
            "/admin/extensions",
            json!({"descriptor_url": "https://example.org/atlassian-connect.json", "workspaces": ["w"]}),
        ),
    ] {
        assert_eq!(
            code(&reads, path, &body).await,
            json!("insufficient_scope"),
            "{path}"
        );
    }
    let refused = hub.post(decide, &reads, &json!({})).await.1;
    assert_eq!(
        refused["error"]["missing_scopes"],
        json!(["goals:write"]),
        "{refused}"
    );
    let consents = hub
        .http
        .delete(hub.url("/consents/test"))
        .bearer_auth(&reads)
        .send();
    assert_eq!(consents.await.unwrap().status(), 403, "that is done in a browser");
    let far = key(&["goals:write", "commands:register"], Some("acme/other")).await;
    assert_eq!(
        code(&far, decide, &json!({})).await,
        json!("not_found"),
        "what it does not reach it does not see"
    );
    assert_eq!(
        code(&far, "/command", &asks("Deploy", APP, &[])).await,
        json!("insufficient_permission")
    );
    let decides = key(&["goals:write"], None).await;
    assert_eq!(
        code(&decides, "/command", &start).await,
        json!("insufficient_scope")
    );
    assert_eq!(code(&decides, decide, &json!({})).await, json!("done"));
    let starts = key(&["commands:register"], None).await;
    assert_eq!(code(&starts, "/command", &start).await, json!("done"));
    assert_eq!(machine.hear().await["command"], json!("Deploy"));
}

#[tokio::test]
async fn d1_a_machine_hears_what_else_somebody_is_known_as_who_decides_and_of_nobody_else() {
    let Scene { provider, hub, .. } = &Scene::start().await;
    let account = Account::new(1, "ada");
    provider.permits("acme/app", &account, "write");
    let mut ada = signed_in(hub, "ada-x1y2", PersonRole::Member).await;
    let token = ada.token().await;
    is_at_github(hub, "ada-x1y2", &account).await;
    let goal = json!({"query": "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", \
        uniqueName: \"g\", state: waiting_for_approval, version: 1, sha: \"b\", branch: \"main\", \
        repo: {owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}) }"});
    assert_eq!(
        hub.post("/graphql/team/w", &hub.key, &goal).await.1.get("errors"),
        None
    );
    let decide = |machine: &str| {
        let given = [("goal_set", "s"), ("goal", "g"), ("environment", "0-code")];
        let mut asked = asks("sdm.approve", &[], &given);
        asked["automation"] = json!({ "name": machine });
        asked
    };
    let mut hears = async |machine: &str, key: &str, capabilities: Value| {
        let mut registration = offers();
        registration["name"] = json!(machine);
        registration["capabilities"] = capabilities;
        let parameters = ["goal_set", "goal", "environment"].map(|name| json!({ "name": name }));
        let commands = registration["commands"].as_array_mut().unwrap();
        commands.push(json!({"name": "sdm.approve", "parameters": parameters}));
        let (status, answer) = hub.post("/registration", key, &registration).await;
        assert_eq!(status, 200, "{answer}");
        let mut there = Machine::open(answer["url"].as_str().unwrap()).await;
        let mut heard = Vec::new();
        let mut deploy = asks("Deploy", APP, &[]);
        deploy["automation"] = json!({ "name": machine });
        for asked in [decide(machine), deploy] {
            let (status, answer) = posts(&mut ada, &token, "/command", &asked).await;
            assert_eq!(status, 200, "{answer}");
            heard.push(there.hear().await["known_as"].clone());
        }
        heard
    };
    let told = hears("ours", &hub.key, json!(["identity"])).await;
    let names: Vec<&str> = told[0]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(names.contains(&"ada"), "{names:?}");
    assert!(
        names.iter().any(|name| name.starts_with("1+ada@users.noreply.")),
        "{names:?}"
    );
    assert_eq!(
        told[1],
        Value::Null,
        "a command of the machine's own says nothing of it"
    );
    assert_eq!(
        hears("theirs", &hub.key, json!([])).await,
        [Value::Null, Value::Null]
    );
    let small = KeyWish {
        name: "small".to_owned(),
        ..wish(&["events:read", "commands:register"])
    };
    let (_, small) = hub.administration().new_key(&small).await.unwrap();
    assert_eq!(
        hears("small", &small, json!(["identity"])).await,
        [Value::Null, Value::Null]
    );
}
