//! Secrets and what trusted goals left, asked for by a push that is not trusted (threat E6).

use std::collections::BTreeMap;

use sdm::config::{Hidden, SecretEntry, SecretSource};
use sdm::model::StateName;
use sdm::ports::store::GoalSetRecord;
use secrecy::ExposeSecret;

use crate::support::machine::TestMachine;

const GOALS: &str = "
rules:
  - name: build
    goals:
      - - {name: by name, execute: {run: [publish]}, secrets: [token]}
        - {name: by another name, execute: {run: [publish]}, secrets: [absent]}
        - {name: unchanged, execute: {run: [test]}, skip_unchanged: {inputs: [src]}, secrets: [token]}
  - name: inherited
    test: {not: {has_file: nowhere}}
    goals:
      - {name: inherited, execute: {run: [deploy]}, secrets: [{name: token, file: config/token}]}
";

fn secrets() -> BTreeMap<String, SecretEntry> {
    let source = SecretSource::Variable {
        name: "TOKEN".to_owned(),
        value: Some(Hidden("canary-of-e6".into())),
    };
    let entry = SecretEntry {
        source,
        ..SecretEntry::default()
    };
    BTreeMap::from([("token".to_owned(), entry)])
}

fn error_of(record: &GoalSetRecord, goal: &str) -> String {
    let goal = record.set.goal_named(goal).unwrap();
    goal.error.clone().unwrap_or_default()
}

#[tokio::test]
async fn e6_a_push_that_is_not_trusted_gets_no_secret_whatever_it_asks_and_learns_nothing() {
    let machine = TestMachine::start_with_secrets(GOALS, secrets()).await;
    let trusted = machine.planned_push("main", &[("src", "1")]).await;
    let trusted = machine.ends(trusted.set.id).await;
    let state = |record: &GoalSetRecord, goal: &str| record.set.goal_named(goal).unwrap().state.name();
    for goal in ["by name", "unchanged", "inherited"] {
        assert_eq!(
            state(&trusted, goal),
            StateName::Success,
            "{goal}: {}",
            error_of(&trusted, goal)
        );
    }
    assert!(error_of(&trusted, "by another name").contains("there is no secret `absent`"));
    // What was a success for those who are trusted is taken over by them, and by nobody else.
    let again = machine.planned_push("main", &[("other", "1")]).await;
    let again = machine.ends(again.set.id).await;
    let unchanged = again.set.goal_named("unchanged").unwrap();
    assert_eq!(unchanged.phase.as_deref(), Some("unchanged"));

    let started = machine.executor.started().len();
    let fork = machine.planned_push_of_fork(&[("src", "1")]).await;
    let fork = machine.ends(fork.set.id).await;
    for (goal, secret) in [
        ("by name", "token"),
        ("by another name", "absent"),
        ("unchanged", "token"),
        ("inherited", "token"),
    ] {
        assert_eq!(state(&fork, goal), StateName::Failure, "{goal}");
        let same = format!("the secret `{secret}` is not available to this push");
        assert!(
            error_of(&fork, goal).contains(&same),
            "{goal}: {}",
            error_of(&fork, goal)
        );
    }
    assert_eq!(
        machine.executor.started().len(),
        started,
        "nothing of it was begun"
    );
    let told = format!("{fork:?}");
    assert!(!told.contains("canary-of-e6"), "{told}");
    machine.stop().await;
}

const IN_CONTAINERS: &str = "
rules:
  - name: build
    goals:
      - name: shared
        secrets: [{name: token, env: OF_ALL}]
        containers:
          - {name: main, image: x, secrets: [{name: token, env: TOKEN}]}
          - {name: service, image: y, secrets: [{name: token, env: TOKEN}, {name: token, file_env: FILE}]}
          - {name: other, image: z}
      - {name: wrong, containers: [{name: main, image: x, secrets: [absent]}]}
";

#[tokio::test]
async fn semantics_3_20_a_container_is_given_secrets_of_its_own() {
    let machine = TestMachine::start_with_secrets(IN_CONTAINERS, secrets()).await;
    let planned = machine.planned_push("main", &[("src", "1")]).await;
    let record = machine.ends(planned.set.id).await;
    assert!(error_of(&record, "wrong").contains("there is no secret `absent`"));
    let unique = record
        .set
        .goal_named("shared")
        .unwrap()
        .definition()
        .unique_name
        .to_string();
    let spec = machine.executor.specs(&unique).pop().unwrap();
    let step = &spec.steps[0];
    let names: Vec<&str> = step
        .secrets
        .environment
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "OF_ALL",
            "OF_ONE_CONTAINER_0",
            "OF_ONE_CONTAINER_1",
            "OF_ONE_CONTAINER_2"
        ]
    );
    let of_all = step.environment.iter().find(|(name, _)| name == "SDM_PASSED_ON");
    assert_eq!(of_all.unwrap().1, "OF_ALL", "what is for all and nothing else");
    assert_eq!(step.secrets.files.len(), 1);
    assert!(
        spec.redact
            .iter()
            .any(|secret| secret.expose_secret() == "canary-of-e6")
    );
    machine.stop().await;
}

const SUPPLIED: &str = "
rules:
  - name: build
    goals:
      - use: repository_goals
";

const THEIRS: &str = "
checks:
  goals:
    - - {name: kept, containers: [{name: a, image: x, args: [b]}], secrets: [token]}
      - {name: granted, containers: [{name: a, image: x, args: [b]}], secrets: [{name: scan-token, env: SCAN}]}
      - {name: sealed, containers: [{name: a, image: x}], secrets: {env: [{name: A, value: {encrypted: c2RtMfz}}]}}
";

#[tokio::test]
async fn b9_goals_of_a_repository_are_given_what_the_machine_grants_them_by_name() {
    let mut secrets = secrets();
    let granted = SecretEntry {
        repository_goals: true,
        ..secrets["token"].clone()
    };
    secrets.insert("scan-token".to_owned(), granted);
    let machine = TestMachine::start_with_secrets(SUPPLIED, secrets).await;
    let planned = machine
        .planned_push("main", &[(".atomist/goals.yaml", THEIRS)])
        .await;
    let record = machine.ends(planned.set.id).await;
    let granted = record.set.goal_named("granted (repository)").unwrap();
    assert_eq!(granted.state.name(), StateName::Success, "{:?}", granted.error);
    let unique = granted.definition().unique_name.to_string();
    let spec = machine.executor.specs(&unique).pop().unwrap();
    assert_eq!(spec.steps[0].secrets.environment[0].0, "SCAN");
    assert_eq!(
        error_of(&record, "kept (repository)"),
        "the secret `token` is not for goals that a repository brings along"
    );
    let sealed = error_of(&record, "sealed (repository)");
    assert!(sealed.contains("are given secrets by name alone"), "{sealed}");
    machine.stop().await;
}
