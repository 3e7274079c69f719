//! Goals that trigger rules (RU-37…39), over the real rules and the real store.

use sdm::model::{ExecutionResult, StateName};
use sdm::ports::executor::ExecutionNews;
use sdm::ports::store::{Cause, GoalSetRecord};

use crate::support::machine::TestMachine;

const ANNOUNCED: &str = "
rules:
  - name: build
    goals:
      - {name: compile, execute: {run: [make]}}
      - {name: publish, execute: {run: [publish]}, retry: true}
  - name: announce
    test: [{is_goal: publish}, {has_file: Dockerfile}]
    goals: {name: tell, execute: {run: [tell]}}
  - name: repair
    test: {is_goal: {name: publish, state: failure}}
    goals: {name: report, execute: {run: [report]}}
";

/// Waits until a branch has so many goal sets, all ended; oldest first.
async fn sets(machine: &TestMachine, count: usize) -> Vec<GoalSetRecord> {
    machine
        .wait_for("the goal sets are there and have ended", async || {
            let mut sets = machine.goal_sets("main").await;
            sets.reverse();
            let ended = sets.iter().all(|record| !record.set.is_active());
            (sets.len() == count && ended).then_some(sets)
        })
        .await
}

#[tokio::test]
async fn ru_37_a_goal_that_succeeds_sets_further_goals_on_the_same_push() {
    let machine = TestMachine::start(ANNOUNCED).await;
    let first = machine.planned_push("main", &[("Dockerfile", "FROM x")]).await;
    let sets = sets(&machine, 2).await;
    assert_eq!(sets[0].set.id, first.set.id);
    assert_eq!(
        (sets[1].push.id, sets[1].set.name.as_str()),
        (first.push.id, "announce")
    );
    let Cause::Goal {
        number,
        goal_set,
        goal,
        chain,
        depth,
        ..
    } = &sets[1].cause
    else {
        panic!("{:?}", sets[1].cause)
    };
    assert_eq!((*number, *goal_set, *chain, *depth), (1, first.set.id, 1, 0));
    assert_eq!(goal.unique_name.as_str(), "publish");
    assert_eq!(machine.executor.started(), ["compile", "publish", "tell"]);
    machine.stop().await;
}

#[tokio::test]
async fn ru_37_a_sibling_that_does_not_hold_leaves_a_plan_with_the_reason_and_no_goals() {
    let machine = TestMachine::start(ANNOUNCED).await;
    let first = machine.planned_push("main", &[("a", "1")]).await;
    machine.ends(first.set.id).await;
    let attempts = machine
        .wait_for("the goal was planned for", async || {
            let attempts = machine
                .engine
                .store()
                .planning_attempts(first.push.id)
                .await
                .unwrap();
            (attempts.len() == 2).then_some(attempts)
        })
        .await;
    let trace = attempts[1].trace.as_ref().unwrap();
    let reasons: Vec<&str> = trace.rules.iter().map(|rule| rule.because.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "it does not wait for publish in success",
            "there is no file Dockerfile",
            "it does not wait for publish in success",
        ]
    );
    assert_eq!(machine.executor.started(), ["compile", "publish"]);
    machine.stop().await;
}

#[tokio::test]
async fn ru_39_each_state_a_goal_comes_to_counts_and_other_goals_set_nothing() {
    let machine = TestMachine::start(ANNOUNCED).await;
    machine.executor.will_end(
        "publish",
        &[ExecutionResult::failure("no"), ExecutionResult::success()],
    );
    let first = machine.planned_push("main", &[("Dockerfile", "FROM x")]).await;
    let ended = sets(&machine, 2).await;
    assert_eq!(ended[1].set.name, "repair");
    let publish = ended[0].set.goal_named("publish").unwrap().key();
    let retry = sdm::model::Action::Retry {
        goal: publish,
        person: super::ada(),
    };
    use sdm::kinds::Acts;
    machine.engine.act(first.set.id, &retry).await.unwrap();
    let ended = sets(&machine, 3).await;
    assert_eq!(ended[2].set.name, "announce");
    assert_eq!(
        machine.executor.started(),
        ["compile", "publish", "report", "publish", "tell"]
    );
    machine.stop().await;
}

/// The log is behind the store at every restart: the goal is there, and nobody has read of it.
#[tokio::test]
async fn ru_35_a_kill_between_the_goal_and_the_plan_loses_nothing_and_repeats_nothing() {
    let machine = TestMachine::start(ANNOUNCED).await;
    machine.executor.hold("publish");
    let first = machine.planned_push("main", &[("Dockerfile", "FROM x")]).await;
    let mut machine = machine;
    machine
        .reaches(first.set.id, "publish", StateName::InProcess)
        .await;
    machine
        .executor
        .end("publish", &ExecutionNews::Ended(ExecutionResult::success()));
    for _ in 0..4 {
        machine = machine.restart().await;
    }
    sets(&machine, 2).await;
    let mut machine = machine.restart().await;
    for _ in 0..2 {
        machine.engine.reconcile().await.unwrap();
        machine = machine.restart().await;
    }
    let ended = sets(&machine, 2).await;
    assert_eq!(ended[1].set.name, "announce");
    let tells = machine
        .executor
        .started()
        .into_iter()
        .filter(|goal| goal == "tell");
    assert_eq!(tells.count(), 1);
    machine.stop().await;
}

#[tokio::test]
async fn ru_38_goals_that_trigger_each_other_stop_at_the_limit_with_an_error() {
    let goals = "
rules:
  - name: start
    goals: {name: ping, execute: {run: [ping]}}
  - name: ponging
    test: {is_goal: ping}
    goals: {name: pong, execute: {run: [pong]}}
  - name: pinging
    test: {is_goal: pong}
    goals: {name: ping, execute: {run: [ping]}}
";
    let machine = TestMachine::start(goals).await;
    let first = machine.planned_push("main", &[("a", "1")]).await;
    sets(&machine, 17).await;
    let error = machine
        .wait_for("the chain is refused", async || {
            let attempts = machine
                .engine
                .store()
                .planning_attempts(first.push.id)
                .await
                .unwrap();
            attempts.last().and_then(|attempt| attempt.error.clone())
        })
        .await;
    assert!(
        error.starts_with("16 goal sets have triggered each other, so no further one is set because of ping"),
        "{error}"
    );
    assert_eq!(machine.engine.store().noted_triggers().await.unwrap(), Vec::new());
    assert_eq!(machine.executor.started().len(), 17);
    machine.stop().await;
}

#[tokio::test]
async fn a_rule_that_comes_later_begins_with_what_happens_then() {
    let plain = "
rules:
  - name: build
    goals: {name: publish, execute: {run: [publish]}}
";
    let machine = TestMachine::start(plain).await;
    let first = machine.planned_push("main", &[("Dockerfile", "FROM x")]).await;
    machine.ends(first.set.id).await;
    let machine = machine.restart_with(ANNOUNCED).await;
    machine
        .wait_for("the log is read from its end", async || {
            machine.engine.store().heeded().await.unwrap()
        })
        .await;
    assert_eq!(machine.engine.store().noted_triggers().await.unwrap(), Vec::new());
    machine.planned_push("main", &[("b", "1")]).await;
    sets(&machine, 3).await;
    machine.stop().await;
}
