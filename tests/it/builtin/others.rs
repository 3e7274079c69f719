//! `react`, `fingerprint` and `message` (semantics 4.3, 4.4, 4.11).

use super::{goal, machine, said};
use crate::support::local::state_of;

#[test]
fn pi_01_pi_02_reactions_see_what_changed_and_decide() {
    let mut machine = machine(
        r#"      - - name: lists
          react: {run: [sh, -c, "tr '\\0' '\\n' < $SDM_CHANGED_FILES"]}
        - name: asks
          react:
            reactions:
              - {name: silent, run: ["true"]}
              - {name: owner, run: [sh, -c, "echo '{\"state\": \"waiting_for_approval\"}' > $ATOMIST_RESULT"], changed: ["db/**"]}
        - name: fails
          react: {run: ["false"], changed: ["db/**"]}
        - name: is not concerned
          react: {run: ["false"], changed: ["docs/**"]}
        - name: has a test
          react:
            reactions:
              - {name: not for this, run: ["false"], test: {has_file: nowhere}}
              - {name: for this, run: [sh, -c, "echo it runs"], test: {has_file: README.md}}
"#,
    );
    machine.start();
    let sha = machine.commit("second", &[("db/1.sql", "x"), ("b c", "1")]);
    machine.wait_until("it waits for approval", |machine| {
        let set = machine.set_of(&sha);
        (state_of(&set, "asks") == "waiting_for_approval" && state_of(&set, "fails") == "failure")
            .then_some(())
    });
    machine.ok(&["approve", "asks"]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "is not concerned"), "success", "{set:#}");
    assert_eq!(state_of(&set, "has a test"), "success", "{set:#}");
    assert!(machine.ok(&["logs", "has a test"]).contains("it runs"));
    let log = machine.ok(&["logs", "lists"]);
    assert!(log.contains("b c\n") && log.contains("db/1.sql\n"), "{log}");
    machine.stop();
}

#[test]
fn fingerprints_are_kept_compared_and_may_ask_for_approval() {
    let mut machine = machine(
        r#"      - - name: drift
          fingerprint: {files: [Dockerfile], json: [{file: package.json, path: engines.node}], approve_on: drift}
        - name: announce
          message: {text: "${repo.name} is at ${push.after.short}", url: "https://x.example"}
"#,
    );
    machine.start();
    let set = machine.carried_out(
        "second",
        &[
            ("Dockerfile", "FROM a"),
            ("package.json", r#"{"engines":{"node":"18"}}"#),
        ],
    );
    assert_eq!(
        said(&set, "drift"),
        ("success", "2 fingerprints taken"),
        "{set:#}"
    );
    assert_eq!(goal(&set, "drift")["phase"], "2 changed");
    machine.git(&["checkout", "--quiet", "-b", "feature"]);
    let second = machine.commit("third", &[("package.json", r#"{"engines":{"node":"20"}}"#)]);
    let set = machine.wait_until("the drift waits for approval", |machine| {
        let set = machine.set_of(&second);
        (state_of(&set, "drift") == "waiting_for_approval").then_some(set)
    });
    let phase = goal(&set, "drift")["phase"].as_str().unwrap();
    assert!(phase.contains("1 differ from the default branch"), "{phase}");
    let shown = machine.ok(&["goals"]);
    let difference = shown
        .lines()
        .find(|line| line.contains("against the default branch: "));
    assert!(
        difference.is_some_and(|line| line.contains("engines.node")),
        "{shown}"
    );
    let feed = machine.ok(&["feed", "--json", "--no-follow"]);
    assert!(
        feed.contains(&format!("app is at {} · https://x.example", &second[..7])),
        "{feed}"
    );
    machine.stop();
}

#[test]
fn a1_a_branch_that_looks_like_a_command_is_a_name_everywhere() {
    let mut machine = machine(
        r#"      - - name: fix
          autofix: {run: [sh, -c, "echo ${push.branch} > fixed"], presentation: branch, branch: "fix-${push.branch}"}
        - {name: lint, inspect: {run: [sh, -c, "echo \"a:1: warning: on ${push.branch}\""], report: lines}}
        - {name: say, message: {text: "pushed ${push.branch}"}}
        - {name: mark, use: tag, tag: "seen-${push.branch}"}
"#,
    );
    let branch = "`touch$IFS$HOME/CANARY`;touch$IFS$HOME/CANARY";
    machine.git(&["checkout", "--quiet", "-b", branch]);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    assert!(!machine.path("home/CANARY").exists());
    assert_eq!(machine.git(&["show", &format!("fix-{branch}:fixed")]), branch);
    assert_eq!(
        machine.git(&["rev-parse", &format!("seen-{branch}^{{commit}}")]),
        sha
    );
    assert!(
        machine
            .ok(&["show", "comments", &sha])
            .contains(&format!("a:1: warn: on {branch}"))
    );
    machine.stop();
}
