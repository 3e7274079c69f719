//! What stays in a workspace from one push to the next, with the configuration nobody has touched.

use std::process::Stdio;

use crate::support::local::LocalMachine;

/// Says what it finds, then leaves something in each place.
const GOALS: &str = r#"
rules:
  - name: build
    goals:
      - name: build
        execute:
          run:
            - sh
            - -c
            - |
              for place in target packages/web/node_modules out untracked/target docs; do
                  test ! -e $place/left || echo "found $place"
                  mkdir -p $place && touch $place/left
              done
              exit 1
"#;

/// The places in which a run, which fails so that its log is shown, found something.
fn found(machine: &LocalMachine, keep: Option<&str>) -> Vec<String> {
    let mut command = machine.command(&["run"]);
    if let Some(keep) = keep {
        command.env("SDM_WORKSPACE_KEEP", keep);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
        .lines()
        .filter_map(|line| line.trim().strip_prefix("found "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn builds_stay_warm_and_nothing_else_stays() {
    let machine = LocalMachine::new(GOALS);
    // `docs` has a tracked file; `packages/web` has one as well, its `node_modules` has none.
    machine.commit(
        "files",
        &[("docs/guide.md", "g"), ("packages/web/package.json", "{}")],
    );
    assert_eq!(found(&machine, None), Vec::<String>::new());
    machine.commit("more", &[("more", "m")]);
    assert_eq!(found(&machine, None), ["target", "packages/web/node_modules"]);
    // Cleaning comes after a goal, so the first run that is told to keep nothing still finds something.
    found(&machine, Some(":"));
    assert_eq!(found(&machine, Some(":")), Vec::<String>::new());
}
