//! `sdm check` without files: those that the machine would use, and what it says of those that a daemon has.

use serde_json::Value;

use crate::support::local::LocalMachine;

const GOALS: &str = "rules: [{name: own, goals: {name: g, execute: {run: ['true']}}}]\n";

/// What a check says beside its findings.
fn told(machine: &LocalMachine, words: &[&str]) -> String {
    let output = machine.sdm(&[&["check"], words].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn which_files_were_looked_at_is_said_and_where_the_daemon_has_others() {
    let mut machine = LocalMachine::new(GOALS);
    let alone = told(&machine, &[]);
    assert!(
        alone.contains("looked at ") && alone.contains("goals/goals.yaml ($SDM_GOALS)"),
        "{alone}"
    );
    machine.start();
    assert!(
        !told(&machine, &[]).contains("other goal files"),
        "it has the same"
    );
    machine.stop();
    let other = machine.path("other.yaml");
    std::fs::write(&other, GOALS).unwrap();
    let (other, repo) = (other.to_str().unwrap(), machine.repo());
    machine.start_on(&["--goals", other, repo.to_str().unwrap()]);
    let said = told(&machine, &[]);
    assert!(
        said.contains("the daemon that runs here has other goal files"),
        "{said}"
    );
    assert!(said.contains(&format!("sdm check {other}")), "{said}");
    let view: Value = machine.json(&["check"]);
    assert_eq!(view["files"], 1);
    assert_eq!(view["of_daemon"].as_array().unwrap().len(), 1, "{view}");
    assert!(
        view["looked_at"][0].as_str().unwrap().ends_with("goals.yaml"),
        "{view}"
    );
    for words in [&["--goals", other] as &[&str], &[other]] {
        let named = told(&machine, words);
        assert!(
            named.contains("other.yaml") && !named.contains("other goal files"),
            "{named}"
        );
    }
    machine.stop();
}
