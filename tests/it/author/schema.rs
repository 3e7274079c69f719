//! `sdm schema`: what it says of every goal file there is, and of the configuration.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::local::LocalMachine;

fn validator(what: &[&str]) -> jsonschema::Validator {
    let machine = LocalMachine::new("rules: []\n");
    let printed = machine.ok(&[&["schema"], what].concat());
    let schema: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The documents of YAML, merge keys resolved, as an editor sees them.
fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    let read = |document| {
        let mut value = serde_yaml::Value::deserialize(document).unwrap();
        value.apply_merge().unwrap();
        serde_json::to_value(value).unwrap()
    };
    serde_yaml::Deserializer::from_str(text).map(read).collect()
}

fn goal_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = |directory: &str| {
        let entries = std::fs::read_dir(root.join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let examples = entries("examples").map(|example| example.join("goals.yaml"));
    entries("goals").chain(examples).collect()
}

/// Editors load it for every file.
#[test]
fn the_schema_says_once_what_stands_at_several_places() {
    let machine = LocalMachine::new("rules: []\n");
    let printed = machine.ok(&["schema"]);
    assert!(printed.len() < 500_000, "it has {} bytes", printed.len());
}

#[test]
fn every_pack_and_example_fits() {
    let schema = validator(&[]);
    for path in goal_files() {
        for document in documents(&std::fs::read_to_string(&path).unwrap()) {
            let wrong = schema
                .validate(&document)
                .err()
                .map(|error| format!("{error} at {}", error.instance_path()));
            assert_eq!(wrong, None, "{}", path.display());
        }
    }
}

#[test]
fn every_spelling_and_shape_fits_and_slips_do_not() {
    let schema = validator(&["goals"]);
    let fits = |text: &str| documents(text).iter().all(|document| schema.is_valid(document));
    for right in [
        "",
        "x-anchors: 1\nrules: []",
        "build:\n  test: isDefaultBranch\n  goals: immaterial",
        "rules: [{name: a, goals: [{name: b, preApproval: true, execute: {run: [x]}}, lock]}]",
        "rules: [{name: a, dependsOn: b, tests: {all: [has-file: x, {not: is_default_branch}]}, goals: [[cancel, {use: queue}]]}]",
        "rules: [{name: a, first_of: [{name: b, goals: []}, {name: c, goals: []}]}]",
        "commands: [{name: a, intent: [b c, {pattern: ^x$}], run: [x], timeout: 1m, targets: {tests: is_default_branch}}]",
        "commands: [{name: a, dryRun: true, parameters: {x: null, y: {validInput: z}}, transform: {steps: [{name: b, run: [x]}]}}]",
        "on: [{name: a, event: Push, run: [x], env: {A: b}}, {name: b, cron: '0 6 * * *', timezone: UTC, run: [x]}]",
        "on: [{name: a, event: acme.own, where: {x: y}, run: [x]}]",
        "on: [{name: a, event: GoalState, forEach: push.authors, run: [x, '${item.email}']}]",
        "push_tests: {a: is_default_branch, b: [{has_file: x}, {use: a}]}\nrules: [{name: a, test: {use: b, parameters: {x: 1}}, goals: []}]",
    ] {
        assert!(fits(right), "{right}");
    }
    for wrong in [
        "- a",
        "rules: {}",
        "rules: [{name: a}]",
        "rules: [{goals: []}]",
        "rules: [{name: a, goals: [], gaols: []}]",
        "rules: [{name: a, test: {has_file: x, is_branch: y}, goals: []}]",
        "rules: [{name: a, test: is_default_brunch, goals: []}]",
        "rules: [{name: a, test: [], goals: []}]",
        "rules: [{name: a, test: {use: b, has_file: x}, goals: []}]",
        "push_tests: [is_default_branch]\nrules: []",
        "rules: [{name: a, goals: [{name: b, execute: {run: []}}]}]",
        "rules: [{name: a, goals: [{name: b, execute: {run: [x], timeout: soon}}]}]",
        "rules: [{name: a, goals: [{name: b, approvl: true, execute: {run: [x]}}]}]",
        "rules: [{name: a, goals: [{execute: {run: [x]}}]}]",
        "rules: [{name: a, goals: [{use: queue, concurrent: 0}]}]",
        "tests: [{name: a, expect: {gaols: []}}]\nrules: []",
        "buildd: {test: is_default_branch}",
        "commands: {a: {run: [x]}}",
        "commands: [{name: a}]",
        "commands: [{name: a, run: [x], transform: {run: [x]}}]",
        "commands: [{name: a, transform: {run: [x]}, timeout: 1m}]",
        "commands: [{name: a, transform: {run: [x], presentation: email}}]",
        "commands: [{name: a, run: [x], parameters: {x: {secret: true, value: y}}}]",
        "commands: [{name: a, run: [x], parameters: {x: {patern: y}}}]",
        "commands: [{name: a, run: [x], targets: {repo: y}}]",
        "commands: [{name: a, run: [x], intent: {patern: y}}]",
        "on: [{name: a, run: [x]}]",
        "on: [{name: a, event: Push}]",
        "on: [{name: a, event: Push, run: [x], directory: src}]",
        "on: [{name: a, cron: '* * * * *', interval: 1m, run: [x]}]",
        "on: [{name: a, event: Push, state: broken, run: [x]}]",
    ] {
        assert!(!fits(wrong), "{wrong}");
    }
}

#[test]
fn the_configuration_fits_its_schema() {
    let schema = validator(&["config"]);
    let all = json!({
        "name": "sdm", "goals": "goals", "parallel": 2, "repositories": ["~/work"], "fetch_timeout": "2m",
        "log_limit": "64MiB", "people": {"ada": {"teams": ["release"], "emails": []}}, "trust": "ask",
        "log_format": "json", "retention_days": 30,
    });
    assert!(schema.is_valid(&all) && schema.is_valid(&json!({})) && schema.is_valid(&Value::Null));
    for wrong in [
        json!({"nam": "x"}),
        json!({"parallel": 0}),
        json!({"trust": "no"}),
        json!({"people": {"ada": {"team": []}}}),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}
