//! Handles: a machine that carries out what a person started proves for whom it asks, and nobody else can with the same handle.

use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::super::machine::{TestHub, quick, registration, wish};
use super::super::people::has_come_in;

fn offers(name: &str) -> Value {
    let mut registration = registration(name, "1.0.0", "ephemeral");
    registration["capabilities"] = json!(["context"]);
    registration["commands"] = json!([{
        "name": "Look", "intent": ["look"], "tags": [], "auto_submit": true, "parameters": [], "secrets": [],
        "mapped_parameters": [
            {"name": "owner", "uri": "atomist://github/repository/owner", "required": true},
            {"name": "repo", "uri": "atomist://github/repository", "required": true}
        ]
    }]);
    registration
}

fn key(name: &str, is_person: bool, scopes: &[&str]) -> KeyWish {
    KeyWish {
        name: name.to_owned(),
        is_person,
        ..wish(scopes)
    }
}

const SCOPES: &[&str] = &["events:read", "graph:read", "commands:register", "act_as_user"];

/// What a question to the graph is answered with, asked with this key and this handle: the code of a refusal or `answered`.
async fn asked(hub: &TestHub, key: &str, handle: &str) -> String {
    let request = hub
        .http
        .post(format!("http://{}/graphql/team/w", hub.hub.address))
        .bearer_auth(key)
        .header("x-hub-context", handle)
        .header("content-type", "application/json")
        .body(json!({"query": "{ Repo { name } }"}).to_string());
    let answer = request.send().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    match answer["error"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None if answer["data"]["Repo"].is_array() => "answered".to_owned(),
        None => panic!("{answer}"),
    }
}

#[tokio::test]
async fn d37_a_handle_proves_who_started_a_command_to_its_own_machine_alone() {
    let hub = TestHub::start(quick()).await;
    let administration = hub.administration();
    let (_, own) = administration
        .new_key(&key("deployer", false, SCOPES))
        .await
        .unwrap();
    let (_, other) = administration
        .new_key(&key("other", false, SCOPES))
        .await
        .unwrap();
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let (_, ada) = administration
        .new_key(&key("ada", true, &["graph:read", "commands:register"]))
        .await
        .unwrap();
    let (status, registered) = hub.post("/registration", &own, &offers("m")).await;
    assert_eq!(status, 200, "{registered}");
    assert_eq!(registered["capabilities"], json!(["context"]));
    let mut machine = super::super::machine::Machine::open(registered["url"].as_str().unwrap()).await;
    let wanted = json!({
        "command": "Look", "team": {"id": "w"}, "parameters": [],
        "mapped_parameters": [{"name": "owner", "value": "acme"}, {"name": "repo", "value": "app"}],
    });
    let (status, answer) = hub.post("/command", &ada, &wanted).await;
    assert_eq!(status, 200, "{answer}");
    let command = machine.hear().await;
    assert_eq!(command["context"]["expires_in"], 900, "{command}");
    let handle = command["context"]["handle"].as_str().unwrap();
    assert_eq!(asked(&hub, &own, handle).await, "answered");
    assert_eq!(
        asked(&hub, &other, handle).await,
        "context_not_proven",
        "another machine's"
    );
    assert_eq!(asked(&hub, &own, "a-guess").await, "context_not_proven");
    let invocation = answer["invocation"]["url"].as_str().unwrap();
    let seen = hub.http.get(invocation).bearer_auth(&ada).send().await.unwrap();
    assert!(
        !seen.text().await.unwrap().contains(handle),
        "it was for the machine alone"
    );
    let copy = crate::support::remains::directory();
    let file = copy.path().join("copy.db");
    hub.hub.memory().copy_to(&file).await.unwrap();
    let bytes = std::fs::read(file).unwrap();
    assert!(
        !bytes
            .windows(handle.len())
            .any(|window| window == handle.as_bytes()),
        "f9"
    );
}

#[tokio::test]
async fn d41_without_the_scope_a_handle_gives_nothing() {
    let hub = TestHub::start(quick()).await;
    let administration = hub.administration();
    let scopes: Vec<&str> = SCOPES
        .iter()
        .copied()
        .filter(|scope| *scope != "act_as_user")
        .collect();
    let (_, own) = administration
        .new_key(&key("deployer", false, &scopes))
        .await
        .unwrap();
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let (_, ada) = administration
        .new_key(&key("ada", true, &["graph:read", "commands:register"]))
        .await
        .unwrap();
    let (_, registered) = hub.post("/registration", &own, &offers("m")).await;
    let mut machine = super::super::machine::Machine::open(registered["url"].as_str().unwrap()).await;
    let wanted = json!({
        "command": "Look", "team": {"id": "w"}, "parameters": [],
        "mapped_parameters": [{"name": "owner", "value": "acme"}, {"name": "repo", "value": "app"}],
    });
    assert_eq!(hub.post("/command", &ada, &wanted).await.0, 200);
    let command = machine.hear().await;
    let handle = command["context"]["handle"].as_str().unwrap();
    assert_eq!(asked(&hub, &own, handle).await, "insufficient_scope");
}
