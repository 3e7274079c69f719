//! What whoever asks for a command sees of it, and what is heard of repositories that are there at the first start.

use serde_json::Value;

use crate::support::local::LocalMachine;

const GOALS: &str = r#"
commands:
  - name: look
    inspect:
      run: [sh, -c, "echo told >&2; echo 'src/a.c:3:7: warning: unused'"]
      report: lines
      patterns: [{files: "**/*.md", text: hello, comment: no greetings}]
  - name: say
    targets: {test: {has_file: README.md}}
    run: [echo, said]
on:
  - {name: welcome, event: RepoOnboarded, run: [echo, "welcome ${event.repo.slug}"]}
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn semantics_5_7_an_inspection_on_demand_shows_what_it_found() {
    let mut machine = LocalMachine::new(GOALS);
    machine.start();
    machine.commit("second", &[("README.md", "hello\n")]);
    let looked = machine.sdm(&["do", "look"]);
    let (out, err) = (text(&looked.stdout), text(&looked.stderr));
    for line in ["src/a.c:3:7: warn: unused", "README.md:1:1: warn: no greetings"] {
        assert_eq!(out.matches(line).count(), 1, "{line} in {out}{err}");
    }
    assert!(err.contains("told"), "{err}");
    let looked = machine.json(&["do", "look"]);
    assert_eq!(
        looked["reviews"][0]["comments"].as_array().unwrap().len(),
        2,
        "{looked:#}"
    );
    machine.ok(&["do", "say"]);
    let shown = machine.sdm(&["show", "comments"]);
    let (out, err) = (text(&shown.stdout), text(&shown.stderr));
    assert!(
        out.contains("src/a.c:3:7: warn: unused"),
        "what inspected nothing is passed over: {out}{err}"
    );
    assert!(err.contains("the newest inspection is of the goal set"), "{err}");
    machine.stop();
}

#[test]
fn semantics_5_4_jobs_are_listed_newest_first() {
    let mut machine = LocalMachine::new(GOALS);
    machine.start();
    assert_eq!(machine.json(&["show", "jobs"])["jobs"], Value::Array(Vec::new()));
    machine.ok(&["do", "say"]);
    machine.ok(&["do", "look"]);
    let jobs = machine.json(&["show", "jobs"]);
    let commands: Vec<&Value> = jobs["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["command"])
        .collect();
    assert_eq!(commands, ["look", "say"]);
    let shown = machine.ok(&["show", "jobs", "-n", "1"]);
    assert!(
        shown.contains(" look ") && shown.ends_with("  1 success\n"),
        "{shown}"
    );
    assert_eq!(shown.lines().count(), 1, "{shown}");
    machine.stop();
}

#[test]
fn semantics_6_repositories_of_the_first_start_are_onboarded_and_told_once() {
    let mut machine = LocalMachine::new(GOALS);
    machine.start();
    let told = |machine: &LocalMachine| {
        let shown = machine.json(&["show", "errands", "--of", "welcome"]);
        shown["errands"].as_array().unwrap().len()
    };
    machine.wait_until("its listener has run", |machine| {
        (told(machine) == 1).then_some(())
    });
    machine.stop();
    machine.start();
    machine.ok(&["do", "say"]);
    assert_eq!(told(&machine), 1, "it is known by now");
    machine.stop();
}
