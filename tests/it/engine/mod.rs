//! The engine as a whole, over the real rules and the real store, with a fake world around it.

mod cancel;
mod confirmations;
mod orders;
mod secrets;
mod signing;
mod supplied;
mod triggers;

use std::time::Duration;

use sdm::kinds::Acts;
use sdm::model::{Action, Authors, CommitSha, Cursor, ExecutionResult, News, Person, StateName};
use sdm::ports::executor::ExecutionNews;
use sdm::ports::store::Cause;

use crate::support::machine::TestMachine;

const CHAIN: &str = "
rules:
  - name: build
    goals:
      - {name: compile, execute: {run: [make]}}
      - {name: test, execute: {run: [make, test]}, retry: true}
      - {name: publish, execute: {run: [make, publish]}}
";

fn ada() -> Person {
    Person {
        login: "ada".to_owned(),
        ..Person::default()
    }
}

fn ended(result: ExecutionResult) -> ExecutionNews {
    ExecutionNews::Ended(result)
}

#[tokio::test]
async fn a_push_is_planned_and_carried_out_in_order() {
    let machine = TestMachine::start(CHAIN).await;
    let planned = machine.planned_push("main", &[("Makefile", "all:")]).await;
    let record = machine.ends(planned.set.id).await;
    assert_eq!(record.set.state(), StateName::Success);
    assert_eq!(machine.executor.started(), ["compile", "test", "publish"]);
    machine
        .wait_for("working copies are given back", async || {
            (machine.scm.lent() == 0).then_some(())
        })
        .await;
    assert_eq!(machine.engine.store().leases().await.unwrap(), Vec::new());
    machine.stop().await;
}

#[tokio::test]
async fn lo_15_history_is_not_delivered_at_first_sight_and_nothing_is_delivered_twice() {
    let machine = TestMachine::start(CHAIN).await;
    let planned = machine.planned_push("main", &[("a", "1")]).await;
    machine.ends(planned.set.id).await;
    assert_eq!(machine.engine.observe(&machine.repo).await.unwrap(), Vec::new());
    assert_eq!(machine.goal_sets("main").await.len(), 1);
    machine.stop().await;
}

#[tokio::test]
async fn hazard_22_commits_made_while_the_machine_was_down_are_one_push() {
    let machine = TestMachine::start(CHAIN).await;
    machine.push("main", &[("a", "1")]).await;
    let machine = machine.restart().await;
    machine.scm.commit("main", &[("a", "2")]);
    machine.scm.commit("main", &[("a", "3")]);
    let accepted = machine.engine.observe(&machine.repo).await.unwrap();
    let push = machine.engine.store().push(accepted[0]).await.unwrap().unwrap();
    assert_eq!((accepted.len(), push.commit_count), (1, 2));
    machine.stop().await;
}

#[tokio::test]
async fn a_branch_that_only_names_a_known_commit_or_moves_back_sets_no_goals() {
    let machine = TestMachine::start(CHAIN).await;
    let first = machine.scm.commit("main", &[("a", "1")]);
    machine.engine.observe(&machine.repo).await.unwrap();
    machine.push("main", &[("a", "2")]).await;
    machine.scm.point("copy", Some(&first));
    machine.scm.point("main", Some(&first));
    machine.engine.observe(&machine.repo).await.unwrap();
    machine.scm.point("main", None);
    assert_eq!(machine.engine.observe(&machine.repo).await.unwrap(), Vec::new());
    machine.stop().await;
}

#[tokio::test]
async fn what_is_left_out_is_said_once_and_holds_no_other_branch_up() {
    let machine = TestMachine::start(CHAIN).await;
    machine.push("main", &[("a", "1")]).await;
    let tree = CommitSha::parse(&"e".repeat(40)).unwrap();
    machine.scm.point("aaa", Some(&tree));
    machine.scm.refuse("`caf\\xe9`: the name is not UTF-8");
    for text in ["2", "3"] {
        machine.scm.commit("main", &[("a", text)]);
        assert_eq!(machine.engine.observe(&machine.repo).await.unwrap().len(), 1);
    }
    let feed = machine.engine.store().feed(Cursor(0), 1000).await.unwrap();
    let said = feed.into_iter().filter_map(|entry| match entry.news {
        News::Message { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "left out: branch `caf\\xe9`: the name is not UTF-8",
            "left out: branch `aaa`: it points at eeeeeee, which is no commit of the repository"
        ]
    );
    machine.stop().await;
}

#[tokio::test]
async fn st_09_a_failure_skips_what_comes_after_and_st_12_a_retry_brings_it_back() {
    let machine = TestMachine::start(CHAIN).await;
    machine
        .executor
        .will_end("test", &[ExecutionResult::failure("no")]);
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    let record = machine.ends(id).await;
    let publish = record.set.goal_named("publish").unwrap();
    assert_eq!(publish.description, "Skipped publish because test failed");
    let test = record.set.goal_named("test").unwrap().key();
    machine
        .engine
        .act(
            id,
            &Action::Retry {
                goal: test,
                person: ada(),
            },
        )
        .await
        .unwrap();
    let record = machine.ends(id).await;
    assert_eq!(record.set.state(), StateName::Success);
    assert_eq!(record.set.goal_named("test").unwrap().attempt, 2);
    machine.stop().await;
}

#[tokio::test]
async fn ex_07_automatic_retries_run_until_one_succeeds() {
    let goals = "
rules:
  - name: flaky
    goals: {name: flaky, execute: {run: [flaky]}, retry: {attempts: 3, pause: 10s}}
";
    let machine = TestMachine::start(goals).await;
    let failure = || ExecutionResult::failure("not yet");
    machine
        .executor
        .will_end("flaky", &[failure(), failure(), ExecutionResult::success()]);
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    for attempt in 1..=2 {
        let waiting = machine.wait_for("it waits for the next try", async || {
            let record = machine.engine.store().goal_set(id).await.unwrap().unwrap();
            let flaky = record.set.goal_named("flaky").unwrap();
            (flaky.attempt == attempt && flaky.state.name() == StateName::Requested).then_some(())
        });
        waiting.await;
        machine.clock.step(Duration::from_secs(20));
    }
    let record = machine.reaches(id, "flaky", StateName::Success).await;
    assert_eq!(record.set.goal_named("flaky").unwrap().attempt, 3);
    machine.stop().await;
}

#[tokio::test]
async fn lo_13_a_goal_that_waits_for_approval_still_does_after_a_restart() {
    let goals = "
rules:
  - name: ship
    goals:
      - {name: check, execute: {run: [check]}, approval: true}
      - {name: publish, execute: {run: [publish]}, pre_approval: {by: [ada]}}
";
    let machine = TestMachine::start(goals).await;
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    let record = machine.reaches(id, "check", StateName::WaitingForApproval).await;
    let machine = machine.restart().await;
    let confirm = |name: &str, record: &sdm::ports::store::GoalSetRecord| Action::Confirm {
        goal: record.set.goal_named(name).unwrap().key(),
        person: ada(),
        authors: Authors::default(),
        reason: None,
        version: None,
        subject: None,
    };
    machine.engine.act(id, &confirm("check", &record)).await.unwrap();
    let record = machine
        .reaches(id, "publish", StateName::WaitingForPreApproval)
        .await;
    machine
        .engine
        .act(id, &confirm("publish", &record))
        .await
        .unwrap();
    assert_eq!(machine.ends(id).await.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn st_30_a_restart_in_every_state_of_a_chain_ends_well_and_starts_nothing_twice() {
    let machine = TestMachine::start(CHAIN).await;
    for goal in ["compile", "test", "publish"] {
        machine.executor.hold(goal);
    }
    let push = machine.push("main", &[("a", "1")]).await;
    let mut machine = machine.restart().await;
    let id = machine.planned(push).await.set.id;
    for goal in ["compile", "test", "publish"] {
        machine
            .wait_for("the process runs", async || {
                machine
                    .executor
                    .started()
                    .contains(&goal.to_owned())
                    .then_some(())
            })
            .await;
        machine = machine.restart().await;
        machine.reaches(id, goal, StateName::InProcess).await;
        machine.executor.end(goal, &ended(ExecutionResult::success()));
        machine = machine.restart().await;
        machine.reaches(id, goal, StateName::Success).await;
    }
    assert_eq!(machine.ends(id).await.set.state(), StateName::Success);
    assert_eq!(machine.executor.started(), ["compile", "test", "publish"]);
    machine.stop().await;
}

#[tokio::test]
async fn hazard_2_a_lost_executor_ends_the_goal_or_restarts_it() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine.reaches(id, "compile", StateName::InProcess).await;
    machine
        .wait_for("it runs", async || {
            (!machine.executor.started().is_empty()).then_some(())
        })
        .await;
    machine.executor.end("compile", &ExecutionNews::Lost);
    let record = machine.reaches(id, "compile", StateName::Failure).await;
    let compile = record.set.goal_named("compile").unwrap();
    assert_eq!(compile.phase.as_deref(), Some("lost"));

    machine.executor.hold("test");
    let id = machine.planned_push("main", &[("a", "2")]).await.set.id;
    machine
        .wait_for("it runs", async || {
            machine
                .executor
                .started()
                .contains(&"test".to_owned())
                .then_some(())
        })
        .await;
    machine.executor.end("test", &ExecutionNews::Lost);
    let record = machine.reaches(id, "test", StateName::Success).await;
    assert_eq!(
        record.set.goal_named("test").unwrap().attempt,
        2,
        "`retry: true` lets the machine start it again"
    );
    machine.stop().await;
}

#[tokio::test]
async fn st_27_a_commit_that_is_gone_cancels_the_goal() {
    let machine = TestMachine::start(CHAIN).await;
    machine.scm.lose_commits();
    let push = machine.push("main", &[("a", "1")]).await;
    let record = machine.ends(machine.planned(push).await.set.id).await;
    let compile = record.set.goal_named("compile").unwrap();
    assert_eq!(compile.state.name(), StateName::Canceled);
    assert_eq!(compile.phase.as_deref(), Some("sha not found"));
    let test = record.set.goal_named("test").unwrap();
    assert_eq!(test.description, "Canceled test because compile was canceled");
    machine.stop().await;
}

#[tokio::test]
async fn hazard_1_a_goal_that_finds_no_room_in_time_ends_with_that_reason() {
    let goals = "
rules:
  - name: many
    goals:
      - - {name: a, execute: {run: [a]}}
        - {name: b, execute: {run: [b]}}
        - {name: c, execute: {run: [c]}}
        - {name: d, execute: {run: [d]}}
        - {name: late, execute: {run: [late]}, start_within: 1m}
";
    let machine = TestMachine::start(goals).await;
    for goal in ["a", "b", "c", "d", "late"] {
        machine.executor.hold(goal);
    }
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine
        .wait_for("four run", async || {
            (machine.executor.started().len() == 4).then_some(())
        })
        .await;
    machine.clock.step(Duration::from_secs(61));
    machine.engine.look_again();
    let waiting = machine.wait_for("one gave up", async || {
        let record = machine.engine.store().goal_set(id).await.unwrap().unwrap();
        (record.set.state() == StateName::Failure).then_some(record)
    });
    let record = waiting.await;
    assert_eq!(
        record.set.goal_named("late").unwrap().phase.as_deref(),
        Some("1m timeout")
    );
    for goal in ["a", "b", "c", "d"] {
        machine.executor.end(goal, &ended(ExecutionResult::success()));
    }
    machine.ends(id).await;
    machine.stop().await;
}

#[tokio::test]
async fn ru_18_an_immaterial_push_shows_one_green_goal() {
    let goals = "
rules:
  - name: docs
    test: {not: {is_material_change: {extensions: [rs]}}}
    goals: {use: immaterial}
  - name: build
    goals: {name: compile, execute: {run: [make]}}
";
    let machine = TestMachine::start(goals).await;
    let first = machine.push("main", &[("main.rs", "1")]).await;
    machine.ends(machine.planned(first).await.set.id).await;
    let push = machine.push("main", &[("README.md", "1")]).await;
    let record = machine.ends(machine.planned(push).await.set.id).await;
    let goals: Vec<&str> = record
        .set
        .goals()
        .iter()
        .map(|goal| goal.definition().name.as_str())
        .collect();
    assert_eq!(goals, ["immaterial"]);
    assert_eq!(record.set.goals()[0].description, "No material changes");
    assert_eq!(record.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn ru_21_a_push_without_goals_has_a_plan_and_no_goal_set() {
    let goals = "
rules:
  - name: releases
    test: {is_branch: ^release/}
    goals: {name: publish, execute: {run: [publish]}}
";
    let machine = TestMachine::start(goals).await;
    let push = machine.push("main", &[("a", "1")]).await;
    let attempt = machine
        .wait_for("planned", async || {
            machine
                .engine
                .store()
                .planning_attempts(push)
                .await
                .unwrap()
                .into_iter()
                .next()
        })
        .await;
    assert_eq!((attempt.goal_set, attempt.error), (None, None));
    assert_eq!(machine.goal_sets("main").await.len(), 0);
    machine.stop().await;
}

#[tokio::test]
async fn j2_nothing_of_an_untrusted_repository_runs_until_somebody_says_so() {
    let machine = TestMachine::start(CHAIN).await;
    machine
        .engine
        .store()
        .set_trusted(&machine.repo.key, false)
        .await
        .unwrap();
    let push = machine.push("main", &[("a", "1")]).await;
    let attempt = machine
        .wait_for("planning is refused", async || {
            machine
                .engine
                .store()
                .planning_attempts(push)
                .await
                .unwrap()
                .into_iter()
                .next()
        })
        .await;
    assert!(attempt.error.unwrap().contains("sdm trust acme/app"));
    assert_eq!(machine.executor.started(), Vec::<String>::new());
    machine
        .engine
        .store()
        .set_trusted(&machine.repo.key, true)
        .await
        .unwrap();
    machine.engine.plan_again_now();
    let record = machine.ends(machine.planned(push).await.set.id).await;
    assert_eq!(record.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn goals_can_be_set_again_for_a_push_and_each_time_counts_once() {
    let machine = TestMachine::start(CHAIN).await;
    let id = machine.push("main", &[("a", "1")]).await;
    machine.ends(machine.planned(id).await.set.id).await;
    let push = machine.engine.store().push(id).await.unwrap().unwrap();
    let again = machine.engine.set_goals_again(&push).await.unwrap();
    let record = machine.ends(again).await;
    assert_eq!(record.cause, Cause::Again { number: 1 });
    assert_eq!(machine.goal_sets("main").await.len(), 2);
    machine.stop().await;
}

#[tokio::test]
async fn st_29_a_clock_that_goes_back_changes_nothing() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine.reaches(id, "compile", StateName::InProcess).await;
    machine.clock.set(sdm::model::Timestamp::from_micros(1_000_000));
    machine
        .executor
        .end("compile", &ended(ExecutionResult::success()));
    let record = machine.ends(id).await;
    assert_eq!(record.set.state(), StateName::Success);
    machine.stop().await;
}

#[tokio::test]
async fn the_environment_contract_reaches_the_process_and_nothing_else_does() {
    let machine = TestMachine::start(CHAIN).await;
    let push = machine.push("main", &[("a", "1")]).await;
    machine.ends(machine.planned(push).await.set.id).await;
    let spec = machine.executor.specs("compile").remove(0);
    let names: Vec<&str> = spec.environment.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(names.join(" "), @"ATOMIST_WORKSPACE_ID ATOMIST_SLUG ATOMIST_OWNER ATOMIST_REPO ATOMIST_SHA ATOMIST_BRANCH ATOMIST_GOAL ATOMIST_RESULT ATOMIST_INPUT_DIR ATOMIST_OUTPUT_DIR ATOMIST_PROJECT_DIR SDM_GOAL_SET SDM_GOAL SDM_ATTEMPT CI");
    machine.stop().await;
}

#[tokio::test]
async fn ru_34_hazard_1_a_goal_that_nothing_can_carry_out_fails_at_once() {
    let machine = TestMachine::start(CHAIN).await;
    let push = machine.push("main", &[("a", "1")]).await;
    let planned = machine.ends(machine.planned(push).await.set.id).await;
    let mut goals: Vec<_> = planned
        .set
        .goals()
        .iter()
        .map(|goal| goal.planned.clone())
        .collect();
    goals[0].definition.work.kind = "gone".to_owned();
    let trace = sdm::model::Trace::default();
    let plan = sdm::model::Plan {
        name: Some("build".to_owned()),
        goals: goals.clone(),
        tags: Vec::new(),
        trace,
    };
    let id = sdm::model::GoalSetId(uuid::Uuid::from_u64_pair(77, 77));
    let (set, _events) = sdm::model::GoalSet::plan(id, "build", goals, machine.engine.now());
    let cause = Cause::Again { number: 9 };
    machine
        .engine
        .store()
        .store_plan(&planned.push, &cause, &plan, Some(&set), machine.engine.now())
        .await
        .unwrap();
    let record = machine.ends(id).await;
    let compile = record.set.goal_named("compile").unwrap();
    assert_eq!(compile.error.as_deref(), Some("No fulfillment for compile"));
    assert_eq!(
        record.set.goal_named("publish").unwrap().state.name(),
        StateName::Skipped
    );
    assert_eq!(record.set.state(), StateName::Failure);
    machine.stop().await;
}

/// The daemon was killed after the attempt was made and before its supervisor knew what to run.
#[tokio::test]
async fn st_30_an_attempt_that_never_began_is_started_again_as_the_same_attempt() {
    let machine = TestMachine::start(CHAIN).await;
    machine.executor.hold("compile");
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    machine
        .wait_for("it is started", async || {
            (!machine.executor.started().is_empty()).then_some(())
        })
        .await;
    machine.executor.end("compile", &ExecutionNews::NeverBegan);
    let record = machine.ends(id).await;
    assert_eq!(record.set.state(), StateName::Success);
    assert_eq!(record.set.goal_named("compile").unwrap().attempt, 1);
    machine.stop().await;
}

/// Paths of a JSON value, those of its maps included.
fn paths(value: &serde_json::Value, of: &str) -> Vec<String> {
    let below = value.as_object().into_iter().flatten();
    let below = below.flat_map(|(name, value)| paths(value, &format!("{of}.{name}")));
    std::iter::once(of.to_owned()).chain(below).collect()
}

#[tokio::test]
async fn ym_13_every_fact_of_a_goal_may_be_asked_for_in_goal_files() {
    let machine = TestMachine::start(CHAIN).await;
    let record = machine.planned_push("main", &[("a", "1")]).await;
    let goal = record.set.goal_named("compile").unwrap();
    let facts = sdm::kinds::lookup::facts(&record, goal, Some("1.2.3"));
    for (root, value) in facts.as_object().unwrap() {
        for path in paths(value, root) {
            let template = sdm::spec::placeholder::Template::parse(&format!("${{{path}}}"));
            assert_eq!(template.unwrap().objection(), None, "{path}");
        }
    }
    machine.stop().await;
}

#[tokio::test]
async fn ym_21_a_push_that_comes_while_goal_files_change_is_planned_by_the_new_ones() {
    let machine = TestMachine::start(CHAIN).await;
    machine.engine.hold_plans(true);
    let push = machine.push("main", &[("a", "1")]).await;
    let planned = || machine.engine.store().planning_attempts(push);
    machine.engine.look_again();
    assert_eq!(planned().await.unwrap(), Vec::new());
    let newer = CHAIN.replace("name: build", "name: newer");
    let file = sdm::spec::SourceFile::new("goals.yaml", newer);
    machine
        .engine
        .swap_machine(sdm::engine::Machine::load(&[file]).unwrap());
    machine.engine.hold_plans(false);
    assert_eq!(machine.planned(push).await.set.name, "newer");
    machine.stop().await;
}
