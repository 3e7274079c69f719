//! An image is for a whole goal set what it was at its first use (threat I5).

use sdm::model::GoalSetId;
use sdm::ports::Store;
use sdm::runtime::clock::{Ids, RandomIds};
use sdm::store::SqlStore;

use super::daemon::{goal, log, started};
use crate::support::local::{LocalMachine, state_of};

const GOALS: &str = r#"
rules:
  - name: ship
    goals:
      - name: build
        containers: [{name: main, image: NAME, command: [sh, -c, "echo made of $LAYER"]}]
      - - name: deploy
          pre_approval: true
          containers: [{name: main, image: NAME, command: [sh, -c, "echo made of $LAYER"]}]
        - name: lint
          pre_approval: true
          inspect: {containers: [{name: main, image: NAME, command: [sh, -c, "echo \"a:1: warning: $LAYER\""]}], report: lines}
"#;

#[test]
fn i5_a_tag_that_moves_changes_nothing_for_a_goal_set_that_has_used_it() {
    let name = format!("localhost/moves-{}", RandomIds.fresh().simple());
    let Some((podman, mut machine)) = started(&GOALS.replace("NAME", &name)) else {
        return;
    };
    podman.make_image(&name, "ENV LAYER=first");
    let sha = machine.commit("second", &[("x", "1")]);
    machine.wait_until("the first goal has ended", |machine| {
        let set = machine.set_of(&sha);
        (state_of(&set, "deploy") == "waiting_for_pre_approval").then_some(())
    });
    podman.make_image(&name, "ENV LAYER=second");
    machine.ok(&["approve", "deploy"]);
    machine.ok(&["approve", "lint"]);
    let set = machine.ended_set_of(&sha);
    for name in ["build", "deploy", "lint"] {
        assert_eq!(state_of(&set, name), "success", "{set}");
    }
    assert!(
        log(&machine, "deploy").contains("made of first"),
        "{}",
        log(&machine, "deploy")
    );
    assert!(
        log(&machine, "lint").contains("a:1: warn: first"),
        "{}",
        log(&machine, "lint")
    );
    let digest = |set: &serde_json::Value, name: &str| goal(set, name)["data"].clone();
    assert_eq!(digest(&set, "build"), digest(&set, "deploy"));

    // Another goal set begins with what the name means by then.
    let sha = machine.commit("third", &[("x", "2")]);
    machine.wait_until("the first goal has ended", |machine| {
        let set = machine.set_of(&sha);
        (state_of(&set, "deploy") == "waiting_for_pre_approval").then_some(())
    });
    assert!(
        log(&machine, "build").contains("made of second"),
        "{}",
        log(&machine, "build")
    );
    machine.stop();
    podman.remove_images(&[&name]);
}

/// Whether images are fixed for a goal set, by the machine's own memory.
pub(super) fn is_settled(machine: &LocalMachine, set: &serde_json::Value) -> bool {
    let id = GoalSetId(uuid::Uuid::parse_str(set["id"].as_str().unwrap()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqlStore::open_file(&machine.path("state/sdm.db")).await.unwrap();
        let images = store.fixed_images(id).await.unwrap();
        store.close().await;
        !images.is_empty()
    })
}

const WAITS: &str = r#"
rules:
  - name: ship
    goals:
      - name: deploy
        pre_approval: true
        containers: [{name: main, image: NAME, command: [sh, -c, "echo made of $LAYER"]}]
"#;

#[test]
fn i5_what_is_approved_is_the_image_that_was_there_when_the_goal_was_planned() {
    let name = format!("localhost/waits-{}", RandomIds.fresh().simple());
    let Some((podman, mut machine)) = started(&WAITS.replace("NAME", &name)) else {
        return;
    };
    podman.make_image(&name, "ENV LAYER=planned");
    let sha = machine.commit("second", &[("x", "1")]);
    let set = machine.set_of(&sha);
    machine.wait_until("the image is settled", |machine| {
        is_settled(machine, &set).then_some(())
    });
    podman.make_image(&name, "ENV LAYER=moved");
    machine.ok(&["approve", "deploy"]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "deploy"), "success", "{set}");
    assert!(
        log(&machine, "deploy").contains("made of planned"),
        "{}",
        log(&machine, "deploy")
    );
    machine.stop();
    podman.remove_images(&[&name]);
}
