//! `retry: {codes}` where a step of ours runs the author's programs (semantics 3.13).

use super::{goal, machine};

const GOALS: &str = r#"      - - name: inspects
          retry: {codes: [75], pause: 0s}
          inspect: {run: [sh, -c, "exit 75"], report: junit}
        - name: inspects once
          retry: {codes: [75], pause: 0s}
          inspect:
            inspections:
              - {name: other, run: [sh, -c, "exit 3"], report: junit}
              - {name: busy, run: [sh, -c, "exit 75"], report: junit}
        - name: found something
          retry: {codes: [75], pause: 0s}
          inspect: {run: [sh, -c, "echo 'a.c:1: error: bad'; exit 75"], report: lines}
        - name: reacts
          retry: {codes: [75], pause: 0s}
          react: {run: [sh, -c, "exit 75"]}
        - name: reacts once
          retry: {codes: [75], pause: 0s}
          react: {run: [sh, -c, "exit 1"]}
        - name: fixes
          retry: {codes: [75], pause: 0s}
          autofix: {run: [sh, -c, "exit 75"]}
        - name: fixes once
          retry: {codes: [75], pause: 0s}
          autofix: {run: [sh, -c, "exit 74"]}
"#;

#[test]
fn semantics_3_13_the_code_of_the_authors_program_decides_whether_it_is_tried_again() {
    let mut machine = machine(GOALS);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    for (name, attempts) in [
        ("inspects", 2),
        ("inspects once", 1),
        ("found something", 2),
        ("reacts", 2),
        ("reacts once", 1),
        ("fixes", 2),
        ("fixes once", 1),
    ] {
        let goal = goal(&set, name);
        assert_eq!(
            (goal["state"].as_str(), goal["attempt"].as_u64()),
            (Some("failure"), Some(attempts)),
            "{goal:#}"
        );
    }
    machine.stop();
}
