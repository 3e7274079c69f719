//! Registering, connecting, losing the hub and finding it again.

use serde_json::json;

use super::scene::{ONE_GOAL, Scene};
use crate::support::git_servers::{Authority, ProxyServer};
use crate::support::local::LocalMachine;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_registers_connects_and_leaves_in_order() {
    let mut scene = Scene::new(ONE_GOAL).await;
    scene.hub.speak_gzip();
    scene.machine.start_with_hub();
    let hub = scene.stands("connected");
    assert_eq!(hub["workspaces"], json!(["A1"]));
    let registration = scene.hub.registrations().remove(0);
    assert_eq!(
        (
            &registration["name"],
            &registration["team_ids"],
            &registration["policy"]["name"]
        ),
        (&json!("sdm"), &json!(["A1"]), &json!("durable"))
    );
    assert_eq!(
        registration["version"], "0.0.0",
        "a durable registration outlives small updates"
    );
    assert_eq!(registration["accept_encoding"], "gzip");
    assert_eq!(
        registration["capabilities"],
        json!([
            "ack",
            "lease",
            "header",
            "logs",
            "context",
            "identity",
            "trace",
            "fingerprints",
            "pushes",
            "resume",
            "progress",
            "settings"
        ])
    );
    assert!(registration["instance"]["id"].is_string(), "which machine it is");
    assert!(scene.hub.header_was_used(), "the credential is in no address");
    scene.hub.say(&json!({"ping": "still there?"}));
    scene
        .hub
        .wait_until("the machine answers", |hub| {
            hub.heard()
                .contains(&json!({"pong": "still there?"}))
                .then_some(())
        })
        .await;
    let shown = scene.machine.ok(&["show", "machines"]);
    assert!(shown.contains("connected  for A1"), "{shown}");
    let doctor = scene.machine.sdm(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("connected to http://localhost:"), "{doctor}");
    scene.machine.stop();
    scene
        .hub
        .wait_until("the machine said that it goes", |hub| {
            hub.heard()
                .contains(&json!({"control": {"name": "drain", "params": {}}}))
                .then_some(())
        })
        .await;
    assert!(!scene.machine.daemon_log().contains(crate::support::fake_hub::KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_away_is_found_again() {
    let mut scene = Scene::new(ONE_GOAL).await;
    scene.hub.refuse(503, "", "starting", Some(1));
    let repo = scene.machine.repo();
    scene.configure(&format!("repositories: ['{}']\ntrust: all\n", repo.display()));
    scene.machine.start_with_hub();
    let apart = scene.stands("apart");
    assert_eq!(apart["problem"], "the hub cannot now: starting");
    let sha = scene.machine.commit("work goes on", &[("README.md", "hello")]);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    scene.hub.recover();
    scene.stands("connected");
    for _ in 0..2 {
        scene.hub.hang_up();
        scene.log_says("the conversation with the hub has ended");
        // What the machine says of it may be older than the end.
        scene.hub.connected().await;
    }
    scene
        .hub
        .say(&json!({"control": {"name": "superseded", "params": {"version": "2.0.0"}}}));
    scene.stands("superseded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_is_said_once_and_a_new_one_is_used_without_a_restart() {
    let mut scene = Scene::new(ONE_GOAL).await;
    scene.write_key("hub_a_wrong_key");
    scene.machine.start_with_hub();
    let apart = scene.stands("apart");
    assert_eq!(apart["problem"], "the hub refuses the key: this key is not known");
    assert!(apart["hint"].as_str().unwrap().contains("another key"));
    assert_eq!(scene.times_in_log("the hub refuses the key"), 1);
    let doctor = scene.machine.sdm(&["doctor"]);
    assert!(!doctor.status.success());
    scene.write_key(crate::support::fake_hub::KEY);
    scene.machine.hang_up();
    scene.stands("connected");
    std::fs::remove_file(scene.machine.path("hub.key")).unwrap();
    scene.hub.hang_up();
    scene.log_says("the key for the hub: the secret `hub.key` cannot be read");
    assert!(
        !scene.machine.daemon_log().contains("hub_a_"),
        "no key in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_what_goes_beyond_the_key_waits_for_consent_and_says_where() {
    let mut scene = Scene::new(ONE_GOAL).await;
    scene
        .hub
        .refuse(403, "consent_required", "`deploy` goes beyond the key", None);
    scene.machine.start_with_hub();
    let apart = scene.stands("apart");
    assert_eq!(
        apart["problem"],
        "the hub waits for consent to what this machine asks for: `deploy` goes beyond the key; see \
         https://hub.example.com/consent/1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_g7_a_hub_must_be_known_and_cannot_lead_to_a_place_without_encryption() {
    let authority = Authority::new();
    let mut scene = Scene::with_tls(ONE_GOAL, &authority).await;
    let pem = scene.machine.path("ca.pem");
    std::fs::write(&pem, &authority.pem).unwrap();
    let proxy = ProxyServer::start().await;
    scene.configure("");
    scene.machine.start_with_hub();
    let apart = scene.stands("apart");
    assert!(
        apart["problem"].as_str().unwrap().contains("certificate"),
        "{apart}"
    );
    scene.machine.stop();
    scene.configure(&format!(
        "extra_ca_files: ['{}']\nproxy: 'http://{}'\n",
        pem.display(),
        proxy.address
    ));
    scene.machine.start_with_hub();
    scene.stands("connected");
    assert!(
        proxy
            .seen()
            .iter()
            .any(|line| line.starts_with("CONNECT localhost:")),
        "{:?}",
        proxy.seen()
    );
    scene.hub.names_another_socket("ws://localhost:1/ws");
    scene.hub.hang_up();
    scene.log_says("the websocket it names is not encrypted");
}

#[test]
fn without_a_hub_team_mode_says_what_is_missing() {
    let machine = LocalMachine::new(ONE_GOAL);
    let output = machine.sdm(&["start"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        error.contains("no hub is configured") && error.contains("sdm start --local"),
        "{error}"
    );
}
