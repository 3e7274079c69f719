//! What pages say of machines that nobody hears of, and how many of them they show.

use std::time::{Duration, Instant};

use sdm::hub::Rhythm;
use sdm::ports::people::PersonRole;
use serde_json::Value;

use super::machine::{PATIENCE, TestHub, quick, registration};
use super::people::{Browser, signed_in};

/// A page, once it says something.
async fn page(browser: &mut Browser<'_>, path: &str, says: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = browser.get(path).await.text;
        if text.contains(says) {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{says}: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_goal_of_a_machine_that_nobody_hears_of_says_so() {
    let hub = TestHub::start(Rhythm {
        linger: Duration::from_millis(600),
        ..quick()
    })
    .await;
    let machine = hub.machine(&registration("m", "1.0.0", "durable")).await;
    let goal = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0\", uniqueName: \"g\", name: \"g\", \
        state: in_process, version: 1, ts: 1, sha: \"b\", branch: \"main\", registration: \"m\", \
        fulfillment: {method: \"sdm\", name: \"g\", registration: \"m\"}, \
        repo: {owner: \"acme\", name: \"app\", providerId: \"p\"}}) }";
    let answer = hub.ask(goal, Value::Null).await;
    assert!(answer["errors"].is_null(), "{answer}");
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let (goals, machines) = ("/workspaces/w/goals/s", "/workspaces/w/machines");
    let text = page(&mut ada, goals, "id=\"").await;
    assert!(!text.contains("lost contact"), "{text}");
    page(&mut ada, machines, "✓").await;
    machine.leave().await;
    page(&mut ada, goals, "lost contact with ").await;
    let text = page(&mut ada, machines, "lost contact since ").await;
    let (_, id) = text.split_once("not connected").unwrap();
    assert!(!id.contains("✓"), "{text}");
    let registered = hub.hub.memory();
    let known = sdm::ports::hub::Registrations::registrations(registered)
        .await
        .unwrap();
    let administration = hub.administration();
    administration.send_away(&known[0].id).await.unwrap();
    page(&mut ada, goals, "is not registered here any more").await;
}

#[tokio::test]
async fn machines_are_shown_fifty_at_a_time() {
    let hub = TestHub::start(quick()).await;
    for number in 0..51 {
        hub.register(&registration(&format!("m-{number:02}"), "1.0.0", "durable"))
            .await;
    }
    let mut ada = signed_in(&hub, "ada", PersonRole::Admin).await;
    let place = "/workspaces/w/machines";
    let first = page(&mut ada, place, "Machines after these").await;
    assert!(first.contains("m-49") && !first.contains("m-50"));
    assert!(first.contains(&format!("{place}?from=50")) && !first.contains("Machines before"));
    let last = ada.get(&format!("{place}?from=50")).await.text;
    assert!(last.contains("m-50") && !last.contains("m-49") && last.contains("Machines before these"));
    let beyond = ada.get(&format!("{place}?from={}", usize::MAX)).await;
    assert_eq!(beyond.status, 200);
    assert_eq!(ada.get(&format!("{place}?from=x")).await.status, 400);
}
