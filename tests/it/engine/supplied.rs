//! Goals that the pushed repository brings along (7.9).

use sdm::model::StateName;
use sdm::ports::store::GoalSetRecord;

use crate::support::machine::TestMachine;

const GOALS: &str = "
rules:
  - name: build
    goals:
      - {name: compile, execute: {run: [make]}}
      - use: repository_goals
      - {name: publish, execute: {run: [publish]}}
";

const THEIRS: &str = "
checks:
  test: {has_file: package.json}
  goals:
    - - {name: lint, containers: [{name: lint, image: 'node:20', args: [npm, run, lint]}]}
      - script: {name: unit test, command: [sh, -c, 'npm test']}
    - {name: publish, containers: [{name: publish, image: 'node:20'}]}
never:
  test: {has_file: nowhere}
  goals: {name: never, containers: [{name: never, image: x}]}
";

/// Every goal with what it comes after.
fn words(record: &GoalSetRecord) -> Vec<String> {
    let goals = record.set.goals().iter().map(|goal| {
        let before = goal.planned.preconditions.iter();
        let before: Vec<&str> = before.map(|key| key.unique_name.as_str()).collect();
        let unique = goal.planned.definition.unique_name.as_str();
        format!("{} = {unique} <- {}", goal.definition().name, before.join(", "))
    });
    goals.collect()
}

async fn planned(files: &[(&str, &str)]) -> (TestMachine, GoalSetRecord) {
    let machine = TestMachine::start(GOALS).await;
    let planned = machine.planned_push("main", files).await;
    (machine, planned)
}

#[tokio::test]
async fn goals_of_the_repository_take_the_place_of_the_goal_that_stands_for_them() {
    let (machine, record) = planned(&[("package.json", "{}"), (".atomist/ci-goals.yml", THEIRS)]).await;
    assert_eq!(
        words(&record),
        [
            "compile = compile <- ",
            "lint (repository) = repository-goals#sdm:0 <- compile",
            "unit test (repository) = repository-goals#sdm:1 <- compile",
            "publish (repository) = repository-goals#sdm:2 <- repository-goals#sdm:0, repository-goals#sdm:1",
            "publish = publish <- repository-goals#sdm:0, repository-goals#sdm:1, repository-goals#sdm:2",
        ]
    );
    let script = &record.set.goals()[2].definition().work;
    assert_eq!(script.arguments["containers"][0]["image"], "ubuntu:latest");
    let attempts = machine
        .engine
        .store()
        .planning_attempts(record.push.id)
        .await
        .unwrap();
    let trace = attempts[0].trace.clone().unwrap();
    assert_eq!(trace.rules[0].instances[0].instances.len(), 3);
    machine.ends(record.set.id).await;
    machine.stop().await;
}

#[tokio::test]
async fn what_a_repository_may_not_bring_fails_that_goal_and_nothing_else() {
    let theirs = "checks: {goals: {name: evil, execute: {run: [rm, -rf, /]}}}\n";
    let (machine, record) = planned(&[(".atomist/goals.yaml", theirs)]).await;
    let record = machine.ends(record.set.id).await;
    let stands = record.set.goal_named("repository goals").unwrap();
    assert_eq!(stands.state.name(), StateName::Failure);
    assert_eq!(
        stands.error.as_deref(),
        Some(".atomist/goals.yaml:1:30: `execute` is not for goals that a repository brings along")
    );
    assert_eq!(machine.executor.started(), ["compile"]);
    let many: String = (0..51)
        .map(|index| {
            format!("r{index}: {{goals: {{name: g{index}, containers: [{{name: a, image: b}}]}}}}\n")
        })
        .collect();
    let pushed = machine
        .planned_push("main", &[(".atomist/goals.yaml", &many)])
        .await;
    let record = machine.ends(pushed.set.id).await;
    let stands = record.set.goal_named("repository goals").unwrap();
    assert_eq!(
        stands.error.as_deref(),
        Some("the repository brings 51 goals along, and 50 are allowed")
    );
    machine.stop().await;
}

#[tokio::test]
async fn b9_rules_of_a_fork_are_shown_as_a_difference_and_never_followed() {
    let (machine, record) = planned(&[("package.json", "{}"), (".atomist/goals.yaml", THEIRS)]).await;
    machine.ends(record.set.id).await;
    let started = machine.executor.started().len();
    let theirs = THEIRS
        .replace(
            "- - {name: lint, containers: [{name: lint, image: 'node:20', args: [npm, run, lint]}]}",
            "- - {name: print secrets, containers: [{name: x, image: evil}]}",
        )
        .replace("command: [sh, -c, 'npm test']", "command: [sh, -c, 'env']");
    let files = [("package.json", "{}"), (".atomist/goals.yaml", theirs.as_str())];
    let record = machine.planned_push_of_fork(&files).await;
    assert_eq!(
        words(&record),
        [
            "compile = compile <- ",
            "repository goals = repository-goals <- compile",
            "publish = publish <- repository-goals"
        ]
    );
    let attempts = machine
        .engine
        .store()
        .planning_attempts(record.push.id)
        .await
        .unwrap();
    let because = &attempts[0].trace.as_ref().unwrap().rules[0].because;
    let preview = "goals would change: + print secrets, - lint, ~ unit test, ~ publish";
    assert!(
        because.ends_with(&format!("; the push is not trusted, else {preview}")),
        "{because}"
    );
    let record = machine.ends(record.set.id).await;
    let stands = record.set.goal_named("repository goals").unwrap();
    assert_eq!(stands.state.name(), StateName::Skipped);
    assert_eq!(
        stands.description,
        format!("Goals of the repository are not for pushes that are not trusted; trusted, {preview}")
    );
    let fresh = machine.executor.started().split_off(started);
    let operators = ["compile", "publish"];
    assert!(
        fresh.iter().all(|goal| operators.contains(&goal.as_str())),
        "{fresh:?}"
    );

    let broken = "checks: {goals: {name: evil, execute: {run: [env]}}}\n";
    let record = machine
        .planned_push_of_fork(&[(".atomist/goals.yaml", broken)])
        .await;
    let record = machine.ends(record.set.id).await;
    let stands = record.set.goal_named("repository goals").unwrap();
    assert!(
        stands
            .description
            .contains("what it brings cannot be used: .atomist/goals.yaml:1:"),
        "{}",
        stands.description
    );
    machine.stop().await;
}

#[tokio::test]
async fn a_repository_without_goals_is_no_problem() {
    let files = [
        ("a", "1"),
        (".atomist/deep/x-goals.yaml", "broken: ["),
        ("goals.yaml", "broken: ["),
    ];
    let (machine, record) = planned(&files).await;
    let record = machine.ends(record.set.id).await;
    assert_eq!(record.set.state(), StateName::Success);
    let stands = record.set.goal_named("repository goals").unwrap();
    assert_eq!(stands.description, "The repository brings no goals for this push");
    machine.stop().await;
}
