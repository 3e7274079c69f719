//! Checks of commits (semantics 6, 7.1), with the real program, a real git server and a GitHub in memory.

use serde_json::{Value, json};

use crate::statuses::Scene;

const GOALS: &str = r#"
rules:
  - name: build
    test: {has_file: go}
    goals:
      - name: compile
        execute: {run: [sh, -c, "until test -e GO_ON; do sleep 0.01; done; exit $(cat go)"]}
        retry: true
      - name: ship
        environment: 2-prod
        execute: {run: ["true"]}
        approval: true
"#;

const CHECKS: &str = ", statuses: checks";

const APP: &str = "command: [cat, 'TOKEN']";

/// The runs of one name for a commit, oldest first.
fn runs(scene: &Scene, sha: &str, name: &str) -> Vec<Value> {
    let all = scene.github.checks().into_iter();
    all.filter(|run| run["head_sha"] == sha && run["name"] == name)
        .collect()
}

/// The newest run of a name, once it stands like this.
fn reaches(scene: &Scene, sha: &str, name: &str, (status, conclusion): (&str, Value)) -> Value {
    scene.machine.wait_until("the check stands as it should", |_| {
        let newest = runs(scene, sha, name).pop()?;
        let stands = newest["status"] == status && newest["conclusion"] == conclusion;
        stands.then_some(newest)
    })
}

/// The check of the goal that waits for somebody to approve it.
fn waits_for_approval(scene: &Scene, sha: &str) -> Value {
    scene.machine.wait_until("the goal waits for people", |_| {
        let newest = runs(scene, sha, "sdm/build/ship in 2-prod").pop()?;
        (newest["output"]["title"] == "Approval required: ship").then_some(newest)
    })
}

fn completed(conclusion: &str) -> (&'static str, Value) {
    ("completed", json!(conclusion))
}

const OPEN: (&str, Value) = ("in_progress", Value::Null);

#[tokio::test(flavor = "multi_thread")]
async fn semantics_7_1_each_goal_has_one_check_that_goes_on_with_it() {
    let mut scene = Scene::with(GOALS, CHECKS, APP).await;
    let sha = scene.push("0");
    reaches(&scene, &sha, "sdm/build/compile", OPEN);
    reaches(&scene, &sha, "sdm/build", OPEN);
    reaches(&scene, &sha, "sdm/build/ship in 2-prod", ("queued", Value::Null));
    scene.go_on();
    reaches(&scene, &sha, "sdm/build/compile", completed("success"));
    let waits = waits_for_approval(&scene, &sha);
    assert_eq!(
        (&waits["status"], &waits["conclusion"]),
        (&json!(OPEN.0), &OPEN.1)
    );
    scene.machine.ok(&["approve", "ship"]);
    reaches(&scene, &sha, "sdm/build/ship in 2-prod", completed("success"));
    let all = reaches(&scene, &sha, "sdm/build", completed("success"));
    let summary = all["output"]["summary"].as_str().unwrap();
    assert!(summary.contains("- `compile`: success"), "{summary}");
    let of_commit = scene.github.checks();
    assert_eq!(
        of_commit.len(),
        3,
        "one for each, and one for all: {of_commit:#?}"
    );
    assert_eq!(scene.github.statuses(), Vec::<Value>::new());
    let doctor = scene.machine.sdm(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("carry the checks sdm/build and"), "{doctor}");
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_7_1_what_failed_was_skipped_or_canceled_says_so_and_a_retry_is_a_new_run() {
    let mut scene = Scene::with(GOALS, CHECKS, APP).await;
    let sha = scene.push("3");
    scene.go_on();
    let failed = reaches(&scene, &sha, "sdm/build/compile", completed("failure"));
    reaches(&scene, &sha, "sdm/build/ship in 2-prod", completed("skipped"));
    reaches(&scene, &sha, "sdm/build", completed("failure"));
    std::fs::remove_file(scene.machine.path("go-on")).unwrap();
    scene.machine.ok(&["retry", "compile"]);
    let again = reaches(&scene, &sha, "sdm/build/compile", OPEN);
    assert_ne!(again["id"], failed["id"], "what has ended does not begin again");
    let set = scene.machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    scene.machine.ok(&["cancel", &set]);
    let canceled = reaches(&scene, &sha, "sdm/build/compile", completed("cancelled"));
    assert_eq!(canceled["id"], again["id"]);
    reaches(&scene, &sha, "sdm/build", completed("cancelled"));
    assert_eq!(runs(&scene, &sha, "sdm/build/compile").len(), 2);
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_6_a_check_whose_answer_got_lost_is_found_after_a_kill_and_made_once() {
    let mut scene = Scene::with(GOALS, CHECKS, APP).await;
    scene.github.lose_answer();
    let sha = scene.push("0");
    scene.machine.wait_until("the first check is made", |_| {
        (!runs(&scene, &sha, "sdm/build").is_empty()).then_some(())
    });
    scene.machine.kill();
    scene.start();
    reaches(&scene, &sha, "sdm/build/compile", OPEN);
    for _ in 0..2 {
        scene.machine.kill();
        scene.start();
    }
    scene.go_on();
    reaches(&scene, &sha, "sdm/build/compile", completed("success"));
    waits_for_approval(&scene, &sha);
    for name in ["sdm/build", "sdm/build/compile", "sdm/build/ship in 2-prod"] {
        assert_eq!(runs(&scene, &sha, name).len(), 1, "{name}");
    }
    // Somebody has taken the runs away: what happens next makes others.
    scene.github.forget_checks();
    scene.machine.ok(&["approve", "ship"]);
    reaches(&scene, &sha, "sdm/build/ship in 2-prod", completed("success"));
    scene.machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_7_1_a_token_that_may_not_write_checks_is_complained_of_once_and_nothing_else_is_written() {
    let mut scene = Scene::with(GOALS, CHECKS, APP).await;
    let no = "Resource not accessible by personal access token";
    for _ in 0..20 {
        scene.github.refuse(403, no, &[]);
    }
    let sha = scene.push("0");
    scene.go_on();
    let said = "only a GitHub App may write checks";
    scene.machine.wait_until("it is said", |machine| {
        machine.daemon_log().contains(said).then_some(())
    });
    scene
        .machine
        .wait_until("the goal has ended all the same", |machine| {
            let set = machine.set_of(&sha);
            (set["goals"][0]["state"] == "success").then_some(())
        });
    let log = scene.machine.daemon_log();
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert!(log.contains(no), "{log}");
    assert_eq!(
        scene.github.statuses(),
        Vec::<Value>::new(),
        "nothing in their place"
    );
    assert_eq!(scene.github.checks(), Vec::<Value>::new());
    scene.machine.stop();
}
