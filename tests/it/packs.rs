//! The goal packs in `goals/`: each file checks, and a minimal repository of each ecosystem gets the goals one expects.

use std::path::Path;

use crate::support::local::LocalMachine;

const NODE_TESTS: &str = r#"{"name": "a", "scripts": {"test": "node --test"}}"#;
const NO_NODE_TESTS: &str =
    r#"{"name": "a", "scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
const CARGO: &str = "[package]\nname = \"a\"\n";

/// Files with their texts, and names of goals.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// Files at the root of a repository, and the goals its first push gets.
const REPOSITORIES: &[Case] = &[
    (&[("notes.txt", "n")], &[]),
    (&[("Cargo.toml", CARGO)], &["rust-format", "rust-test"]),
    (
        &[("Cargo.toml", CARGO), ("Cargo.lock", "version = 4\n")],
        &["rust-format", "rust-test", "rust-lock"],
    ),
    (
        &[(
            "Cargo.toml",
            "[package]\nname = \"a\"\n\n[lints.clippy]\nall = \"warn\"\n",
        )],
        &["rust-format", "rust-test", "rust-lint"],
    ),
    (
        &[("Cargo.toml", CARGO), ("clippy.toml", "")],
        &["rust-format", "rust-test", "rust-lint"],
    ),
    (&[("package.json", "{}")], &[]),
    (&[("package.json", NO_NODE_TESTS)], &[]),
    (&[("package.json", NODE_TESTS)], &["npm-test-unlocked"]),
    (
        &[("package.json", NODE_TESTS), ("package-lock.json", "{}")],
        &["npm-test"],
    ),
    (
        &[("package.json", NODE_TESTS), ("pnpm-lock.yaml", "")],
        &["pnpm-test"],
    ),
    (&[("package.json", NODE_TESTS), ("yarn.lock", "")], &["yarn-test"]),
    (&[("package.json", NODE_TESTS), ("bun.lock", "")], &[]),
    (&[("requirements.txt", "")], &["python-compile"]),
    (
        &[("pyproject.toml", "[tool.pytest.ini_options]\n")],
        &["python-compile", "pytest"],
    ),
    (
        &[("setup.py", ""), ("tox.ini", "[pytest]\n")],
        &["python-compile", "pytest"],
    ),
    (
        &[
            ("pyproject.toml", "[tool.pytest.ini_options]\n"),
            ("uv.lock", "version = 1\n"),
        ],
        &["python-compile", "uv-pytest"],
    ),
    (&[("pytest.ini", "")], &["pytest"]),
    (&[("tox.ini", "[pytest]\n")], &["pytest"]),
    (&[("tox.ini", "[tox]\n")], &[]),
    (&[("goals/10-own.yaml", "rules: []\n")], &["goal-files"]),
    (&[("go.mod", "module a\n")], &["go-vet", "go-test"]),
    (&[("pom.xml", "<project/>")], &["maven-test"]),
    (
        &[("pom.xml", "<project/>"), ("mvnw", "#!/bin/sh\n")],
        &["maven-wrapper-test"],
    ),
    (&[("build.gradle.kts", "")], &["gradle-check"]),
    (
        &[("settings.gradle", ""), ("gradlew", "#!/bin/sh\n")],
        &["gradle-wrapper-check"],
    ),
    // A check that takes minutes has no place in local mode.
    (&[("Dockerfile", "FROM scratch\n")], &[]),
    (
        &[("Cargo.toml", CARGO), ("Dockerfile", "FROM scratch\n")],
        &["rust-format", "rust-test"],
    ),
];

/// What a later push to a Rust repository changes, and the goals it gets.
const LATER_PUSHES: &[Case] = &[
    (&[("README.md", "more")], &["immaterial"]),
    (&[("CHANGELOG.md", "c"), ("docs/guide.md", "g")], &["immaterial"]),
    (
        &[("README.md", "and more"), ("src/lib.rs", "")],
        &["cancel-older", "rust-format", "rust-test"],
    ),
    (
        &[("tests/expected.md", "e")],
        &["cancel-older", "rust-format", "rust-test"],
    ),
    (
        &[("crates/a/src/template.md", "t")],
        &["cancel-older", "rust-format", "rust-test"],
    ),
    (&[("command", "c")], &["cancel-older", "rust-format", "rust-test"]),
    (&[], &["cancel-older", "rust-format", "rust-test"]),
];

fn packs() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goals");
    path.to_str().unwrap().to_owned()
}

/// Unique names of the goals that the push of HEAD sets.
fn planned(machine: &LocalMachine) -> Vec<String> {
    let plan = machine.json(&["explain", "--goals", &packs()]);
    let goals = plan["goals"].as_array().unwrap();
    goals
        .iter()
        .map(|goal| goal["unique_name"].as_str().unwrap().to_owned())
        .collect()
}

/// Makes a branch without a past, and a push of it.
fn first_push(machine: &LocalMachine, branch: &str, files: &[(&str, &str)]) {
    machine.git(&["checkout", "--quiet", "--orphan", branch]);
    machine.git(&["rm", "-rq", "--force", "."]);
    machine.commit("Begin", files);
}

#[test]
fn every_pack_checks_alone_and_together() {
    let machine = LocalMachine::new("rules: []\n");
    let mut files: Vec<String> = std::fs::read_dir(packs())
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort();
    for path in files.iter().chain([&packs()]) {
        let checked = machine.json(&["check", path]);
        assert_eq!(checked["diagnostics"], serde_json::json!([]), "{path}");
    }
}

#[test]
fn each_ecosystem_gets_its_goals() {
    let machine = LocalMachine::new("rules: []\n");
    for (number, (files, goals)) in REPOSITORIES.iter().enumerate() {
        first_push(&machine, &format!("case-{number}"), files);
        assert_eq!(planned(&machine), *goals, "{files:?}");
        machine.commit("Change", &[("further", "1")]);
        let cancel: &[&str] = if goals.is_empty() { &[] } else { &["cancel-older"] };
        assert_eq!(
            planned(&machine),
            [cancel, goals].concat(),
            "a later push to {files:?}"
        );
    }
}

#[test]
fn documentation_alone_needs_no_build() {
    let machine = LocalMachine::new("rules: []\n");
    first_push(&machine, "rust", &[("Cargo.toml", CARGO), ("README.md", "r")]);
    for (files, goals) in LATER_PUSHES {
        machine.commit("Change", files);
        assert_eq!(planned(&machine), *goals, "{files:?}");
    }
}
