//! `sdm explain --replay N --with DIR`: the last pushes by changed rules, on the running daemon's records.

use serde_json::{Value, json};

use crate::support::local::LocalMachine;

const NOW: &str = "rules:
  - name: check
    goals: [{name: check, execute: {run: ['true']}}, {name: lint, execute: {run: ['true']}}]
";

const THEN: &str = "rules:
  - name: check
    goals: [{name: check, execute: {run: ['true']}, retry: true}]
  - name: lint
    test: {has_file: lint.toml}
    goals: [{name: lint, execute: {run: ['true']}}]
  - name: ship
    test: {changed: 'src/**'}
    goals: [{name: ship, execute: {run: ['true']}}]
";

#[test]
fn changed_rules_are_compared_over_recorded_pushes() {
    let mut machine = LocalMachine::new(NOW);
    machine.start();
    for (message, path) in [
        ("Begin", "notes.txt"),
        ("Add code", "src/a.c"),
        ("Lint", "lint.toml"),
    ] {
        let sha = machine.commit(message, &[(path, message)]);
        machine.ended_set_of(&sha);
    }
    let with = machine.path("changed");
    std::fs::create_dir(&with).unwrap();
    std::fs::write(with.join("goals.yaml"), THEN).unwrap();
    let with = with.to_str().unwrap();
    let view = machine.json(&["explain", "--replay", "10", "--with", with]);
    let names = |goals: &Value| -> Vec<String> {
        let goals = goals.as_array().unwrap().iter();
        goals
            .map(|goal| goal["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let pushes = view["pushes"].as_array().unwrap();
    let titles: Vec<&str> = pushes
        .iter()
        .map(|push| push["push"]["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Lint", "Add code", "Begin"]);
    assert_eq!(names(&pushes[1]["added"]), ["ship"]);
    assert_eq!(names(&pushes[1]["removed"]), ["lint"]);
    assert_eq!(
        pushes[1]["removed"][0]["because"],
        "rule lint: there is no file lint.toml"
    );
    assert!(pushes[1]["removed"][0]["milliseconds"].is_u64(), "it ran before");
    assert_eq!(names(&pushes[0]["removed"]), [""; 0]);
    assert!(
        pushes
            .iter()
            .all(|push| names(&push["changed"]).contains(&"check".to_owned()))
    );
    let summary = &view["summary"];
    assert_eq!((&summary["pushes"], &summary["changed"]), (&json!(3), &json!(3)));
    assert_eq!(summary["removed"], json!({"lint": 2}));
    assert_eq!(summary["without_duration"], json!(["ship"]));
    let text = machine.ok(&["explain", "--replay", "10", "--with", with]);
    assert!(text.contains("3 pushes: 0 unchanged, 3 changed"), "{text}");
    assert!(text.contains("rule lint: there is no file lint.toml"), "{text}");
    assert_eq!(machine.goal_sets().len(), 3, "nothing is set by looking");

    let same = machine.path("goals");
    let text = machine.ok(&["explain", "--replay", "2", "--with", same.to_str().unwrap()]);
    assert_eq!(text, "2 pushes: 2 unchanged, 0 changed\n");
}

#[test]
fn pushes_that_could_not_be_planned_are_found() {
    let mut machine = LocalMachine::new(NOW);
    machine.start();
    let sha = machine.commit("Begin", &[("a", "a")]);
    machine.ended_set_of(&sha);
    let with = machine.path("broken.yaml");
    std::fs::write(
        &with,
        "rules: [{name: a, test: {when: 'push.commits[9].title == \"\"'}, goals: []}]",
    )
    .unwrap();
    let output = machine.sdm(&["explain", "--replay", "1", "--with", with.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("would not be planned: rule a: when") && text.contains("1 would not be planned"),
        "{text}"
    );
    std::fs::write(&with, "rules: [{nam: a}]").unwrap();
    let output = machine.sdm(&["explain", "--replay", "1", "--with", with.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("did you mean `name`?")
    );
}

#[test]
fn without_a_daemon_there_is_nothing_to_compare() {
    let machine = LocalMachine::new(NOW);
    let goals = machine.path("goals");
    let output = machine.sdm(&["explain", "--replay", "1", "--with", goals.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let output = machine.sdm(&["explain", "--replay", "1"]);
    assert_eq!(output.status.code(), Some(2));
}
