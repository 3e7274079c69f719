//! Tags of goal sets (semantics 3.2).

use serde_json::json;

use crate::support::local::LocalMachine;

const GOALS: &str = r#"
rules:
  - name: build
    tags: [nightly, "team:payments"]
    goals: {name: compile, execute: {run: ["true"]}}
  - name: docs
    test: {has_file: docs}
    tags: [docs]
    goals: {name: site, execute: {run: ["true"]}}
  - name: more
    tags: ["team:payments", "stage:one"]
    facts: {x: "1"}
on:
  - {name: told, event: GoalsSet, for_each: goal_set.tags, run: [echo, "tag ${item.name}"]}
tests:
  - name: docs are tagged
    push: {files: {docs: ""}}
    expect: {tags: [nightly, "team:payments", docs, "stage:one"]}
  - name: nothing else is
    push: {files: {a: ""}}
    expect: {tags: [nightly, docs]}
"#;

#[test]
fn semantics_3_2_a_goal_set_has_the_tags_of_the_rules_that_apply_and_is_found_by_them() {
    let mut machine = LocalMachine::new(GOALS);
    machine.start();
    let sha = machine.commit("one", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        set["tags"],
        json!([
            {"name": "nightly", "value": null},
            {"name": "team", "value": "payments"},
            {"name": "stage", "value": "one"},
        ])
    );
    let found = |tag: &str| {
        machine.json(&["goals", "--tag", tag])["goal_sets"]
            .as_array()
            .unwrap()
            .len()
    };
    for (tag, count) in [
        ("nightly", 1),
        ("team", 1),
        ("team:payments", 1),
        ("team:x", 0),
        ("docs", 0),
    ] {
        assert_eq!(found(tag), count, "{tag}");
    }
    for words in [&["goals"][..], &["explain"]] {
        let shown = machine.ok(words);
        assert!(shown.contains("  nightly, team:payments, stage:one\n"), "{shown}");
    }
    assert_eq!(
        machine.ok(&["goals", "--tag", "docs"]),
        "No goal set has the tag `docs`.\n"
    );
    assert_eq!(
        machine.ok(&["goals", "--branch", "main", "--tag", "team:x", "--active"]),
        "No goal set of the branch `main` has the tag `team:x` and has goals that have not ended.\n"
    );
    let refused = machine.sdm(&["goals", "--tag", "a b"]);
    assert_eq!(refused.status.code(), Some(2));
    machine.wait_until("listeners hear of each tag", |machine| {
        let shown = machine.json(&["show", "errands", "--of", "told"]);
        (shown["errands"].as_array().unwrap().len() == 3).then_some(())
    });
    machine.stop();
    let tested = machine.sdm(&["test", "--json"]);
    let tested: serde_json::Value = serde_json::from_slice(&tested.stdout).unwrap();
    assert_eq!(
        (&tested["passed"], &tested["failed"]),
        (&json!(1), &json!(1)),
        "{tested:#}"
    );
    let because = tested["tests"][1].to_string();
    assert!(because.contains("the goal set has no tag `docs`"), "{because}");
}
