//! `inspect` (semantics 4.2; IN-01 to IN-07).

use super::{goal, machine, said};

const REPORTS: &str = r#"      - - name: none
          inspect: {run: [cat, clean.sarif], report: sarif}
        - name: two tools
          inspect:
            approve_on: warn
            inspections:
              - {name: lines, run: [sh, -c, "echo 'src/a.c:3:7: warning: unused variable'; exit 1"], report: lines}
              - {name: json, run: [cat, comments.json], report: json}
        - name: fails
          inspect: {run: [cat, checkstyle.xml], report: checkstyle}
        - name: patterns
          inspect:
            fail_on: never
            patterns:
              - {files: "**/*.c", pattern: "strcpy\\(", comment: no strcpy, severity: error, category: safety}
        - name: broken
          inspect: {run: [sh, -c, "echo no report; exit 2"], report: sarif}
        - name: broken and ignored
          inspect: {run: [sh, -c, "exit 2"], report: sarif, on_error: ignore}
"#;

const FILES: &[(&str, &str)] = &[
    (
        "clean.sarif",
        r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]}"#,
    ),
    (
        "comments.json",
        r#"[{"severity": "info", "detail": "consider", "path": "src/b.c", "line": 2}]"#,
    ),
    (
        "checkstyle.xml",
        "<checkstyle><file name=\"src/a.c\"><error line=\"1\" severity=\"error\" message=\"bad\" source=\"R\"/></file></checkstyle>",
    ),
    ("src/a.c", "int main() {\n  strcpy(a, b);\n}\n"),
];

#[test]
fn in_01_to_in_07_reports_become_one_review_with_an_outcome() {
    let mut machine = machine(REPORTS);
    machine.start();
    let sha = machine.commit("second", FILES);
    let set = machine.wait_until("all inspections are done", |machine| {
        let set = machine.set_of(&sha);
        let waits = |goal: &serde_json::Value| {
            ["requested", "in_process", "planned"].contains(&goal["state"].as_str().unwrap())
        };
        let goals = set["goals"].as_array().unwrap();
        (!goals.iter().any(waits)).then_some(set)
    });
    assert_eq!(
        said(&set, "none"),
        ("success", "Code inspections passed"),
        "IN-01: {set:#}"
    );
    assert_eq!(
        said(&set, "two tools"),
        (
            "waiting_for_approval",
            "Code inspections raised 2 review comments"
        ),
        "IN-02, IN-03"
    );
    assert_eq!(said(&set, "fails").0, "failure", "IN-04");
    assert!(goal(&set, "fails")["error"].as_str().unwrap().contains("1 error"));
    assert_eq!(
        said(&set, "patterns"),
        ("success", "Code inspections raised 1 review comment"),
        "IN-05"
    );
    let broken = goal(&set, "broken");
    assert_eq!(broken["state"], "failure", "IN-07: {broken:#}");
    assert!(
        broken["error"].as_str().unwrap().contains("failed with code 2"),
        "{broken:#}"
    );
    assert_eq!(said(&set, "broken and ignored").0, "success");
    let shown = machine.ok(&["show", "comments"]);
    for line in [
        "src/a.c:3:7: warn: unused variable",
        "src/b.c:2: info: consider",
        "src/a.c:1: error: bad [R]",
        "src/a.c:2:3: error: no strcpy",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    assert!(
        machine
            .ok(&["logs", "two tools"])
            .contains("src/b.c:2: info: consider")
    );
    let reviews = machine.json(&["show", "comments"]);
    assert_eq!(
        reviews["reviews"][1]["comments"][0]["location"]["line"], 3,
        "{reviews:#}"
    );
    machine.stop();
}

#[test]
fn a_foreground_run_shows_what_inspections_said() {
    let machine = machine(
        r#"      - {name: lint, inspect: {run: [sh, -c, "echo 'src/a.c:3:7: warning: unused variable'"], report: lines}}
"#,
    );
    let shown = machine.ok(&["run"]);
    assert!(shown.contains("src/a.c:3:7: warn: unused variable"), "{shown}");
    let lines = machine.ok(&["run", "--json"]);
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
}
