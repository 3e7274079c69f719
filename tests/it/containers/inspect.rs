//! An inspection carried out in containers (semantics 4.2 with 4.5).

use super::daemon::{goal, label, log, started};
use crate::support::local::state_of;

const GOALS: &str = r#"
rules:
  - name: inspect
    goals:
      - - name: output
          inspect:
            containers: [{name: lint, image: IMAGE, command: [sh, -c, "echo for the log >&2; cat comments.json; exit 1"]}]
            report: json
            approve_on: warn
        - name: file
          inspect:
            containers:
              - name: lint
                image: IMAGE
                command: [sh, -c, "until wget -qO- http://rules:8080/rule; do sleep 0.05; done; mkdir -p out; echo '/atm/home/src/b.c:7:1: error: broken' > out/report"]
              - {name: rules, image: IMAGE, command: [sh, -c, "mkdir /www; echo be good > /www/rule; httpd -f -p 8080 -h /www"]}
            report: lines
            report_file: out/report
        - name: silent
          inspect: {containers: [{name: lint, image: IMAGE, command: [sh, -c, "exit 3"]}], report: sarif}
        - name: stale
          inspect: {containers: [{name: lint, image: IMAGE, args: ["true"]}], report: json, report_file: comments.json}
        - name: absent
          inspect: {containers: [{name: lint, image: localhost/no-such-image, pull: never}], report: sarif}
        - name: link
          inspect: {containers: [{name: lint, image: IMAGE, command: [sh, -c, "ln -s /etc/passwd report"]}], report: lines, report_file: report}
        - name: not meant
          inspect: {containers: [{name: lint, image: IMAGE, test: {has_file: nothing}}], report: sarif}
"#;

const COMMENTS: &str =
    r#"[{"severity": "warn", "detail": "consider", "path": "/atm/home/src/a.c", "line": 2}]"#;

#[test]
fn in_02_in_07_containers_report_by_their_output_or_a_file() {
    let Some((podman, mut machine)) = started(GOALS) else {
        return;
    };
    let sha = machine.commit("second", &[("comments.json", COMMENTS)]);
    let set = machine.wait_until("all inspections are done", |machine| {
        let set = machine.set_of(&sha);
        let waits = |goal: &serde_json::Value| {
            ["requested", "in_process"]
                .iter()
                .any(|state| goal["state"] == *state)
        };
        (!set["goals"].as_array().unwrap().iter().any(waits)).then_some(set)
    });
    assert_eq!(state_of(&set, "output"), "waiting_for_approval", "{set:#}");
    let said = log(&machine, "output");
    assert!(
        said.contains("for the log") && said.contains("src/a.c:2: warn: consider"),
        "{said}"
    );
    assert!(
        !said.contains("severity"),
        "the report itself is not shown: {said}"
    );
    assert_eq!(state_of(&set, "file"), "failure", "{set:#}");
    assert!(
        log(&machine, "file").contains("be good"),
        "{}",
        log(&machine, "file")
    );
    let shown = machine.ok(&["show", "comments"]);
    for line in ["src/a.c:2: warn: consider", "src/b.c:7:1: error: broken"] {
        assert!(
            shown.contains(line) && !shown.contains("/atm/home"),
            "{line} in {shown}"
        );
    }
    for (name, because) in [
        (
            "silent",
            "silent failed: container `lint` ended with code 3, and the report is empty",
        ),
        ("stale", "the report is empty"),
        ("absent", "`pull: never` forbids to fetch it"),
        ("link", "the report of the inspection cannot be read"),
    ] {
        let goal = goal(&set, name);
        assert_eq!(goal["state"], "failure", "{goal:#}");
        assert!(
            goal["error"].as_str().unwrap().contains(because),
            "{because} in {goal:#}"
        );
    }
    assert_eq!(state_of(&set, "not meant"), "skipped", "{set:#}");
    machine.ok(&["approve", "output"]);
    machine.ended_set_of(&sha);
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
    machine.stop();
}
