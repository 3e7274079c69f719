//! What the hub is told of goals, whatever happens in between.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::scene::{ONE_GOAL, Scene};

const TWO_GOALS: &str = r#"
rules:
  - name: build
    tags: [nightly, "team:payments"]
    goals:
      - {name: compile, execute: {run: [cat, README.md]}}
      - {name: publish, execute: {run: [cat, README.md]}, pre_approval: true}
"#;

fn watching(scene: &Scene) {
    let repo = scene.machine.repo();
    scene.configure(&format!("repositories: ['{}']\ntrust: all\n", repo.display()));
}

/// Versions of each goal of a set in the order in which the hub took them.
fn versions(scene: &Scene, set: &Value) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut versions: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for goal in scene.hub.written("ingestCustomSdmGoal") {
        if goal["goalSetId"] == *set {
            let version = (
                goal["version"].as_u64().unwrap(),
                goal["state"].as_str().unwrap().to_owned(),
            );
            let of_goal = versions
                .entry(goal["uniqueName"].as_str().unwrap().to_owned())
                .or_default();
            of_goal.push(version);
        }
    }
    versions
}

async fn until_told(scene: &Scene, goal: &str, state: &str, set: &Value) {
    let fits =
        |told: &Value| told["uniqueName"] == goal && told["state"] == state && told["goalSetId"] == *set;
    let what = format!("the hub knows that {goal} is {state}");
    let told = |hub: &crate::support::fake_hub::FakeHub| {
        hub.written("ingestCustomSdmGoal").iter().any(fits).then_some(())
    };
    scene.hub.wait_until(&what, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_goal_reaches_the_hub_in_order_as_the_graph_has_it() {
    let mut scene = Scene::new(TWO_GOALS).await;
    watching(&scene);
    scene.machine.start_with_hub();
    scene.stands("connected");
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    let set = scene.machine.set_of(&sha)["id"].clone();
    until_told(&scene, "publish", "waiting_for_pre_approval", &set).await;
    scene.machine.ok(&["approve", "publish"]);
    until_told(&scene, "publish", "success", &set).await;
    let told = versions(&scene, &set);
    let states = |goal: &str| {
        told[goal]
            .iter()
            .map(|(_, state)| state.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(states("compile"), ["requested", "in_process", "success"]);
    assert_eq!(states("publish")[..2], ["planned", "waiting_for_pre_approval"]);
    for (goal, versions) in &told {
        let numbers: Vec<u64> = versions.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=versions.len() as u64).collect::<Vec<_>>(), "{goal}");
    }
    let goals = scene.hub.written("ingestCustomSdmGoal");
    let last = goals
        .iter()
        .rfind(|goal| goal["uniqueName"] == "publish")
        .unwrap();
    assert_eq!(
        (
            &last["sha"],
            &last["branch"],
            &last["workspace"],
            &last["registration"]
        ),
        (&json!(sha), &json!("main"), &json!("A1"), &json!("sdm"))
    );
    assert_eq!(
        last["repo"],
        json!({"owner": "acme", "name": "app", "providerId": null})
    );
    assert_eq!(
        last["preConditions"],
        json!([{"environment": "0-code", "uniqueName": "compile", "name": "compile"}])
    );
    assert_eq!(last["fulfillment"]["method"], "sdm");
    assert!(
        last["preApproval"]["userId"].is_string(),
        "who confirmed it stays with the goal: {last}"
    );
    scene
        .hub
        .wait_until("the set is told to its end", |hub| {
            let sets = hub.written("ingestCustomSdmGoalSet");
            (sets.last()?["state"] == "success").then_some(())
        })
        .await;
    let sets = scene.hub.written("ingestCustomSdmGoalSet");
    assert_eq!(
        sets[0]["goals"][1],
        json!({"name": "publish", "uniqueName": "publish"})
    );
    assert_eq!(
        sets[0]["tags"],
        json!([{"name": "nightly", "value": null}, {"name": "team", "value": "payments"}])
    );
    scene.machine.wait_until("nothing waits", |machine| {
        (machine.status()?["hub"]["reports_waiting"] == 0).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_away_delays_reports_and_no_kill_loses_one() {
    let mut scene = Scene::new(ONE_GOAL).await;
    watching(&scene);
    scene.machine.start_with_hub();
    scene.stands("connected");
    scene.hub.go_away();
    let shas: Vec<String> = (0..3)
        .map(|number| {
            let sha = scene
                .machine
                .commit(&format!("change {number}"), &[("README.md", &number.to_string())]);
            assert_eq!(
                scene.machine.ended_set_of(&sha)["state"],
                "success",
                "work goes on"
            );
            sha
        })
        .collect();
    let hub = scene.machine.status().unwrap()["hub"].clone();
    assert!(
        hub["reports_waiting"].as_u64().unwrap() >= 9 && !hub["oldest_report"].is_null(),
        "{hub}"
    );
    scene.machine.kill();
    scene.machine.start_with_hub();
    scene.hub.recover();
    for sha in &shas {
        let set = scene.machine.set_of(sha)["id"].clone();
        until_told(&scene, "compile", "success", &set).await;
        let told = &versions(&scene, &set)["compile"];
        assert_eq!(
            told.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [1, 2, 3]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_the_hub_does_not_want_holds_up_no_other() {
    let mut scene = Scene::new(TWO_GOALS).await;
    watching(&scene);
    scene
        .hub
        .does_not_want("\"uniqueName\":\"compile\",\"name\":\"compile\",\"environment\"");
    scene.machine.start_with_hub();
    scene.stands("connected");
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    let set = scene.machine.set_of(&sha)["id"].clone();
    until_told(&scene, "publish", "waiting_for_pre_approval", &set).await;
    assert!(!versions(&scene, &set).contains_key("compile"));
    scene.log_says("the hub does not take a report, it is put aside: this cannot be stored");
}
