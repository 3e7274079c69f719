//! Fixes that run in containers (semantics 4.1, 4.5; AF-03, AF-07).

use super::daemon::{goal, label, log, started};
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::IMAGE;

const GOALS: &str = r#"
rules:
  - name: mend
    goals:
      name: mend
      autofix:
        image: IMAGE
        directory: texts
        env: {SUFFIX: "!"}
        fixes:
          - {name: fails, run: [sh, -c, "echo half > half; exit 3"], ignore_failure: true}
          - {name: shout, run: [sh, -c, "test -x /bin/busybox && test ! -e /usr && tr a-z A-Z < greeting > loud && mv loud greeting"]}
          - {name: mark, run: [sh, -c, "grep -q $SUFFIX greeting || echo $SUFFIX >> greeting"]}
"#;

fn detached(machine: &LocalMachine, message: &str, files: &[(&str, &str)]) -> String {
    machine.git(&["checkout", "--quiet", "--detach", "main"]);
    let sha = machine.commit(message, files);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    sha
}

#[test]
fn af_03_af_07_fixes_in_containers_are_commits_like_all_others() {
    let Some((podman, mut machine)) = started(GOALS) else {
        return;
    };
    let sha = detached(&machine, "second", &[("texts/greeting", "hello\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        state_of(&set, "mend"),
        "stopped",
        "{set:#}\n{}",
        log(&machine, "mend")
    );
    assert_eq!(goal(&set, "mend")["phase"], "shout, mark", "{set:#}");
    assert_eq!(machine.git(&["show", "main:texts/greeting"]), "HELLO\n!");
    let titles = machine.git(&["log", "--format=%s", &format!("{sha}..main")]);
    assert_eq!(titles, "Autofix: mark\nAutofix: shout");
    let fixed = machine.git(&["rev-parse", "main"]);
    let after = machine.ended_set_of(&fixed);
    assert_eq!(state_of(&after, "mend"), "success", "{after:#}");
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
    machine.stop();
}

#[test]
fn an_image_that_is_none_is_said_where_it_stands() {
    let machine =
        LocalMachine::new("rules: [{name: r, goals: {name: g, autofix: {run: [x], image: 'A B'}}}]\n");
    let goals = machine.path("goals/goals.yaml");
    let refused = machine.sdm(&["check", goals.to_str().unwrap()]);
    let said =
        String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("`A B` is not the name of an image"), "{said}");
}

#[test]
fn af_07_an_engine_that_is_missing_is_the_reason_and_never_ignored() {
    let goals = r#"
rules:
  - name: mend
    goals:
      - name: mend
        autofix: {image: IMAGE, run: [sh, -c, "echo x > x"], ignore_failure: true}
"#;
    let mut machine = LocalMachine::new(&goals.replace("IMAGE", IMAGE));
    machine.set("SDM_ENGINE", "/nowhere/engine.sock");
    machine.start();
    let sha = detached(&machine, "second", &[("greeting", "hello\n")]);
    let set = machine.ended_set_of(&sha);
    let error = goal(&set, "mend")["error"].as_str().unwrap_or_default();
    assert_eq!(state_of(&set, "mend"), "failure", "{set:#}");
    assert!(
        error.contains("cannot be carried out: no container engine answers: looked at /nowhere/engine.sock"),
        "{error}"
    );
    machine.stop();
}

#[test]
fn af_07_i5_an_image_that_is_missing_is_the_reason_and_the_one_that_is_used_stands_with_the_attempt() {
    let goals = r#"
rules:
  - name: mend
    goals:
      - - name: none
          autofix: {image: "localhost/sdm-test/none:0", run: [sh, -c, "echo x > x"], ignore_failure: true, presentation: branch}
        - name: nothing
          autofix: {image: IMAGE, run: ["true"]}
        - name: plain
          containers: [{name: main, image: IMAGE, command: [sh, -c], args: ["echo '{\"data\": \"text\"}' > $ATOMIST_RESULT"]}]
"#;
    let Some((_podman, mut machine)) = started(goals) else {
        return;
    };
    let sha = detached(&machine, "second", &[("greeting", "hello\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "none"), "failure", "{set:#}");
    let error = goal(&set, "none")["error"].as_str().unwrap_or_default();
    assert!(
        error.contains("the fix `none` cannot be carried out: "),
        "{error}"
    );
    for (name, container) in [("nothing", "autofix"), ("plain", "main")] {
        assert_eq!(state_of(&set, name), "success", "{set:#}");
        let image = goal(&set, name)["images"][container].as_str().unwrap_or_default();
        assert!(image.contains("sha256:"), "{image} in {set:#}");
    }
    assert_eq!(goal(&set, "plain")["data"], "text");
    machine.stop();
}
