//! `sdm test`: the author's own tests of the rules, and what is said of those that fail.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::local::LocalMachine;

const GOALS: &str = r#"rules:
  - name: rust
    test: {has_file: Cargo.toml}
    goals:
      - - name: format
          execute: {run: [cargo, fmt, --check]}
        - name: lint
          execute: {run: [cargo, clippy]}
      - name: test
        execute: {run: [cargo, test]}
  - name: ship
    depends_on: rust
    test: [is_default_branch, {when: 'push.commits.all(c, !c.message.contains("[skip ship]"))'}]
    goals:
      - name: publish
        pre_approval: true
        execute: {run: [make, publish]}
tests:
  - name: main ships
    push: {files: {Cargo.toml: ""}}
    expect: {goals: [format, lint, test, publish], order: [format, test, publish]}
"#;

const FAILING: &str = r#"
  - name: a branch ships
    push: {branch: fix/typo, files: {Cargo.toml: ""}}
    expect: {includes: [publish], not: [test], order: [lint, format], states: {lint: planned}}
  - name: nothing ships when a message says so
    push: {files: {Cargo.toml: ""}, messages: ["Try [skip ship]"]}
    expect: {rules: {ship: matched}, set: "rust, ship"}
"#;

/// Exit code and standard output of `sdm test` at 80 columns.
fn tested(machine: &LocalMachine, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = machine.command(&[&["test"], arguments].concat());
    let output = command.env("COLUMNS", "80").output().unwrap();
    let place = format!("{}/", machine.path("goals").display());
    let text = String::from_utf8(output.stdout).unwrap().replace(&place, "");
    (output.status.code(), text)
}

#[test]
fn tests_that_hold_say_so() {
    let machine = LocalMachine::new(GOALS);
    assert_eq!(
        tested(&machine, &[]),
        (Some(0), "✓ main ships\n1 test: 1 passed\n".to_owned())
    );
    assert_eq!(tested(&machine, &["--quiet"]).1, "1 test: 1 passed\n");
    let view: Value = machine.json(&["test"]);
    assert_eq!((&view["passed"], &view["failed"]), (&json!(1), &json!(0)));
    assert_eq!(view["tests"][0]["outcome"], "passed");
    machine.write_goals("rules: []\n");
    assert_eq!(
        tested(&machine, &[]),
        (Some(0), "There are no tests in these goal files.\n".to_owned())
    );
}

#[test]
fn tests_that_fail_say_what_is_so_instead_and_why() {
    let machine = LocalMachine::new(&format!("{GOALS}{}", &FAILING[1..]));
    let (code, text) = tested(&machine, &[]);
    assert_eq!(code, Some(1));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text, @r#"
    ✓ main ships
    ✗ a branch ships
      `publish` is not set
      goals.yaml:24:25
        ✗ ship  branch fix/typo is not the default branch, main
                ✗ and
                    branch fix/typo is not the default branch, main
                    goals.yaml:13:11
                  ✗ is_default_branch
                      branch fix/typo is not the default branch, main
                      goals.yaml:13:12
                  – when: push.commits.all(c, !c.message.contains("[skip ship]"))
                      not needed: another test decided
                      goals.yaml:13:31
      `test` is set
      goals.yaml:24:41
        ✓ rust  Cargo.toml is a file
                goals.yaml:3:11
      `format` does not wait for `lint`
      goals.yaml:24:62
      `lint` begins as requested
      goals.yaml:24:80
    ✗ nothing ships when a message says so
      rule ship did not match
      goals.yaml:27:22
        ✗ ship  the expression is false
                ✗ and
                    the expression is false
                    goals.yaml:13:11
                  ✓ is_default_branch
                      branch main is the default branch
                      goals.yaml:13:12
                  ✗ when: push.commits.all(c, !c.message.contains("[skip ship]"))
                      the expression is false
                      goals.yaml:13:31
      the goal set is called `rust`
      goals.yaml:27:38
    3 tests: 1 passed, 2 failed
    "#);
    let (code, text) = tested(&machine, &["--json"]);
    let view: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &view["passed"], &view["failed"]),
        (Some(1), &json!(1), &json!(2))
    );
    assert_eq!(view["tests"][2]["name"], "nothing ships when a message says so");
    assert_eq!(view["tests"][2]["place"], "goals.yaml:25:5");
    assert_eq!(view["tests"][2]["outcome"], "failed");
    assert_eq!(
        view["tests"][2]["because"],
        "rule ship did not match; the goal set is called `rust`"
    );
    assert_eq!(
        tested(&machine, &["--only", "main"]),
        (Some(0), "✓ main ships\n1 test: 1 passed\n".to_owned())
    );
    assert_eq!(tested(&machine, &["--only", "nowhere"]).0, Some(1));
}

#[test]
fn what_a_test_names_must_exist() {
    let slip = "  - {name: slip, expect: {not: [publihs], rules: {shipp: matched}}}\n";
    let machine = LocalMachine::new(&format!("{GOALS}{slip}"));
    let output = machine.sdm(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hints: Vec<_> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["hint"])
        .collect();
    assert_eq!(
        hints,
        [&json!("did you mean `publish`?"), &json!("did you mean `ship`?")]
    );
    let (code, text) = tested(&machine, &[]);
    assert!(
        code == Some(1) && text.contains("did you mean `publish`?"),
        "{text}"
    );
    let (code, text) = tested(&machine, &["--json"]);
    let view: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, view["diagnostics"].as_array().unwrap().len()),
        (Some(1), 2)
    );
}

/// Where there is no repository and no git at all.
#[test]
fn tests_need_no_repository() {
    let machine = LocalMachine::new(GOALS);
    let mut command = machine.command(&["test"]);
    let output = command
        .current_dir(machine.path("home"))
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_packs_hold_alone_and_together() {
    let machine = LocalMachine::new("rules: []\n");
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("goals");
    let entries = std::fs::read_dir(&packs).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.push(packs);
    for path in paths {
        let path = path.to_str().unwrap();
        let view = machine.json(&["test", path]);
        assert!(view["passed"].as_u64() > Some(0), "{path} has tests");
    }
}

/// This repository's own goal: what `sdm run` does in a repository with goal files, by the packs that ship.
#[test]
fn a_repository_with_goal_files_has_them_tested_by_a_goal() {
    let machine = LocalMachine::new("rules: []\n");
    let run = |goals: &str| {
        machine.commit("Goal files", &[("goals/own.yaml", goals)]);
        let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("goals");
        let output = machine.sdm(&["run", "--goals", packs.to_str().unwrap(), "goal-files"]);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = run(GOALS);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&format!("{GOALS}{}", &FAILING[1..]));
    assert!(
        code == Some(1) && text.contains("3 tests: 1 passed, 2 failed"),
        "{text}"
    );
}

#[test]
fn ru_37_a_test_and_an_explanation_may_be_about_a_goal() {
    let goals = "rules:
  - name: build
    goals: {name: publish, execute: {run: [publish]}}
  - name: announce
    test: [{is_goal: {name: publish, test: {has_file: Dockerfile}}}, is_default_branch]
    goals: {name: tell, execute: {run: [tell]}}
tests:
  - name: a publication is announced
    push: {files: {Dockerfile: ''}}
    goal: {name: publish}
    expect: {goals: [tell], rules: {build: not_matched}}
  - name: one that fails is not
    push: {files: {Dockerfile: ''}}
    goal: {name: publish, state: failure}
    expect: {goals: []}
";
    let machine = LocalMachine::new(goals);
    assert_eq!(
        tested(&machine, &["--quiet"]),
        (Some(0), "2 tests: 2 passed\n".to_owned())
    );
    machine.commit("second", &[("Dockerfile", "FROM x")]);
    let names = |arguments: &[&str]| {
        let view: Value = machine.json(&[&["explain"], arguments].concat());
        let goals = view["goals"].as_array().unwrap();
        goals.iter().map(|goal| goal["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["publish"]);
    assert_eq!(names(&["--goal", "publish"]), ["tell"]);
    assert!(names(&["--goal", "publish", "--state", "failure"]).is_empty());
    let text = machine.ok(&["explain", "--goal", "publish"]);
    assert!(text.contains("it does not wait for publish in success"), "{text}");
}
