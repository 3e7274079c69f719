//! Listeners and hooks around the work of a goal (semantics 3.12, 3.15; EX-02 to EX-05).

use super::{goal, machine, said};
use crate::support::local::state_of;

#[test]
fn ex_02_ex_04_listeners_run_around_the_work_and_their_results_are_kept() {
    let mut machine = machine(
        r#"      - name: work
        execute: {run: [sh, -c, "echo working; echo '{\"data\": {\"own\": 1}}' > $ATOMIST_RESULT"]}
        listeners:
          - {name: both, run: [sh, -c, "echo both $${SDM_OUTCOME:-before}"]}
          - name: reports
            events: after
            run: [sh, -c, "echo '{\"description\": \"said by a listener\", \"data\": {\"more\": 2}, \"externalUrls\": [{\"url\": \"https://x.example\"}]}' > $ATOMIST_RESULT"]
      - {name: reads, execute: {run: [sh, -c, "cat $ATOMIST_GOAL"]}}
"#,
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "work"), ("success", "said by a listener"), "{set:#}");
    let links = &goal(&set, "work")["external_urls"];
    assert_eq!(links[0]["url"], "https://x.example", "{set:#}");
    assert_eq!(goal(&set, "work")["data"]["more"], 2, "{set:#}");
    assert!(machine.ok(&["goals"]).contains("https://x.example"));
    let log = machine.ok(&["logs", "work"]);
    let header = format!("(sdm {}) on ", env!("CARGO_PKG_VERSION"));
    assert!(
        log.contains(&header) && log.contains("· attempt 1 · 0-code"),
        "{log}"
    );
    let order: Vec<usize> = ["\nboth before", "\nworking", "\nboth success"]
        .iter()
        .map(|line| log.find(line).unwrap_or_else(|| panic!("{line} in {log}")))
        .collect();
    assert!(order.is_sorted(), "{log}");
    assert_eq!(log.matches("\nworking").count(), 1, "the work is done once");
    let facts = machine.ok(&["logs", "reads"]);
    assert!(
        facts.contains(r#""own":1"#) && facts.contains(r#""more":2"#),
        "{facts}"
    );
    machine.stop();
}

#[test]
fn ex_03_a_listener_that_fails_before_the_work_ends_it_and_those_after_still_run() {
    let mut machine = machine(
        r#"      - name: work
        execute: {run: [sh, -c, "touch $HOME/worked"]}
        listeners:
          - {name: guard, run: ["false"], events: [before]}
          - {name: tidies, run: [sh, -c, "echo tidied after $SDM_OUTCOME"], events: [after]}
          - {name: elsewhere, run: [sh, -c, "echo not; echo here"], test: {not: {is_branch: ^main$}}}
          - {name: here, run: [sh, -c, "echo only; echo here"], events: [after], test: {has_file: a}}
"#,
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "work"), "failure", "{set:#}");
    assert!(
        goal(&set, "work")["error"].as_str().unwrap().contains("guard"),
        "{set:#}"
    );
    assert!(!machine.path("home/worked").exists());
    let log = machine.ok(&["logs", "work"]);
    assert!(
        log.contains("tidied after failure") && log.contains("only\nhere"),
        "{log}"
    );
    assert!(!log.contains("not\nhere"), "its test does not hold: {log}");
    machine.stop();
}

#[test]
fn ex_05_hooks_of_a_repository_run_only_when_the_operator_allows_them() {
    let mut machine = machine("      - {name: the work, execute: {run: [\"true\"]}}\n");
    let hooks = machine.repo().join(".atomist/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let write = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(hooks.join(name), text).unwrap();
        std::fs::set_permissions(hooks.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("pre-code-the_work", "#!/bin/sh\nexit 1\n");
    machine.start();
    let sha = machine.commit("a hook nobody asked for", &[]);
    assert_eq!(
        state_of(&machine.ended_set_of(&sha), "the work"),
        "success",
        "off by default"
    );
    machine.stop();
    machine.set("SDM_REPOSITORY_HOOKS", "acme/*");
    machine.start();
    let sha = machine.commit("the hook fails", &[]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "the work"), "failure", "{set:#}");
    assert!(
        goal(&set, "the work")["error"]
            .as_str()
            .unwrap()
            .contains("pre-goal hook"),
        "{set:#}"
    );
    write(
        "pre-code-the_work",
        "#!/bin/sh\necho from the hook in $(basename $PWD)\n",
    );
    let sha = machine.commit("the hook passes", &[]);
    assert_eq!(state_of(&machine.ended_set_of(&sha), "the work"), "success");
    assert!(
        machine
            .ok(&["logs", "the work"])
            .contains("from the hook in hooks")
    );
    machine.stop();
}

/// Each hook is what was pushed: the goal cannot have its own commands run as the operator's repository hook.
#[test]
fn ex_05_a_goal_that_rewrites_its_hook_runs_nothing_by_it() {
    let mut machine = machine(
        r##"      - {name: work, execute: {run: [sh, -c, 'for hook in .atomist/hooks/*; do printf "#!/bin/sh\ntouch \$HOME/rewritten\n" > "$hook"; done']}}
"##,
    );
    let hook = machine.repo().join(".atomist/hooks/post-code-work");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho as it was pushed, in $(basename $PWD)\n").unwrap();
    machine.set("SDM_REPOSITORY_HOOKS", "acme/*");
    machine.start();
    let sha = machine.commit("a hook that nobody may run", &[]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "work"), "failure", "{set:#}");
    assert!(machine.ok(&["logs", "work"]).contains("is not executable"));
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let sha = machine.commit("a hook", &[]);
    assert_eq!(state_of(&machine.ended_set_of(&sha), "work"), "success");
    assert!(
        machine
            .ok(&["logs", "work"])
            .contains("as it was pushed, in hooks")
    );
    assert!(!machine.path("home/rewritten").exists());
    machine.stop();
}
