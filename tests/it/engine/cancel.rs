//! Canceling and queueing, by goals and by people, over the whole engine.

use sdm::engine::commands::ask::Ask;
use sdm::kinds::Acts;
use sdm::model::goal_set::CancelScope;
use sdm::model::{Action, Actor, ExecutionResult, StateName};

use sdm::ports::store::{Cause, GoalSetRecord};

use super::{CHAIN, ada, ended};
use crate::support::machine::TestMachine;

#[tokio::test]
async fn hazard_9_a_canceled_goal_ends_its_process_and_a_late_result_is_ignored() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine.reaches(id, "compile", StateName::InProcess).await;
    machine
        .wait_for("it runs", async || {
            (!machine.executor.started().is_empty()).then_some(())
        })
        .await;
    let actor = Actor::Person { person: ada() };
    let cancel = Action::Cancel {
        scope: CancelScope::All,
        actor,
        reason: String::new(),
    };
    machine.engine.act(id, &cancel).await.unwrap();
    machine
        .wait_for("it is asked to end", async || {
            (!machine.executor.stopped().is_empty()).then_some(())
        })
        .await;
    machine
        .wait_for("its lease is gone", async || {
            machine
                .engine
                .store()
                .leases()
                .await
                .unwrap()
                .is_empty()
                .then_some(())
        })
        .await;
    let record = machine.ends(id).await;
    assert_eq!(record.set.state(), StateName::Canceled);
    machine
        .wait_for("its working copy is given back", async || {
            (machine.scm.lent() == 0).then_some(())
        })
        .await;
    machine.stop().await;
}

const CANCELING: &str = "
rules:
  - name: newest
    goals: [cancel]
  - name: build
    depends_on: newest
    goals: {name: compile, execute: {run: [make]}}
";

#[tokio::test]
async fn cn_04_of_three_pushes_only_the_newest_stays_active() {
    let machine = TestMachine::start(CANCELING).await;
    machine.executor.hold("compile");
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        let push = machine.push("main", &[("a", text)]).await;
        ids.push(machine.planned(push).await.set.id);
    }
    for id in &ids[..2] {
        assert_eq!(
            machine
                .ends(*id)
                .await
                .set
                .goal_named("compile")
                .unwrap()
                .state
                .name(),
            StateName::Canceled
        );
    }
    machine.reaches(ids[2], "compile", StateName::InProcess).await;
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    let record = machine.ends(ids[2]).await;
    assert!(
        record
            .set
            .goal_named("cancel")
            .unwrap()
            .description
            .contains(&ids[1].short())
            || record
                .set
                .goal_named("cancel")
                .unwrap()
                .description
                .starts_with("No goals canceled")
    );
    assert_eq!(
        record.set.goal_named("compile").unwrap().state.name(),
        StateName::Success
    );
    machine.stop().await;
}

#[tokio::test]
async fn a_newer_push_does_not_cancel_what_a_command_does() {
    let goals = format!("{CANCELING}commands: [{{name: look, targets: true, run: [look]}}]\n");
    let machine = TestMachine::start(&goals).await;
    machine.executor.hold("look");
    machine.planned_push("main", &[("a", "1")]).await;
    let ask = Ask {
        command: "look".to_owned(),
        here: Some(machine.repo.slug.clone()),
        ..Ask::default()
    };
    machine.engine.ask(ask).await.unwrap();
    let of_command = |record: &GoalSetRecord| matches!(record.cause, Cause::Command { .. });
    let set = machine
        .wait_for("the command has a goal set", async || {
            let sets = machine.goal_sets("main").await;
            sets.into_iter().find(of_command)
        })
        .await;
    machine.reaches(set.set.id, "look", StateName::InProcess).await;
    let newer = machine.planned_push("main", &[("a", "2")]).await;
    machine.ends(newer.set.id).await;
    machine.reaches(set.set.id, "look", StateName::InProcess).await;
    machine.executor.end("look", &ended(ExecutionResult::success()));
    machine.reaches(set.set.id, "look", StateName::Success).await;
    machine.stop().await;
}

#[tokio::test]
async fn cn_02_the_first_push_of_a_branch_cancels_nothing() {
    let machine = TestMachine::start(CANCELING).await;
    let push = machine.push("main", &[("a", "1")]).await;
    let record = machine.ends(machine.planned(push).await.set.id).await;
    let cancel = record.set.goal_named("cancel").unwrap();
    assert_eq!(cancel.description, "No goals canceled · first push on branch");
    machine.stop().await;
}

const QUEUED: &str = "
rules:
  - name: turn
    goals: {use: queue, concurrent: 1, group: all}
  - name: build
    depends_on: turn
    goals: {name: compile, execute: {run: [make]}}
";

#[tokio::test]
async fn qu_03_qu_04_a_queue_keeps_order_and_limit_over_a_restart_and_a_cancel() {
    let machine = TestMachine::start(QUEUED).await;
    machine.executor.hold("compile");
    let mut ids = Vec::new();
    for branch in ["one", "two", "three"] {
        let push = machine.push(branch, &[(branch, "1")]).await;
        let id = machine.planned(push).await.set.id;
        machine
            .wait_for("it is its turn to be looked at", async || {
                let record = machine.engine.store().goal_set(id).await.unwrap().unwrap();
                (record.set.goal_named("queue").unwrap().attempt > 0).then_some(())
            })
            .await;
        ids.push(id);
    }
    let machine = machine.restart().await;
    machine.reaches(ids[0], "compile", StateName::InProcess).await;
    let waiting = machine.reaches(ids[2], "queue", StateName::InProcess).await;
    assert_eq!(
        waiting.set.goal_named("compile").unwrap().state.name(),
        StateName::Planned
    );
    let cancel = Action::Cancel {
        scope: CancelScope::All,
        actor: Actor::Planner,
        reason: String::new(),
    };
    machine.engine.act(ids[0], &cancel).await.unwrap();
    machine.reaches(ids[1], "compile", StateName::InProcess).await;
    machine.executor.hold("compile");
    machine
        .wait_for("the second runs", async || {
            (machine.executor.started().len() == 2).then_some(())
        })
        .await;
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    assert_eq!(machine.ends(ids[1]).await.set.state(), StateName::Success);
    assert_eq!(machine.ends(ids[2]).await.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn hazard_7_d7_a_retry_waits_for_whoever_has_the_slot_meanwhile() {
    let machine = TestMachine::start(&QUEUED.replace("{run: [make]}", "{run: [make]}, retry: true")).await;
    let failure = [ExecutionResult::failure("broken")];
    machine.executor.will_end("compile", &failure);
    let first = machine.planned_push("one", &[("one", "1")]).await.set.id;
    assert_eq!(machine.ends(first).await.set.state(), StateName::Failure);
    machine.executor.hold("compile");
    let second = machine.planned_push("two", &[("two", "1")]).await.set.id;
    machine.reaches(second, "compile", StateName::InProcess).await;
    let retry = Action::Retry {
        goal: machine.ends(first).await.set.goal_named("compile").unwrap().key(),
        person: ada(),
    };
    machine.engine.act(first, &retry).await.unwrap();
    let record = machine.reaches(first, "queue", StateName::InProcess).await;
    let state = record.set.goal_named("compile").unwrap().state.name();
    assert_eq!(state, StateName::Planned);
    machine
        .wait_for("the second runs", async || {
            (machine.executor.started().len() == 2).then_some(())
        })
        .await;
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    assert_eq!(machine.ends(second).await.set.state(), StateName::Success);
    assert_eq!(machine.ends(first).await.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn cn_01_ended_goals_of_older_pushes_stay_as_they_are_and_the_canceled_set_is_named() {
    let machine = TestMachine::start(CANCELING).await;
    let first = machine.push("main", &[("a", "1")]).await;
    let done = machine.ends(machine.planned(first).await.set.id).await;
    machine.executor.hold("compile");
    let second = machine.push("main", &[("a", "2")]).await;
    let older = machine.planned(second).await.set.id;
    machine.reaches(older, "compile", StateName::InProcess).await;
    let third = machine.push("main", &[("a", "3")]).await;
    let newer = machine.planned(third).await.set.id;
    let record = machine.reaches(newer, "cancel", StateName::Success).await;
    let description = &record.set.goal_named("cancel").unwrap().description;
    assert_eq!(*description, format!("Canceled goals {}", older.short()));
    let again = machine
        .engine
        .store()
        .goal_set(done.set.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.set, done.set);
    machine.reaches(newer, "compile", StateName::InProcess).await;
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    machine.ends(newer).await;
    machine.stop().await;
}

#[tokio::test]
async fn cn_03_what_is_uncancelable_goes_on() {
    let goals = CANCELING.replace(
        "execute: {run: [make]}",
        "execute: {run: [make]}, uncancelable: true",
    );
    let machine = TestMachine::start(&goals).await;
    machine.executor.hold("compile");
    let first = machine.push("main", &[("a", "1")]).await;
    let older = machine.planned(first).await.set.id;
    machine.reaches(older, "compile", StateName::InProcess).await;
    let second = machine.push("main", &[("a", "2")]).await;
    let newer = machine.planned(second).await.set.id;
    machine.reaches(newer, "cancel", StateName::Success).await;
    let record = machine.engine.store().goal_set(older).await.unwrap().unwrap();
    assert_eq!(
        record.set.goal_named("compile").unwrap().state.name(),
        StateName::InProcess
    );
    for set in [older, newer] {
        machine.reaches(set, "compile", StateName::InProcess).await;
    }
    machine
        .wait_for("both run", async || {
            (machine.executor.started().len() == 2).then_some(())
        })
        .await;
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    for set in [older, newer] {
        assert_eq!(machine.ends(set).await.set.state(), StateName::Success);
    }
    machine.stop().await;
}

/// A set planned by a version of the program that knew a kind this one does not.
#[tokio::test]
async fn hazard_26_canceling_everything_ends_and_twice_is_once() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine.reaches(id, "compile", StateName::InProcess).await;
    let cancel = Action::Cancel {
        scope: CancelScope::All,
        actor: Actor::Planner,
        reason: String::new(),
    };
    machine.engine.act(id, &cancel).await.unwrap();
    assert!(
        machine.engine.act(id, &cancel).await.is_err(),
        "nothing is left to cancel"
    );
    assert_eq!(machine.ends(id).await.set.state(), StateName::Canceled);
    machine.stop().await;
}

#[tokio::test]
async fn goals_that_are_set_again_take_the_place_of_those_that_run_except_what_must_not_be_canceled() {
    let goals = "
rules:
  - name: build
    goals: [[{name: compile, execute: {run: [make]}}, {name: migrate, uncancelable: true, execute: {run: [migrate]}}]]
";
    let machine = TestMachine::start(goals).await;
    machine.executor.hold("compile");
    machine.executor.hold("migrate");
    let first = machine.planned_push("main", &[("a", "1")]).await;
    machine
        .reaches(first.set.id, "compile", StateName::InProcess)
        .await;
    machine
        .reaches(first.set.id, "migrate", StateName::InProcess)
        .await;
    let again = machine.engine.set_goals_again(&first.push).await.unwrap();
    let old = machine
        .reaches(first.set.id, "compile", StateName::Canceled)
        .await;
    let compile = old.set.goal_named("compile").unwrap();
    assert!(
        compile.description.ends_with("goals were set again"),
        "{}",
        compile.description
    );
    assert!(!old.set.goal_named("migrate").unwrap().state.is_terminal());
    machine.reaches(again, "compile", StateName::InProcess).await;
    machine.stop().await;
}

#[tokio::test]
async fn goals_that_many_set_again_at_once_are_set_for_each_and_the_last_stay() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let first = machine.planned_push("main", &[("a", "1")]).await;
    let asked = (0..6).map(|_| machine.engine.set_goals_again(&first.push));
    let sets = futures_util::future::join_all(asked).await;
    let mut sets: Vec<_> = sets.into_iter().map(Result::unwrap).collect();
    sets.sort();
    sets.dedup();
    assert_eq!(sets.len(), 6);
    let all = machine.goal_sets("main").await;
    let active = all.iter().filter(|record| record.set.is_active()).count();
    assert_eq!((all.len(), active), (7, 1));
    machine.stop().await;
}
