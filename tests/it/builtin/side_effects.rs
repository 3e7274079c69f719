//! `side_effect` and completion from outside (semantics 4.11; ST-19, ST-20, D4).

use std::process::Stdio;

use super::{goal, machine, said};
use crate::support::local::LocalMachine;

const SCAN: &str = r#"      - name: scan
        retry: true
        side_effect: {run: [sh, -c, "umask 077; printf %s \"$SDM_COMPLETION_TOKEN\" > $HOME/token-$SDM_ATTEMPT; echo given $SDM_COMPLETION_TOKEN"], deadline: DEADLINE}
      - {name: after, execute: {run: ["true"]}}
"#;

fn scanning(deadline: &str) -> LocalMachine {
    machine(&SCAN.replace("DEADLINE", deadline))
}

fn token(machine: &LocalMachine, attempt: u32) -> String {
    let path = machine.path(&format!("home/token-{attempt}"));
    machine.wait_until("the token is given", |machine| {
        let waits = machine
            .goal_sets()
            .iter()
            .any(|set| goal(set, "scan")["phase"] == "waits for whoever carries it out");
        let token = std::fs::read_to_string(&path).unwrap_or_default();
        (waits && !token.is_empty()).then_some(token)
    })
}

fn complete(machine: &LocalMachine, token: &str, words: &[&str]) -> std::process::Output {
    let mut all = vec!["complete", "scan"];
    all.extend(words);
    machine
        .command(&all)
        .env("SDM_COMPLETION_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn st_19_st_20_a_goal_stays_in_process_until_it_is_completed_with_its_token() {
    let mut machine = scanning("1h");
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let first = token(&machine, 1);
    let wrong = complete(&machine, "wrong", &["--state", "success"]);
    assert_eq!(wrong.status.code(), Some(4), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("token is not that"));
    assert_eq!(said(&machine.set_of(&sha), "scan").0, "in_process");
    let log = machine.ok(&["logs", "scan"]);
    assert!(log.contains("given ") && !log.contains(&first), "E1: {log}");
    let news = [
        "--state",
        "in_process",
        "--phase",
        "half way",
        "--description",
        "Scanning",
    ];
    assert!(complete(&machine, &first, &news).status.success());
    assert_eq!(goal(&machine.set_of(&sha), "scan")["phase"], "half way");
    machine.stop();
    machine.start();
    assert_eq!(
        said(&machine.set_of(&sha), "scan").0,
        "in_process",
        "a restart changes nothing"
    );
    assert!(
        complete(
            &machine,
            &first,
            &["--state", "failure", "--message", "three leaks"]
        )
        .status
        .success()
    );
    let set = machine.ended_set_of(&sha);
    assert_eq!(goal(&set, "scan")["error"], "three leaks", "{set:#}");
    let late = complete(&machine, &first, &["--state", "success"]);
    assert_eq!(late.status.code(), Some(4), "D4: it has ended");
    machine.ok(&["retry", "scan"]);
    let second = token(&machine, 2);
    assert_ne!(first, second);
    let old = complete(&machine, &first, &["--state", "success"]);
    assert!(!old.status.success(), "D4: the token of an earlier attempt");
    assert_eq!(said(&machine.set_of(&sha), "scan").0, "in_process");
    let done = complete(
        &machine,
        &second,
        &["--state", "success", "--url", "https://scan.example/1"],
    );
    assert!(done.status.success(), "{done:?}");
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let feed = machine.ok(&["feed", "--json", "--no-follow"]);
    assert!(
        feed.contains("was not completed from outside"),
        "a refusal is told"
    );
    machine.stop();
    assert_state_has_not(&machine, &[&first, &second]);
}

/// F9: a stolen database gives nobody a token.
fn assert_state_has_not(machine: &LocalMachine, tokens: &[&str]) {
    let database = std::fs::read(machine.path("state/sdm.db")).unwrap();
    for token in tokens {
        assert!(
            !database
                .windows(token.len())
                .any(|window| window == token.as_bytes())
        );
    }
}

#[test]
fn a_deadline_ends_what_nobody_completes() {
    let mut machine = scanning("1s");
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "scan").0, "failure", "{set:#}");
    assert_eq!(goal(&set, "scan")["phase"], "1s timeout");
    machine.stop();
}
