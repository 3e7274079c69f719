//! Settings that all machines of a workspace share: those who know how are told when they change (wire protocol 18).

use serde_json::{Value, json};

use super::machine::{TestHub, quick, registration};

const SET: &str = "mutation Set($namespace: String!, $value: String!) { \
    setTeamConfiguration(namespace: $namespace, name: \"region\", value: $value) { name } }";

async fn set(hub: &TestHub, namespace: &str, value: &str) {
    let said = hub
        .ask(SET, json!({"namespace": namespace, "value": value}))
        .await;
    assert_eq!(said["errors"], Value::Null, "{said}");
}

#[tokio::test]
async fn pf_01_machines_that_know_how_are_told_that_shared_settings_have_changed_and_nobody_else() {
    let hub = TestHub::start(quick()).await;
    let mut knows = registration("knows", "1.0.0", "ephemeral");
    knows["capabilities"] = json!(["settings"]);
    let mut knows = hub.machine(&knows).await;
    let mut original = hub.machine(&registration("original", "1.0.0", "ephemeral")).await;
    knows.settled().await;
    // What is some program's own is nobody's business. It is kept first: whoever is told is told of what came after it.
    set(&hub, "own", "1").await;
    set(&hub, "@atomist.global", "\"eu\"").await;
    let told = json!({"control": {"name": "settings", "params": {"workspace": "w", "spread_millis": 2}}});
    assert_eq!(knows.hear().await, told);
    knows.settled().await;
    original.settled().await;
    let remove =
        "mutation { deleteTeamConfiguration(namespace: \"@atomist.global\", name: \"region\") { name } }";
    hub.ask(remove, json!({})).await;
    assert_eq!(knows.hear().await, told);
    original.settled().await;
}
