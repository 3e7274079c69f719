//! Signed goals (SG-01…07), over the real store with somebody who changes the database behind the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use sdm::kinds::Acts;
use sdm::model::{Action, Authors, StateName};
use sdm::ports::signing::{Signing, SigningScope};
use sdm::ports::store::GoalSetRecord;
use sdm::secrets::jws::{Signer, SigningKey};

use crate::support::machine::TestMachine;

const GOALS: &str = "
rules:
  - name: ship
    goals:
      - {name: build, execute: {run: [make, build]}}
      - {name: publish, execute: {run: [make, publish]}, pre_approval: true}
      - {name: announce, execute: {run: [make, announce]}}
";

pub(super) fn signer(scope: SigningScope) -> Option<Arc<dyn Signing>> {
    let key = SigningKey::parse(&SigningKey::fresh().unwrap()).unwrap();
    Some(Arc::new(Signer::new("build", key, BTreeMap::new(), scope)))
}

async fn approve(machine: &TestMachine, record: &GoalSetRecord) {
    let confirm = Action::Confirm {
        goal: record.set.goal_named("publish").unwrap().key(),
        person: super::ada(),
        authors: Authors::default(),
        reason: None,
        version: None,
        subject: None,
    };
    machine.engine.act(record.set.id, &confirm).await.unwrap();
}

/// A machine whose goal `publish` waits for its start.
async fn waiting(scope: SigningScope) -> (TestMachine, GoalSetRecord) {
    let machine = TestMachine::start_signed(GOALS, signer(scope)).await;
    let planned = machine.planned_push("main", &[("a", "1")]).await;
    let waiting = machine.reaches(planned.set.id, "publish", StateName::WaitingForPreApproval);
    let record = waiting.await;
    (machine, record)
}

/// What becomes of `publish` when it is approved after that: state, phase, description, error.
async fn after(statements: &[&'static str], scope: SigningScope) -> [String; 4] {
    let (machine, record) = waiting(scope).await;
    let machine = machine.restart_after(statements).await;
    approve(&machine, &record).await;
    let record = machine.ends(record.set.id).await;
    let publish = record.set.goal_named("publish").unwrap();
    let error = publish.error.clone().unwrap_or_default();
    let was_run = machine.executor.started().contains(&"publish".to_owned());
    assert_eq!(was_run, publish.state.name() == StateName::Success);
    let told = [
        publish.state.name().to_string(),
        publish.phase.clone().unwrap_or_default(),
        publish.description.clone(),
        error,
    ];
    machine.stop().await;
    told
}

#[tokio::test]
async fn sg_01_goals_that_are_signed_are_carried_out_over_a_restart() {
    let (machine, record) = waiting(SigningScope::All).await;
    let signatures = record
        .set
        .goals()
        .iter()
        .map(|goal| goal.signature.as_ref().unwrap());
    assert!(
        signatures
            .clone()
            .all(|signature| signature.split('.').count() == 3)
    );
    let machine = machine.restart().await;
    approve(&machine, &record).await;
    let record = machine.ends(record.set.id).await;
    assert_eq!(record.set.state(), StateName::Success);
    assert_eq!(machine.executor.started(), ["build", "publish", "announce"]);
    machine.stop().await;
}

#[tokio::test]
async fn sg_02_sg_07_a_goal_that_was_changed_is_rejected_also_after_a_person_has_approved_it() {
    const OTHER: &str = "UPDATE plans SET goals = replace(goals, '\"publish\"]', '\"evil\"]')";
    const LINKED: &str = "UPDATE events SET body = replace(body, '\"version\":2', '\"version\":2,\"external_urls\":[{\"url\":\"https://evil.example\"}]')
        WHERE unique_name = 'publish' AND version = 2";
    const TRUSTED: &str =
        "UPDATE pushes SET body = replace(body, '\"trust\":\"member\"', '\"trust\":\"untrusted\"')";
    const CAUSED: &str = "UPDATE goal_sets SET cause_body = '{\"cause\":\"again\",\"number\":3}'";
    for statement in [OTHER, LINKED, TRUSTED, CAUSED] {
        let [state, phase, description, error] = after(&[statement], SigningScope::All).await;
        assert_eq!(
            (state.as_str(), phase.as_str()),
            ("failure", "signature invalid"),
            "{statement}"
        );
        assert_eq!(description, "Rejected: publish");
        assert!(
            error.ends_with("it is of another goal, version or plan"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn sg_04_a_goal_without_a_signature_is_rejected() {
    const UNSIGNED: &str =
        "UPDATE events SET body = json_remove(body, '$.event.signature') WHERE unique_name = 'publish'";
    let [state, phase, _, error] = after(&[UNSIGNED], SigningScope::All).await;
    assert_eq!((state.as_str(), phase.as_str()), ("failure", "signature missing"));
    assert_eq!(error, "publish in 0-code: the goal is not signed");
}

#[tokio::test]
async fn sg_05_all_goals_of_a_set_are_looked_at_unless_only_the_one_is_to_be() {
    const BUILT: &str = "UPDATE events SET body = replace(body, '\"change\":\"planned\"', '\"description\":\"x\",\"change\":\"planned\"')
        WHERE unique_name = 'announce' AND version = 1";
    let [state, _, _, error] = after(&[BUILT], SigningScope::All).await;
    assert_eq!(state, "failure");
    assert!(error.starts_with("announce in 0-code: "), "{error}");
    let [state, ..] = after(&[BUILT], SigningScope::Fulfillment).await;
    assert_eq!(state, "success");
}

#[tokio::test]
async fn sg_06_a_signature_of_an_older_version_does_not_count() {
    const REPLAYED: &str = "UPDATE events SET body = json_set(body, '$.event.signature',
        (SELECT json_extract(older.body, '$.event.signature') FROM events older
         WHERE older.unique_name = 'publish' AND older.version = 1))
        WHERE unique_name = 'publish' AND version = 2";
    let [state, phase, ..] = after(&[REPLAYED], SigningScope::All).await;
    assert_eq!((state.as_str(), phase.as_str()), ("failure", "signature invalid"));
}
