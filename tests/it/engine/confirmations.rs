//! What people confirm is what runs (threats D1 to D4), with the real rules and store.

use sdm::kinds::Acts;
use sdm::model::{Action, Cursor, News, Person, StateName};
use sdm::ports::store::GoalSetRecord;

use super::ada;
use crate::support::machine::TestMachine;

const SHIP: &str = "
rules:
  - name: ship
    goals:
      - {name: ship, execute: {run: [ship, --to, staging]}, pre_approval: true}
";

fn confirm(record: &GoalSetRecord, person: Person) -> Action {
    Action::Confirm {
        goal: record.set.goal_named("ship").unwrap().key(),
        person,
        authors: record.push.authors(),
        reason: None,
        version: None,
        subject: None,
    }
}

async fn messages(machine: &TestMachine) -> Vec<String> {
    let feed = machine.engine.store().feed(Cursor(0), 1000).await.unwrap();
    let said = feed.into_iter().filter_map(|entry| match entry.news {
        News::Message { text, .. } => Some(text),
        _ => None,
    });
    said.collect()
}

#[tokio::test]
async fn d2_a_new_commit_and_a_changed_rule_wait_again_and_say_what_changed() {
    let machine = TestMachine::start(SHIP).await;
    let first = machine.planned_push("main", &[("a", "1")]).await;
    machine
        .engine
        .act(first.set.id, &confirm(&first, ada()))
        .await
        .unwrap();
    let first = machine.ends(first.set.id).await;
    let ship = first.set.goal_named("ship").unwrap();
    let subject = ship.confirmations[0].subject.clone().unwrap();
    assert_eq!(
        (ship.state.name(), &subject.commit),
        (StateName::Success, &first.push.after)
    );

    let second = machine.planned_push("main", &[("a", "2")]).await;
    let ship = second.set.goal_named("ship").unwrap();
    assert_eq!(ship.state.name(), StateName::WaitingForPreApproval);
    assert_eq!(
        ship.description,
        "Start required: ship · since @ada confirmed it: commit changed"
    );

    let machine = machine.restart_with(&SHIP.replace("staging", "production")).await;
    let third = machine.planned_push("main", &[("a", "3")]).await;
    let ship = third.set.goal_named("ship").unwrap();
    assert_eq!(ship.state.name(), StateName::WaitingForPreApproval);
    let void = machine
        .engine
        .void_confirmation(&third, ship)
        .await
        .unwrap()
        .unwrap();
    let told: Vec<String> = void.differences.iter().map(ToString::to_string).collect();
    let (was, is) = (first.push.after.short(), third.push.after.short());
    assert_eq!(
        told,
        [
            format!("commit: {was} -> {is}"),
            "run.3: staging -> production".to_owned()
        ]
    );
    assert_eq!(
        machine.executor.started(),
        ["ship"],
        "nothing ran on the old confirmation"
    );
    let elsewhere = machine.planned_push("other", &[("a", "4")]).await;
    assert_eq!(
        elsewhere.set.goal_named("ship").unwrap().description,
        "Start required: ship"
    );
    machine.stop().await;
}

#[tokio::test]
async fn d2_what_was_changed_behind_a_confirmation_does_not_run() {
    let goals = SHIP.replace("pre_approval: true", "pre_approval: {count: 2}");
    let machine = TestMachine::start(&goals).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    machine
        .engine
        .act(record.set.id, &confirm(&record, ada()))
        .await
        .unwrap();
    let machine = machine
        .restart_after(&["UPDATE plans SET goals = replace(goals, 'staging', 'production')"])
        .await;
    let bob = Person {
        login: "bob".to_owned(),
        ..ada()
    };
    machine
        .engine
        .act(record.set.id, &confirm(&record, bob))
        .await
        .unwrap();
    let waits = async || {
        let found = machine.engine.store().goal_set(record.set.id).await;
        let set = found.unwrap().unwrap().set;
        let ship = set.goal_named("ship").unwrap();
        let words = "Start required: ship · confirmed by @ada, @bob for something else: plan of the goal: ";
        let is_void = ship.description.starts_with(words);
        (is_void && ship.state.name() == StateName::WaitingForPreApproval).then_some(())
    };
    machine.wait_for("the start waits for people again", waits).await;
    assert!(machine.executor.started().is_empty());
    for login in ["ada", "bob"] {
        let person = Person {
            login: login.to_owned(),
            ..ada()
        };
        let again = confirm(&record, person);
        machine.engine.act(record.set.id, &again).await.unwrap();
    }
    let record = machine.ends(record.set.id).await;
    assert_eq!(
        record.set.goal_named("ship").unwrap().state.name(),
        StateName::Success,
        "what people have looked at runs"
    );
    machine.stop().await;
}

#[tokio::test]
async fn d2_nobody_confirms_an_image_that_nobody_has_seen() {
    let goals = "
rules:
  - name: ship
    goals:
      - {name: ship, containers: [{name: ship, image: 'registry.invalid/ship:1'}], pre_approval: true}
";
    let machine = TestMachine::start(goals).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    let refused = machine
        .engine
        .act(record.set.id, &confirm(&record, ada()))
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.starts_with("ship cannot be confirmed yet: its image `registry.invalid/ship:1` is not there: "),
        "{text}"
    );
    let record = machine
        .engine
        .store()
        .goal_set(record.set.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        record.set.goal_named("ship").unwrap().state.name(),
        StateName::WaitingForPreApproval
    );
    machine.stop().await;
}

#[tokio::test]
async fn d1_somebody_who_may_not_confirm_is_on_record() {
    let machine = TestMachine::start(&SHIP.replace("pre_approval: true", "pre_approval: {by: [bob]}")).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    let refused = machine.engine.act(record.set.id, &confirm(&record, ada())).await;
    assert!(refused.is_err());
    let said = messages(&machine).await;
    let expected = format!(
        "@ada was refused to confirm ship of goal set {}: ada is not among those who may confirm: bob",
        record.set.id.short()
    );
    assert_eq!(said, [expected]);
    machine.stop().await;
}

#[tokio::test]
async fn d6_whoever_sets_a_state_in_place_of_a_confirmation_is_on_record() {
    let machine = TestMachine::start(&SHIP.replace("pre_approval: true", "pre_approval: {by: [bob]}")).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    let good = |person: Person| Action::Override {
        goal: record.set.goal_named("ship").unwrap().key(),
        state: StateName::Success,
        person,
        authors: record.push.authors(),
        reason: "it is late".to_owned(),
        subject: None,
    };
    let refused = machine.engine.act(record.set.id, &good(ada())).await;
    assert!(refused.is_err());
    let said = messages(&machine).await;
    assert!(
        said[0].starts_with("@ada was refused to set the state of ship of goal set "),
        "{said:?}"
    );
    let bob = Person {
        login: "bob".to_owned(),
        ..ada()
    };
    let set = machine.engine.act(record.set.id, &good(bob)).await.unwrap();
    let ship = set.goal_named("ship").unwrap();
    let subject = ship.confirmations[0].subject.as_ref().unwrap();
    assert_eq!(
        (ship.state.name(), &subject.commit),
        (StateName::Success, &record.push.after)
    );
    assert!(machine.executor.started().is_empty());
    machine.stop().await;
}

#[tokio::test]
async fn d1_who_wrote_a_push_under_another_address_of_theirs_does_not_confirm_it() {
    let goals = SHIP.replace("pre_approval: true", "pre_approval: {not_author: true}");
    let machine = TestMachine::start(&goals).await;
    let first = machine.planned_push("main", &[("a", "1")]).await;
    let written = first.push.authors();
    let mailmap = format!(
        "Ada <ada@work.example> <{}>\n",
        written.addresses().next().unwrap()
    );
    let second = machine.planned_push("main", &[(".mailmap", &mailmap)]).await;
    // Who takes it out in the push itself is known by what was there before.
    let third = machine.planned_push("main", &[(".mailmap", "")]).await;
    let ada = Person {
        emails: vec!["ada@work.example".to_owned()],
        ..ada()
    };
    let confirmed = async |record: &GoalSetRecord| {
        let confirmation = confirm(record, ada.clone());
        machine.engine.act(record.set.id, &confirmation).await
    };
    for record in [&second, &third] {
        let refused = confirmed(record).await.unwrap_err().to_string();
        assert!(refused.contains("wrote commits of this push"), "{refused}");
    }
    assert!(confirmed(&first).await.is_ok(), "nobody had said so then");
    machine.stop().await;
}

#[tokio::test]
async fn co_14_nobody_waits_for_the_image_of_a_container_that_is_not_for_the_push() {
    let goals = "
rules:
  - name: ship
    goals:
      - name: ship
        containers: [{name: ship, image: 'registry.invalid/ship:1', test: {is_branch: ^never$}}]
        pre_approval: true
";
    let machine = TestMachine::start(goals).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    let confirmation = confirm(&record, ada());
    machine.engine.act(record.set.id, &confirmation).await.unwrap();
    let record = machine.ends(record.set.id).await;
    let ship = record.set.goal_named("ship").unwrap();
    assert_eq!(ship.state.name(), StateName::Skipped, "{}", ship.description);
    machine.stop().await;
}
