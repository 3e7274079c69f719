//! Goals of other repositories, from `sdm lock` to a run (YM-07, YM-22).

use std::path::PathBuf;
use std::process::Output;

use crate::support::local::LocalMachine;

const GOALS: &str = "rules:
  - name: build
    goals:
      - ref: acme/make-goal@1.0
        name: build
        parameters: {target: web}
";

const MAKE: &str = "make:
  execute: {run: [sh, -c, 'echo made ${parameters.target:all}']}
";

/// A machine beside a forge with one repository of goals.
fn machine() -> LocalMachine {
    let mut machine = LocalMachine::new(GOALS);
    let forge = machine.path("forge");
    let address = format!("file://{}/{{owner}}/{{repo}}", forge.display());
    machine.set("SDM_REFERENCE_ADDRESS", &address);
    machine.set("SDM_TRUSTED_OWNERS", "acme");
    let goal = forge_of(&machine);
    std::fs::create_dir_all(&goal).unwrap();
    machine.git_in(&goal, &["init", "--quiet", "--initial-branch=main", "."]);
    publish(&machine, MAKE, "1.0");
    machine
}

fn forge_of(machine: &LocalMachine) -> PathBuf {
    machine.path("forge/acme/make-goal")
}

/// Commits the goal file and moves an annotated tag to it.
fn publish(machine: &LocalMachine, text: &str, tag: &str) {
    let goal = forge_of(machine);
    std::fs::write(goal.join("goal.yaml"), text).unwrap();
    machine.git_in(&goal, &["add", "--all"]);
    machine.git_in(&goal, &["commit", "--quiet", "-m", "goals"]);
    machine.git_in(&goal, &["tag", "--force", "-a", "-m", "release", tag]);
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Commit ids are shown as dots.
fn without_ids(machine: &LocalMachine, text: &str) -> String {
    let goal = forge_of(machine);
    let all = machine.git_in(&goal, &["log", "--all", "--reflog", "--format=%h", "--abbrev=7"]);
    let shown = all
        .lines()
        .fold(text.to_owned(), |text, id| text.replace(id, "......."));
    shown.replace(&machine.path("forge").display().to_string(), "FORGE")
}

#[test]
fn ym_07_a_reference_is_locked_checked_and_run_without_its_repository() {
    let machine = machine();
    let check = machine.sdm(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(out(&check).contains("run `sdm lock`"), "{}", out(&check));

    let asked = machine.sdm(&["lock"]);
    assert_eq!(asked.status.code(), Some(1), "nobody is there to agree");
    insta::assert_snapshot!(without_ids(&machine, &out(&asked)), @r"
    acme/make-goal@1.0  new, ....... of file://FORGE/acme/make-goal
      + make:
      +   execute: {run: [sh, -c, 'echo made ${parameters.target:all}']}
    ");
    assert!(error(&asked).contains("nothing is written; say `--yes`"));
    assert!(!machine.path("goals/goals.lock").exists());

    machine.ok(&["lock", "--yes"]);
    std::fs::remove_dir_all(machine.path("forge")).unwrap();
    machine.ok(&["check"]);
    assert!(machine.ok(&["lock", "--check"]).is_empty());
    let unknown = machine.sdm(&["lock", "--update", "acme/other"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(error(&unknown).contains("no goal file refers to acme/other"));
    assert!(machine.ok(&["run"]).contains("build"));
    let plan = machine.json(&["explain"]);
    assert_eq!(plan["goals"][0]["name"], "build");
}

#[test]
fn ym_22_k1_what_is_locked_changes_only_when_somebody_says_so() {
    let machine = machine();
    machine.ok(&["lock", "--yes"]);
    publish(&machine, &MAKE.replace("made", "broke"), "1.0");
    assert_eq!(
        machine.json(&["lock"])["unchanged"],
        1,
        "the tag is not looked at again"
    );
    let moved = machine.sdm(&["lock", "--check", "--update"]);
    assert_eq!(moved.status.code(), Some(1));
    insta::assert_snapshot!(without_ids(&machine, &out(&moved)), @r"
    acme/make-goal@1.0  ....... becomes .......
        make:
      -   execute: {run: [sh, -c, 'echo made ${parameters.target:all}']}
      +   execute: {run: [sh, -c, 'echo broke ${parameters.target:all}']}
    ");

    let locked = machine.path("goals/goals.lock.d/acme/make-goal@1.0.yaml");
    std::fs::write(&locked, MAKE.replace("made", "evil")).unwrap();
    let check = machine.sdm(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        out(&check).contains("make-goal@1.0.yaml is not what `goals.lock` says"),
        "{}",
        out(&check)
    );
    machine.ok(&["lock", "--yes"]);
    assert_eq!(
        std::fs::read_to_string(&locked).unwrap(),
        MAKE,
        "what is locked is back"
    );

    let view = machine.json(&["lock", "--update", "--yes", "acme/make-goal@1.0"]);
    assert_eq!(
        (&view["written"], &view["references"][0]["change"]),
        (&true.into(), &"changed".into())
    );
    machine.ok(&["check"]);
    machine.write_goals("rules: []\n");
    machine.ok(&["lock", "--yes"]);
    assert!(!locked.exists(), "nothing refers to it any more");
}

#[test]
fn k1_a_reference_that_cannot_be_fetched_stays_what_it_was_and_nothing_takes_its_place() {
    let mut machine = machine();
    machine.ok(&["lock", "--yes"]);
    let lock = std::fs::read(machine.path("goals/goals.lock")).unwrap();
    let file = std::fs::read(machine.path("goals/goals.lock.d/acme/make-goal@1.0.yaml")).unwrap();
    std::fs::rename(machine.path("forge"), machine.path("away")).unwrap();
    let update = machine.sdm(&["lock", "--update", "--yes"]);
    assert_eq!(update.status.code(), Some(4), "{}", error(&update));
    assert_eq!(std::fs::read(machine.path("goals/goals.lock")).unwrap(), lock);
    let kept = std::fs::read(machine.path("goals/goals.lock.d/acme/make-goal@1.0.yaml")).unwrap();
    assert_eq!(kept, file);
    machine.ok(&["check"]);
    // Another name with the same goal in it is nothing that is locked.
    machine.write_goals(&GOALS.replace("@1.0", "@2.0"));
    let check = machine.sdm(&["check"]);
    assert!(
        out(&check).contains("it is not in `goals.lock`"),
        "{}",
        out(&check)
    );
    machine.write_goals(GOALS);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(set["state"], "success");
    machine.stop();
}

#[test]
fn owners_who_are_not_trusted_bring_no_commands_and_unknown_ones_are_said() {
    let mut machine = machine();
    machine.ok(&["lock", "--yes"]);
    machine.set("SDM_TRUSTED_OWNERS", "somebody-else");
    let check = machine.sdm(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        out(&check).contains("add acme to `trusted_owners`"),
        "{}",
        out(&check)
    );
    assert!(
        out(&check).contains("goals.lock.d/acme/make-goal@1.0.yaml:2:3"),
        "{}",
        out(&check)
    );
    for (reference, part) in [
        ("acme/make-goal@9.9", "has no tag, branch or commit `9.9`"),
        ("acme/nowhere@1.0", "is not there"),
    ] {
        machine.write_goals(&GOALS.replace("acme/make-goal@1.0", reference));
        let refused = machine.sdm(&["lock"]);
        assert_eq!(refused.status.code(), Some(4), "{}", error(&refused));
        assert!(error(&refused).contains(part), "{}", error(&refused));
    }
}

#[test]
fn what_check_would_refuse_is_shown_and_not_locked() {
    let mut machine = machine();
    machine.set("SDM_TRUSTED_OWNERS", "somebody-else");
    let refused = machine.sdm(&["lock", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    let shown = out(&refused);
    assert!(shown.contains("add acme to `trusted_owners`"), "{shown}");
    assert!(
        shown.contains("goals.lock.d/acme/make-goal@1.0.yaml:2:3"),
        "{shown}"
    );
    assert!(
        error(&refused).contains("nothing is written"),
        "{}",
        error(&refused)
    );
    assert!(!machine.path("goals/goals.lock").exists());

    machine.set("SDM_TRUSTED_OWNERS", "acme");
    machine.write_goals(&GOALS.replace("acme/make-goal@", "acme/make-goal/mkae@"));
    let view = machine.sdm(&["lock", "--yes", "--json"]);
    assert_eq!(view.status.code(), Some(1));
    let view: serde_json::Value = serde_json::from_slice(&view.stdout).unwrap();
    assert_eq!(view["written"], false);
    assert_eq!(
        view["diagnostics"][0]["hint"],
        "did you mean `acme/make-goal/make`?"
    );

    // What is wrong elsewhere is for `sdm check` to say.
    machine.write_goals(&format!("{GOALS}  - name: wrong\n    goals: nothing\n"));
    machine.ok(&["lock", "--yes"]);
    machine.write_goals(GOALS);
    machine.ok(&["check"]);
}
