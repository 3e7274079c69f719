//! One registration for several workspaces (wire protocol 12): one session serves all, each message names its own, and what is of one is
//! not of another.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration, signature, wish};

const WORKSPACES: [&str; 2] = ["w", "x"];

/// A registration for these workspaces, with a command.
fn wanted(workspaces: &[&str]) -> Value {
    let mut wanted = registration("m", "1.0.0", "durable");
    wanted["team_ids"] = json!(workspaces);
    wanted["commands"] = json!([{"name": "Hello", "tags": [], "intent": ["hello"], "auto_submit": true, "parameters": [],
        "mapped_parameters": [], "secrets": []}]);
    wanted
}

/// A hub, a key for both workspaces, and what it answers to the registration.
async fn for_both() -> (TestHub, String, Machine) {
    let hub = TestHub::start(quick()).await;
    let mut both = wish(&[]);
    both.name = "both".to_owned();
    both.workspaces = WORKSPACES.map(str::to_owned).to_vec();
    let (_, key) = hub.administration().new_key(&both).await.unwrap();
    let (status, answer) = hub.post("/registration", &key, &wanted(&WORKSPACES)).await;
    assert_eq!(status, 200, "{answer}");
    let machine = Machine::open(answer["url"].as_str().unwrap()).await;
    (hub, key, machine)
}

/// A signed push of its own for a workspace.
async fn pushed(hub: &TestHub, workspace: &str, branch: &str) {
    let mut payload = push("a", "b");
    payload["ref"] = json!(format!("refs/heads/{branch}"));
    let body = payload.to_string();
    let signed = signature(&body);
    let (status, answer) = hub.signed_to(workspace, ("push", "d-1"), body, &signed).await;
    assert_eq!(status, 200, "{answer}");
}

async fn asked(hub: &TestHub, key: &str, workspace: &str, query: &str) -> Value {
    let (status, answer) = hub
        .post(
            &format!("/graphql/team/{workspace}"),
            key,
            &json!({ "query": query }),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn one_session_hears_of_all_its_workspaces_and_each_message_names_its_own() {
    let (hub, key, mut machine) = for_both().await;
    for workspace in WORKSPACES {
        pushed(&hub, workspace, workspace).await;
    }
    let mut heard = BTreeSet::new();
    for _ in WORKSPACES {
        let event = machine.hear().await;
        let workspace = event["extensions"]["team_id"].as_str().unwrap().to_owned();
        assert_eq!(event["data"]["Push"][0]["branch"], workspace.as_str(), "{event}");
        machine.answer(&event).await;
        heard.insert(workspace);
    }
    assert_eq!(heard, BTreeSet::from(WORKSPACES.map(str::to_owned)));
    machine.settled().await;
    // What is of the one is not of the other.
    for workspace in WORKSPACES {
        let shown = asked(&hub, &key, workspace, "{ Push { branch } }").await;
        assert_eq!(shown["Push"], json!([{ "branch": workspace }]));
    }
    let goal = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"g\", state: success, \
                version: 1, ts: 1, repo: {owner: \"acme\", name: \"app\"}}) }";
    asked(&hub, &key, "x", goal).await;
    let goals = "{ SdmGoal { uniqueName } }";
    assert_eq!(
        asked(&hub, &key, "x", goals).await["SdmGoal"],
        json!([{"uniqueName": "g"}])
    );
    assert_eq!(asked(&hub, &key, "w", goals).await["SdmGoal"], json!([]));
}

#[tokio::test]
async fn a_command_is_of_the_workspace_in_which_it_was_asked_for() {
    let (hub, _key, mut machine) = for_both().await;
    let mut person = wish(&["graph:read", "commands:register"]);
    person.name = "ada".to_owned();
    person.is_person = true;
    person.workspaces = vec!["x".to_owned()];
    let (_, key) = hub.administration().new_key(&person).await.unwrap();
    let invoke = |workspace: &str| json!({"command": "Hello", "team": {"id": workspace}, "parameters": []});
    let (status, answer) = hub.post("/command?invoke=true", &key, &invoke("w")).await;
    assert!(
        (400..500).contains(&status),
        "the key is not for it: {status} {answer}"
    );
    let (status, answer) = hub.post("/command?invoke=true", &key, &invoke("x")).await;
    assert_eq!(status, 200, "{answer}");
    let command = machine.hear().await;
    assert_eq!(
        (&command["command"], &command["team"]["id"]),
        (&json!("Hello"), &json!("x"))
    );
}

#[tokio::test]
async fn d35_a_workspace_that_the_key_is_not_for_spoils_the_whole_registration() {
    let hub = TestHub::start(quick()).await;
    let (status, answer) = hub.post("/registration", &hub.key, &wanted(&WORKSPACES)).await;
    assert_eq!(status, 403, "{answer}");
    let shown = hub.ask("{ Push { branch } }", json!(null)).await;
    assert_eq!(shown["data"]["Push"], json!([]));
    let (status, answer) = hub.post("/registration", &hub.key, &wanted(&["w"])).await;
    assert_eq!(status, 200, "{answer}");
}
