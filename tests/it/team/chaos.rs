//! Many pushes while machine, hub and the way between them fail again and again; afterwards everything must add up.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scene::{ONE_GOAL, Scene, push_event};
use crate::support::git_servers::HttpServer;

const ROUNDS: usize = 9;

/// Deliveries that the hub has no status for.
fn unanswered<'a>(scene: &Scene, events: &'a [Value]) -> Vec<&'a Value> {
    let heard = scene.hub.heard();
    let is_answered = |event: &&Value| {
        let correlation = &event["extensions"]["correlation_id"];
        heard
            .iter()
            .any(|message| message["correlation_id"] == *correlation && message.get("status").is_some())
    };
    events.iter().filter(|event| !is_answered(event)).collect()
}

/// As a hub does: what has no status is delivered again, here out of order and every other one twice.
async fn deliver_again(scene: &Scene, events: &[Value]) {
    scene.hub.connected().await;
    for (number, event) in unanswered(scene, events).into_iter().rev().enumerate() {
        scene.hub.say(event);
        if number % 2 == 0 {
            scene.hub.say(event);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_kills_duplicates_disorder_and_lost_connections_lose_nothing_and_double_nothing() {
    let mut scene = Scene::new(ONE_GOAL).await;
    std::os::unix::fs::symlink("app", scene.machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&scene.machine.path(""), None).await;
    scene.machine.start_with_hub();
    let mut head = scene.machine.git(&["rev-parse", "HEAD"]);
    let (mut events, mut shas) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let sha = scene
            .machine
            .commit(&format!("change {round}"), &[("README.md", &round.to_string())]);
        let delivery = format!("d-{round}");
        events.push(push_event(
            &server,
            &delivery,
            &format!("push-{round}"),
            Some(&head),
            &sha,
        ));
        head.clone_from(&sha);
        shas.push(sha);
        deliver_again(&scene, &events).await;
        match round % 3 {
            0 => {
                scene.machine.kill();
                scene.machine.start_with_hub();
            }
            1 => scene.hub.hang_up(),
            _ => {
                scene.hub.go_away();
                scene.stands("apart");
                scene.hub.recover();
            }
        }
    }
    deliver_again(&scene, &events).await;
    scene
        .hub
        .wait_until("every delivery is answered", |_| {
            unanswered(&scene, &events).is_empty().then_some(())
        })
        .await;
    for sha in &shas {
        assert_eq!(scene.machine.ended_set_of(sha)["state"], "success");
    }
    let sets = scene.machine.goal_sets();
    assert_eq!(sets.len(), ROUNDS, "each push has one goal set");
    scene.machine.wait_until("everything is reported", |machine| {
        let hub = machine.status()?["hub"].clone();
        let rest = ["reports_waiting", "answers_waiting", "deliveries_open"];
        rest.iter().all(|what| hub[what] == 0).then_some(())
    });
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for goal in scene.hub.written("ingestCustomSdmGoal") {
        let set = goal["goalSetId"].as_str().unwrap().to_owned();
        told.entry(set)
            .or_default()
            .push(goal["version"].as_u64().unwrap());
    }
    assert_eq!(told.len(), ROUNDS);
    for (set, versions) in &told {
        let mut known = versions.clone();
        known.dedup();
        known.sort_unstable();
        known.dedup();
        let last = *known.last().unwrap();
        assert!(last >= 3, "{set}: {versions:?}");
        assert_eq!(
            known,
            (1..=last).collect::<Vec<_>>(),
            "{set}: no change is missing in {versions:?}"
        );
    }
}
