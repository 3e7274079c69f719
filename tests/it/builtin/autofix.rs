//! `autofix` (semantics 4.1; AF-01 to AF-10, LO-11, D10).

use std::os::unix::fs::PermissionsExt;

use super::{goal, machine, said};
use crate::support::local::{LocalMachine, state_of};

const SHOUT: &str = r#"      - {name: shout, autofix: {run: [sh, -c, "tr a-z A-Z < README.md > r && mv r README.md"]}}
      - {name: test, execute: {run: ["true"]}}
"#;

/// The machine with no branch checked out, so that any can move.
fn detached(machine: &LocalMachine) {
    machine.git(&["checkout", "--quiet", "--detach"]);
}

fn commit_on_main(machine: &LocalMachine, message: &str, files: &[(&str, &str)]) -> String {
    machine.git(&["checkout", "--quiet", "--detach", "main"]);
    let sha = machine.commit(message, files);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    sha
}

#[test]
fn af_03_a_fix_is_one_commit_in_one_push_and_the_new_push_gets_goals_of_its_own() {
    let mut machine = machine(SHOUT);
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("README.md", "quiet\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "shout"), ("stopped", "Autofixes applied"), "{set:#}");
    assert_eq!(goal(&set, "shout")["phase"], "shout");
    assert_eq!(state_of(&set, "test"), "skipped");
    let fixed = machine.git(&["rev-parse", "main"]);
    assert_eq!(machine.git(&["show", "main:README.md"]), "QUIET");
    assert_eq!(machine.git(&["rev-parse", "main^"]), sha);
    assert_eq!(
        machine.git(&[
            "log",
            "-1",
            "--format=%an|%cn|%s|%(trailers:key=Sdm-Generated)",
            "main"
        ]),
        "sdm|sdm|Autofix: shout|Sdm-Generated: shout"
    );
    let after = machine.ended_set_of(&fixed);
    assert_eq!(
        said(&after, "shout"),
        ("success", "No autofixes applied"),
        "AF-05: its own push"
    );
    assert_eq!(state_of(&after, "test"), "success");
    machine.stop();
}

#[test]
fn af_07_a_failing_fix_is_put_back_when_it_is_ignored_and_ends_the_goal_when_not() {
    let mut machine = machine(
        r#"      - name: fixes
        autofix:
          fixes:
            - {name: breaks, run: [sh, -c, "echo broken > README.md; echo new > new; exit 3"], ignore_failure: true}
            - {name: works, run: [sh, -c, "echo works > works"]}
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("README.md", "text\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "fixes").0, "stopped", "{set:#}");
    assert_eq!(goal(&set, "fixes")["phase"], "works");
    assert_eq!(machine.git(&["diff", "--name-only", &sha, "main"]), "works");
    machine.write_goals(
        "rules:\n  - name: all\n    goals:\n      - name: fixes\n        autofix:\n          fixes:\n            - {name: works, run: [sh, -c, \"echo more > more\"]}\n            - {name: breaks, run: [sh, -c, \"exit 3\"]}\n",
    );
    machine.wait_until("the goal files are read again", |machine| {
        machine.daemon_log().contains("goal files").then_some(())
    });
    machine.stop();
    machine.start();
    let sha = commit_on_main(&machine, "third", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    let failed = goal(&set, "fixes");
    assert_eq!(failed["state"], "failure", "{set:#}");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("`breaks` failed with code 3"),
        "{set:#}"
    );
    assert_eq!(machine.git(&["rev-parse", "main"]), sha, "nothing is pushed");
    machine.stop();
}

#[test]
fn af_06_af_09_a_newer_commit_supersedes_what_the_fixes_made() {
    let mut machine = machine(
        r#"      - {name: slow, autofix: {run: [sh, -c, "echo x > x; touch $HOME/began; while ! [ -e $HOME/go ]; do sleep 0.02; done"]}}
"#,
    );
    let home = machine.path("home");
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    machine.wait_until("the fix runs", |_| home.join("began").exists().then_some(()));
    let newer = commit_on_main(&machine, "third", &[("b", "1")]);
    std::fs::write(home.join("go"), "").unwrap();
    let set = machine.ended_set_of(&sha);
    assert_eq!(goal(&set, "slow")["state"], "canceled", "{set:#}");
    machine.ended_set_of(&newer);
    let log = machine.git(&["log", "--format=%s", "main"]);
    assert_eq!(
        log, "Autofix: slow\nthird\nsecond\nfirst",
        "nothing is forced and nothing lost"
    );
    machine.stop();
}

#[test]
fn af_08_fixes_that_undo_each_other_are_seen_at_once() {
    let mut machine = machine(
        r#"      - name: fixes
        autofix:
          fixes:
            - {name: one, run: [sh, -c, "echo one > f"]}
            - {name: two, run: [sh, -c, "echo $RANDOM$$ > f"]}
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    let error = goal(&set, "fixes")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("do not come to an end"), "{set:#}");
    assert_eq!(machine.git(&["rev-parse", "main"]), sha);
    machine.stop();
}

#[test]
fn af_08_d10_goals_that_undo_each_other_are_cut_after_three_pushes() {
    let mut machine = machine(
        r#"      - {name: plus, autofix: {run: [sh, -c, "echo plus > f"]}}
      - {name: minus, autofix: {run: [sh, -c, "echo minus > f"]}}
"#,
    );
    detached(&machine);
    machine.start();
    commit_on_main(&machine, "second", &[("a", "1")]);
    let failed = machine.wait_until("the loop is cut", |machine| {
        let sets = machine.goal_sets();
        let failed = |set: &serde_json::Value| set["state"] == "failure";
        sets.into_iter().find(failed)
    });
    assert!(failed.to_string().contains("in a row"), "{failed:#}");
    assert_eq!(
        machine.git(&["rev-list", "--count", "main"]),
        "5",
        "two by hand, three by goals"
    );
    machine.stop();
}

#[test]
fn lo_11_what_a_developer_has_checked_out_is_left_alone_and_the_fix_waits_on_a_branch() {
    let mut machine = machine(SHOUT);
    machine.start();
    let sha = machine.commit("second", &[("README.md", "quiet\n")]);
    std::fs::write(machine.repo().join("README.md"), "work in progress\n").unwrap();
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        said(&set, "shout"),
        (
            "success",
            "Autofixes left on a branch: git merge --ff-only sdm/autofix/main"
        ),
        "{set:#}"
    );
    assert_eq!(state_of(&set, "test"), "success");
    assert_eq!(machine.git(&["rev-parse", "HEAD"]), sha);
    assert_eq!(machine.git(&["status", "--porcelain"]), "M README.md");
    assert_eq!(machine.git(&["show", "sdm/autofix/main:README.md"]), "QUIET");
    assert!(
        machine
            .ok(&["feed", "--json", "--no-follow"])
            .contains("git merge --ff-only sdm/autofix/main")
    );
    machine.git(&["checkout", "--quiet", "README.md"]);
    machine.git(&["merge", "--quiet", "--ff-only", "sdm/autofix/main"]);
    let merged = machine.git(&["rev-parse", "HEAD"]);
    assert_eq!(said(&machine.ended_set_of(&merged), "shout").0, "success");
    assert!(
        machine.goal_sets().iter().all(|set| set["branch"] == "main"),
        "the branch beside is not delivered"
    );
    machine.stop();
}

#[test]
fn lo_11_a_clean_work_tree_moves_along_only_when_its_author_says_so() {
    let mut machine = machine(
        r#"      - {name: shout, autofix: {merge: if_clean, run: [sh, -c, "tr a-z A-Z < README.md > r && mv r README.md"]}}
"#,
    );
    machine.start();
    let sha = machine.commit("second", &[("README.md", "quiet\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "shout"), ("stopped", "Autofixes applied"), "{set:#}");
    assert_eq!(machine.git(&["status", "--porcelain"]), "");
    assert_eq!(
        std::fs::read_to_string(machine.repo().join("README.md")).unwrap(),
        "QUIET\n"
    );
    machine.stop();
}

#[test]
fn af_04_another_branch_takes_the_commits_and_the_goal_succeeds() {
    let mut machine = machine(
        r#"      - name: shout
        autofix:
          run: [sh, -c, "tr a-z A-Z < README.md > r && mv r README.md"]
          presentation: pull_request
          branch: "fix-${push.branch}"
"#,
    );
    machine.start();
    let sha = machine.commit("second", &[("README.md", "quiet\n")]);
    let set = machine.ended_set_of(&sha);
    let (state, description) = said(&set, "shout");
    assert_eq!(state, "success", "{set:#}");
    assert!(
        description.contains("fix-main") && description.contains("no forge"),
        "{description}"
    );
    assert_eq!(machine.git(&["show", "fix-main:README.md"]), "QUIET");
    assert_eq!(machine.git(&["rev-parse", "main"]), sha);
    machine.stop();
}

#[test]
fn af_09_a_daemon_killed_while_a_fix_runs_pushes_it_once_after_its_restart() {
    let mut machine = machine(
        r#"      - {name: slow, autofix: {run: [sh, -c, "echo x > x; touch $HOME/began; while ! [ -e $HOME/go ]; do sleep 0.02; done"]}}
"#,
    );
    let home = machine.path("home");
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    machine.wait_until("the fix runs", |_| home.join("began").exists().then_some(()));
    machine.kill();
    std::fs::write(home.join("go"), "").unwrap();
    machine.start();
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "slow").0, "stopped", "{set:#}");
    assert_eq!(
        machine.git(&["log", "--format=%s", "main"]),
        "Autofix: slow\nsecond\nfirst"
    );
    machine.stop();
}

#[test]
fn b12_a_fix_that_touches_git_itself_runs_nothing_and_commits_nothing_of_it() {
    let mut machine = machine(
        r#"      - name: hostile
        autofix:
          run:
            - sh
            - -c
            - |
              mkdir -p .git/hooks hooks
              for h in post-index-change pre-commit post-commit; do printf '#!/bin/sh\ntouch $HOME/CANARY\n' > .git/hooks/$h; chmod +x .git/hooks/$h; done
              git config core.fsmonitor 'touch $HOME/CANARY'
              git config filter.x.clean 'touch $HOME/CANARY'
              echo '* filter=x' > .gitattributes
              echo fixed > fixed
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert!(!machine.path("home/CANARY").exists());
    assert_eq!(said(&set, "hostile").0, "stopped", "{set:#}");
    assert_eq!(
        machine.git(&["diff", "--name-only", &sha, "main"]),
        ".gitattributes\nfixed"
    );
    machine.stop();
}

#[test]
fn af_10_modes_links_and_deletions_are_part_of_a_fix() {
    let mut machine = machine(
        r#"      - {name: modes, autofix: {run: [sh, -c, "chmod +x script; ln -sf script link; rm -f gone"]}}
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("script", "#!/bin/sh\n"), ("gone", "x")]);
    let mode = std::fs::metadata(machine.repo().join("script"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "modes").0, "stopped", "{set:#}");
    let listed = machine.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]);
    assert_eq!(listed, "100644 README.md\n120000 link\n100755 script");
    machine.stop();
}

#[test]
fn af_10_a_fix_that_changes_nothing_is_no_edit_and_the_first_that_fails_is_the_last() {
    let mut machine = machine(
        r#"      - name: fixes
        autofix:
          fixes:
            - {name: clean, run: ["true"]}
            - {name: edits, run: [sh, -c, "echo edited > edited"]}
      - name: breaks
        autofix:
          fixes:
            - {name: clean, run: ["true"]}
            - {name: half, run: [sh, -c, "echo half > half; exit 3"]}
            - {name: never, run: [sh, -c, "echo never > never"]}
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(goal(&set, "fixes")["phase"], "edits", "{set:#}");
    assert_eq!(
        machine.git(&["log", "--format=%s", "main"]),
        "Autofix: edits\nsecond\nfirst"
    );
    let fixed = machine.git(&["rev-parse", "main"]);
    let set = machine.ended_set_of(&fixed);
    let breaks = goal(&set, "breaks");
    assert_eq!(breaks["state"], "failure", "{set:#}");
    assert_eq!(
        breaks["error"], "the fix `half` failed with code 3 after it had changed files",
        "that it failed, and that it had edited"
    );
    let log = machine.ok(&["logs", "breaks"]);
    assert!(log.contains("half") && !log.contains("never"), "{log}");
    assert_eq!(machine.git(&["rev-parse", "main"]), fixed);
    machine.stop();
}

#[test]
fn af_02_a_fix_whose_test_does_not_hold_changes_nothing() {
    let mut machine = machine(
        r#"      - name: fixes
        autofix:
          fixes:
            - {name: rust, run: [sh, -c, "echo rust > rust"], test: {has_file: Cargo.toml}}
            - {name: docs, run: [sh, -c, "echo docs > docs"], test: [{has_file: README.md}, {not: {has_file: Cargo.toml}}]}
      - name: lint
        inspect:
          inspections:
            - {name: never, run: ["false"], report: json, test: {has_file: Cargo.toml}}
"#,
    );
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(goal(&set, "fixes")["phase"], "docs", "{set:#}");
    assert_eq!(machine.git(&["diff", "--name-only", &sha, "main"]), "docs");
    let fixed = machine.git(&["rev-parse", "main"]);
    let set = machine.ended_set_of(&fixed);
    assert_eq!(said(&set, "lint").0, "success", "{set:#}");
    machine.stop();
}

/// The machine signs what fixes made once they have ended. Its memory lost, it knows the commit by that and runs nothing again;
/// the same signature on something else says nothing, whoever has read it.
#[test]
fn af_05_commits_of_fixes_are_signed_for_what_they_hold_and_for_their_place() {
    let mut machine = machine(
        r#"      - {name: shout, autofix: {run: [sh, -c, "touch $HOME/ran; tr a-z A-Z < README.md > r && mv r README.md"]}}
"#,
    );
    let key = machine.path("key");
    machine.ok(&["key", "new", "build", key.to_str().unwrap()]);
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    let config = format!("signing: {{key_name: build, key_file: '{}'}}\n", key.display());
    std::fs::write(directory.join("config.yaml"), config).unwrap();
    detached(&machine);
    machine.start();
    let sha = commit_on_main(&machine, "second", &[("README.md", "quiet\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "shout"), ("stopped", "Autofixes applied"), "{set:#}");
    let fixed = machine.git(&["rev-parse", "main"]);
    assert_eq!(machine.git(&["rev-parse", "main^"]), sha);
    let message = machine.git(&["log", "-1", "--format=%B", "main"]);
    assert!(
        message.contains("\nSdm-Generated: shout\nSdm-Signature: "),
        "{message}"
    );
    machine.ended_set_of(&fixed);
    machine.stop();

    // The memory is lost, and the commit comes again.
    std::fs::remove_dir_all(machine.path("state")).unwrap();
    std::fs::create_dir(machine.path("state")).unwrap();
    std::fs::remove_file(machine.path("home/ran")).unwrap();
    machine.git(&["branch", "--quiet", "--force", "main", &sha]);
    machine.start();
    machine.git(&["branch", "--quiet", "other", &fixed]);
    let set = machine.ended_set_of(&fixed);
    assert_eq!(
        said(&set, "shout"),
        ("success", "No autofixes applied"),
        "{set:#}"
    );
    assert_eq!(goal(&set, "shout")["phase"], "this push is made by them");
    assert!(!machine.path("home/ran").exists());

    // The same commit with another tree.
    let tree_of = |sha: &str| machine.git(&["rev-parse", &format!("{sha}^{{tree}}")]);
    let commit = machine.git(&["cat-file", "commit", &fixed]);
    let other = commit.replace(&tree_of(&fixed), &tree_of(&sha)) + "\n";
    std::fs::write(machine.path("forged"), other).unwrap();
    let file = machine.path("forged");
    let forged = machine.git(&["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    machine.git(&["branch", "--quiet", "forged", &forged]);
    machine.ended_set_of(&forged);
    assert!(
        machine.path("home/ran").exists(),
        "with another tree the signature says nothing"
    );
    machine.stop();
}
