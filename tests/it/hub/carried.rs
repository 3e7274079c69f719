//! What waits for a version of a machine goes over to the one that takes its place, or is given up (wire protocol 12).

use serde_json::{Value, json};

use super::answers::comes_to;
use super::commands::{deploy, offers, person};
use super::events::push;
use super::machine::{TestHub, quick, registration};

async fn pushed(hub: &TestHub) {
    assert_eq!(hub.github("push", "d-1", &push("a", "b")).await.0, 200);
}

/// Waits until something was given up; why.
async fn given_up(hub: &TestHub) -> Vec<String> {
    loop {
        let dead = hub.administration().dead("w").await.unwrap();
        if !dead.is_empty() {
            return dead.into_iter().map(|one| one.because).collect();
        }
        tokio::task::yield_now().await;
    }
}

const BECAUSE: &str = "the version of its machine that is served now does not wait for it";

#[tokio::test]
async fn what_waits_for_a_durable_version_goes_to_the_next_that_waits_for_the_same() {
    let hub = TestHub::start(quick()).await;
    hub.register(&registration("m", "1.0.0", "durable")).await;
    pushed(&hub).await;
    let mut next = registration("m", "2.0.0", "durable");
    next["events"][0]["subscription"] = json!("subscription OnPush { Push { id branch after { sha } } }");
    let mut machine = hub.machine(&next).await;
    let event = machine.hear().await;
    assert_eq!(event["data"]["Push"][0]["branch"], json!("main"));
    machine.answer(&event).await;
    machine.settled().await;
    assert!(hub.administration().dead("w").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_next_version_does_not_wait_for_is_given_up_and_said() {
    for other in [
        "subscription OnAnyPush { Push { id branch } }",
        "subscription OnPush { Tag { name } }",
    ] {
        let hub = TestHub::start(quick()).await;
        hub.register(&registration("m", "1.0.0", "durable")).await;
        pushed(&hub).await;
        let mut next = registration("m", "2.0.0", "durable");
        next["events"][0]["subscription"] = json!(other);
        hub.register(&next).await;
        assert_eq!(given_up(&hub).await, [BECAUSE], "{other}");
    }
}

#[tokio::test]
async fn a_command_that_waits_goes_over_and_its_answer_is_heard_or_whoever_asked_is_told() {
    let hub = TestHub::start(quick()).await;
    let ada = person(&hub, "ada").await;
    let with = |version: &str, commands: &Value| {
        let mut registration = registration("m", version, "durable");
        registration["commands"] = commands.clone();
        registration
    };
    let offered = offers("m")["commands"].clone();
    hub.register(&with("1.0.0", &offered)).await;
    let ask = async || {
        let (status, told) = hub.post("/command?invoke=true", &ada, &deploy()).await;
        assert_eq!(status, 200, "{told}");
        told["invocation"]["url"].as_str().unwrap().to_owned()
    };
    let url = ask().await;
    let mut machine = hub.machine(&with("2.0.0", &offered)).await;
    let command = machine.hear().await;
    assert_eq!(command["command"], json!("Deploy"));
    let done = json!({"status": {"code": 0, "reason": "done"}});
    machine.say(&super::commands::answer(&command, &done)).await;
    comes_to(&hub, &ada, &url, "SUCCESS").await;
    machine.leave().await;
    let url = ask().await;
    hub.register(&with("3.0.0", &json!([]))).await;
    let seen = comes_to(&hub, &ada, &url, "FAILURE").await;
    assert_eq!(super::answers::reason(&seen), BECAUSE);
}

#[tokio::test]
async fn what_waits_for_a_durable_version_stays_while_an_ephemeral_one_is_in_its_place() {
    let hub = TestHub::start(quick()).await;
    hub.register(&registration("m", "1.0.0", "durable")).await;
    pushed(&hub).await;
    let mut passing = hub.machine(&registration("m", "2.0.0", "ephemeral")).await;
    // Several rounds of housekeeping.
    for _ in 0..20 {
        passing.settled().await;
        tokio::time::sleep(quick().tidy / 4).await;
    }
    passing.leave().await;
    let mut machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let event = loop {
        let heard = machine.hear().await;
        // Whatever the hub tells of the conversation itself comes before.
        if heard.get("control").is_none() {
            break heard;
        }
    };
    assert_eq!(event["data"]["Push"][0]["branch"], json!("main"), "{event}");
}
