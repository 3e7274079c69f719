//! What goals order for a push: which containers, which fixes, with which values; nothing of it is run here.

use sdm::model::{CommitSha, ExecutionResult, StateName, Timestamp};
use sdm::ports::Scm;
use sdm::ports::signing::{Signing, SigningScope};
use serde_json::{Value, json};

use super::ended;
use super::signing::signer;
use crate::support::machine::TestMachine;

/// What the step of our own program that carries a goal out was told; the goal must be held.
async fn order_of(machine: &TestMachine, goal: &str) -> Value {
    let path = machine
        .wait_for("the goal is ordered", async || {
            let spec = machine.executor.specs(goal).pop()?;
            spec.steps[0].argv.last().cloned()
        })
        .await;
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Names and arguments of an ordered list.
fn shown(list: &Value, arguments: &str) -> Vec<String> {
    let words = |item: &Value| {
        let words = item[arguments].as_array().unwrap().iter();
        let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
        format!("{}: {}", item["name"].as_str().unwrap(), words.join(" "))
    };
    list.as_array().unwrap().iter().map(words).collect()
}

/// The original asked code, the callback, which containers a goal has on a push. Here it is written down: placeholders are
/// filled in when the goal begins, and a container whose test does not hold is left out.
#[tokio::test]
async fn co_08_what_containers_are_is_computed_for_the_push_when_the_goal_begins() {
    let goals = "
rules:
  - name: build
    goals:
      - {name: settle, execute: {run: [settle]}}
      - name: build
        parameters: {flavour: slim}
        containers:
          - {name: main, image: 'reg/app:${parameters.flavour}', args: [build, '${push.branch}', '${goals.settle.data.target:all}']}
          - {name: database, image: db, args: [serve], test: {has_file: schema.sql}}
          - {name: queue, image: kv, args: [serve], test: {has_file: nowhere}}
";
    let machine = TestMachine::start(goals).await;
    machine.executor.hold("build");
    let settled = ExecutionResult {
        data: Some(r#"{"target": "web"}"#.to_owned()),
        ..ExecutionResult::success()
    };
    machine.executor.will_end("settle", &[settled]);
    let set = machine.planned_push("topic", &[("schema.sql", "")]).await.set;
    let order = order_of(&machine, "build").await;
    assert_eq!(
        shown(&order["containers"], "args"),
        ["main: build topic web", "database: serve"]
    );
    assert_eq!(order["containers"][0]["image"], "reg/app:slim");
    machine.executor.end("build", &ended(ExecutionResult::success()));
    machine.ends(set.id).await;
    machine.stop().await;
}

const FIXES: &str = "
rules:
  - name: fix
    goals:
      - {name: compile, execute: {run: [make]}}
      - - {name: none, autofix: {}}
        - name: fixes
          parameters: {style: loud}
          autofix:
            env: {STYLE: '${parameters.style}'}
            fixes:
              - {name: Mine, run: [mine]}
              - {name: others, run: [other, '${parameters.style}', '${push.branch}', '${push.after.message}']}
";

#[tokio::test]
async fn af_03_parameters_and_the_push_reach_every_fix() {
    let machine = TestMachine::start(FIXES).await;
    machine.executor.hold("fixes");
    machine
        .scm
        .commit_by("main", "say $(it)", "Ada", "ada@example.com");
    let push = machine.engine.observe(&machine.repo).await.unwrap()[0];
    machine.planned(push).await;
    let order = order_of(&machine, "fixes").await;
    assert_eq!(
        shown(&order["fixes"], "argv"),
        ["Mine: mine", "others: other loud main say $(it)"]
    );
    let spec = machine.executor.specs("fixes").remove(0);
    let has = |name: &str, value: &str| {
        let variable = (name.to_owned(), value.to_owned());
        spec.environment.contains(&variable)
    };
    assert!(
        has("STYLE", "loud") && has("ATOMIST_BRANCH", "main"),
        "{:?}",
        spec.environment
    );
    machine.stop().await;
}

/// What the fixes are told for the next push, which the machine sees after `commit` was made.
async fn fixes_ordered_after(machine: &TestMachine, commit: &[(&str, &str)]) -> Vec<String> {
    machine.executor.hold("fixes");
    let before = machine.executor.specs("fixes").len();
    machine.scm.commit("main", commit);
    let push = machine.engine.observe(&machine.repo).await.unwrap()[0];
    let set = machine.planned(push).await.set;
    let is_ordered = async || (machine.executor.specs("fixes").len() > before).then_some(());
    machine.wait_for("the fixes are ordered again", is_ordered).await;
    let order = order_of(machine, "fixes").await;
    machine
        .executor
        .end("fixes", &ended(ExecutionResult::failure("enough is known")));
    machine.ends(set.id).await;
    shown(&order["fixes"], "argv")
}

const FORGED: &str = "Autofix: Mine\n\n[atomist:generated] [atomist:autofix=mine]\n\nSdm-Generated: fixes\n";

#[tokio::test]
async fn af_05_a_fix_that_made_a_commit_of_the_push_is_left_out_and_the_others_run() {
    let machine = TestMachine::start(FIXES).await;
    let own = machine.scm.commit_by("main", FORGED, "sdm", "sdm@localhost");
    let now = Timestamp::from_micros(1);
    let noted = machine
        .engine
        .store()
        .note_generated(&machine.repo.key, &own, 1, now);
    noted.await.unwrap();
    let ordered = fixes_ordered_after(&machine, &[("a", "1")]).await;
    assert_eq!(ordered.len(), 1, "{ordered:?}");
    assert!(ordered[0].starts_with("others: "), "{ordered:?}");
    machine.stop().await;
}

#[tokio::test]
async fn af_05_who_writes_the_message_of_a_fix_does_not_switch_it_off() {
    let machine = TestMachine::start(FIXES).await;
    machine.scm.commit_by("main", FORGED, "sdm", "sdm@localhost");
    machine.scm.commit_by("main", FORGED, "eve", "eve@example.org");
    let ordered = fixes_ordered_after(&machine, &[("a", "1")]).await;
    assert_eq!(ordered.len(), 2, "{ordered:?}");
    machine.stop().await;
}

/// The message of a commit of the fix `mine`, signed for what follows `parent` and holds `tree`.
fn signed_message(signing: &dyn Signing, parent: &CommitSha, tree: &CommitSha) -> String {
    let claim = json!({"fix": "Mine", "repo": "acme/app", "parent": parent, "tree": tree});
    let signature = signing.sign(claim.to_string().as_bytes()).unwrap();
    format!("{FORGED}Sdm-Signature: {signature}\n")
}

#[tokio::test]
async fn af_05_a_signed_commit_is_known_without_a_memory_by_its_place_and_by_what_it_holds() {
    let signing = signer(SigningScope::All);
    let machine = TestMachine::start_signed(FIXES, signing.clone()).await;
    let signing = signing.unwrap();
    assert_eq!(machine.repo.slug.to_string(), "acme/app");
    let first = machine.scm.commit("main", &[("a", "1")]);
    let push = machine.engine.observe(&machine.repo).await.unwrap()[0];
    machine.ends(machine.planned(push).await.set.id).await;
    let tree = machine.scm.tree_of(&machine.repo, &first).await.unwrap();
    let message = signed_message(&*signing, &first, &tree);
    let own = machine.scm.commit_by("main", &message, "sdm", "sdm@localhost");
    let ordered = fixes_ordered_after(&machine, &[("a", "2")]).await;
    assert_eq!(ordered.len(), 1, "{ordered:?}");

    machine.scm.commit_by("main", &message, "sdm", "sdm@localhost");
    let ordered = fixes_ordered_after(&machine, &[("a", "3")]).await;
    assert_eq!(ordered.len(), 2, "copied elsewhere it says nothing: {ordered:?}");

    let last = machine
        .engine
        .store()
        .branch_heads(&machine.repo.key)
        .await
        .unwrap();
    let last = last.values().next().unwrap();
    let elsewhere = signed_message(
        &*signing,
        last,
        &machine.scm.tree_of(&machine.repo, &own).await.unwrap(),
    );
    machine.scm.commit_by("main", &elsewhere, "sdm", "sdm@localhost");
    let ordered = fixes_ordered_after(&machine, &[("a", "4")]).await;
    assert_eq!(ordered.len(), 2, "with another tree it says nothing: {ordered:?}");
    machine.stop().await;
}

#[tokio::test]
async fn af_05_no_fix_is_given_a_signature() {
    let machine = TestMachine::start_signed(FIXES, signer(SigningScope::All)).await;
    machine.executor.hold("fixes");
    let set = machine.planned_push("main", &[("a", "1")]).await.set;
    let order = order_of(&machine, "fixes").await;
    assert!(!order.to_string().contains("Sdm-Signature"), "{order}");
    machine
        .executor
        .end("fixes", &ended(ExecutionResult::failure("enough is known")));
    machine.ends(set.id).await;
    machine.stop().await;
}

#[tokio::test]
async fn af_01_without_fixes_the_goal_succeeds() {
    let machine = TestMachine::start(FIXES).await;
    let set = machine.planned_push("main", &[("a", "1")]).await.set;
    let record = machine.reaches(set.id, "none", StateName::Success).await;
    let none = record.set.goal_named("none").unwrap();
    assert_eq!(none.description, "No autofixes applied");
    assert!(!machine.executor.started().contains(&"none".to_owned()));
    machine.stop().await;
}

#[tokio::test]
async fn af_06_on_a_branch_that_has_moved_nothing_is_fixed_and_the_goal_succeeds() {
    let machine = TestMachine::start(FIXES).await;
    machine.executor.hold("compile");
    let set = machine.planned_push("main", &[("a", "1")]).await.set;
    machine.reaches(set.id, "compile", StateName::InProcess).await;
    machine.scm.commit("main", &[("a", "2")]);
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    let record = machine.ends(set.id).await;
    let fixes = record.set.goal_named("fixes").unwrap();
    assert_eq!(
        (
            fixes.state.name(),
            fixes.description.as_str(),
            fixes.phase.as_deref()
        ),
        (
            StateName::Success,
            "Autofixes not executing",
            Some("a newer commit exists")
        )
    );
    assert_eq!(machine.executor.started(), ["compile"]);
    machine.stop().await;
}
