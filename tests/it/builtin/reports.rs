//! Reports of inspections in several files, as Maven and Gradle leave them (semantics 4.2).

use super::{goal, machine, said};

const GOALS: &str = r#"      - - name: tests
          inspect:
            run: [sh, -c, "mkdir -p b/reports; echo '<testsuite><testcase name=\"second\"><failure/></testcase></testsuite>' > b/reports/2.xml; cp good.xml a/reports/1.xml; exit 1"]
            report: junit
            report_file: "**/reports/*.xml"
        - name: wrote none
          inspect: {run: ["true"], report: junit, report_file: "**/reports/*.xml"}
        - name: matches none
          inspect: {run: [sh, -c, "exit 2"], report: checkstyle, report_file: "build/{a,b}/*.xml"}
"#;

const OLD: &str = "<testsuite><testcase name=\"old\"><failure/></testcase></testsuite>";
const GOOD: &str = "<testsuite><testcase name=\"first\"/></testsuite>";

#[test]
fn in_03_reports_of_a_glob_are_those_that_this_run_wrote() {
    let mut machine = machine(GOALS);
    machine.start();
    let files = [
        ("a/reports/0.xml", OLD),
        ("a/reports/1.xml", OLD),
        ("good.xml", GOOD),
    ];
    let set = machine.carried_out("second", &files);
    assert_eq!(
        said(&set, "tests"),
        ("failure", "Code inspections raised 1 review comment"),
        "{set:#}"
    );
    let log = machine.ok(&["logs", "tests"]);
    assert!(
        log.contains("second failed") && !log.contains("old failed"),
        "{log}"
    );
    for (name, because) in [
        (
            "wrote none",
            "ended well, but there is no report: it wrote nothing that matches `**/reports/*.xml`",
        ),
        (
            "matches none",
            "failed with code 2, and there is no report: nothing matches `build/{a,b}/*.xml`",
        ),
    ] {
        let goal = goal(&set, name);
        let error = goal["error"].as_str().unwrap_or_default();
        assert!(goal["state"] == "failure" && error.contains(because), "{goal:#}");
    }
    machine.stop();
}
