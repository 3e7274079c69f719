//! Commit to done: the real program on real repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::local::{LocalMachine, state_of};

const TWO_GOALS: &str = r#"
rules:
  - name: build
    test: {has_file: README.md}
    goals:
      - {name: compile, execute: {run: [sh, -c, "echo compiling; cat README.md"]}}
      - {name: test, execute: {run: [sh, -c, "git rev-parse HEAD; git status --porcelain"]}}
"#;

#[test]
fn a_commit_is_planned_run_and_shown() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    let sha = machine.commit("second", &[("README.md", "second text")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    assert_eq!(
        (state_of(&set, "compile"), state_of(&set, "test")),
        ("success", "success")
    );
    assert!(machine.ok(&["logs", "compile"]).contains("second text"));
    let log = machine.ok(&["logs", "test"]);
    assert!(
        log.contains(&sha),
        "the working copy is a git worktree at the pushed commit:\n{log}"
    );
    assert_eq!(
        machine.git(&["status", "--porcelain"]),
        "",
        "the user's tree is untouched"
    );
    machine.stop();
}

#[test]
fn amends_rebases_branches_worktrees_and_deletions_are_what_they_are() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    let first = machine.commit("second", &[("a", "1")]);
    machine.ended_set_of(&first);
    machine.git(&["commit", "--quiet", "--amend", "-m", "second, better"]);
    let amended = machine.git(&["rev-parse", "HEAD"]);
    assert_eq!(machine.ended_set_of(&amended)["state"], "success");
    machine.git(&["checkout", "--quiet", "-b", "feature"]);
    let feature = machine.commit("on a feature", &[("b", "1")]);
    assert_eq!(machine.ended_set_of(&feature)["branch"], "feature");
    machine.git(&["worktree", "add", "--quiet", "-b", "beside", "../beside"]);
    let beside = machine.path("acme/beside");
    std::fs::write(beside.join("c"), "1").unwrap();
    machine.git_in(&beside, &["add", "c"]);
    machine.git_in(&beside, &["commit", "--quiet", "-m", "in a worktree"]);
    let sha = machine.git_in(&beside, &["rev-parse", "HEAD"]);
    assert_eq!(machine.ended_set_of(&sha)["branch"], "beside");
    machine.git(&["checkout", "--quiet", "--detach"]);
    machine.commit("detached", &[("d", "1")]);
    machine.git(&["checkout", "--quiet", "main"]);
    machine.git(&["branch", "--quiet", "-D", "feature"]);
    machine.git(&["pack-refs", "--all"]);
    let last = machine.commit("after all that", &[("e", "1")]);
    machine.ended_set_of(&last);
    let shas: BTreeSet<String> = machine
        .goal_sets()
        .iter()
        .map(|set| set["sha"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        shas,
        BTreeSet::from([first, amended, feature, sha, last]),
        "one set each and none for the rest"
    );
    machine.stop();
}

#[test]
fn a_bare_repository_takes_pushes() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    let bare = machine.path("acme/bare.git");
    machine.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    machine.start_on(&[bare.to_str().unwrap()]);
    let sha = machine.commit("pushed", &[("a", "1")]);
    machine.git(&["push", "--quiet", bare.to_str().unwrap(), "main"]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn lo_15_hazard_22_commits_made_while_no_machine_runs_are_caught_up_once() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    machine.stop();
    machine.commit("while it was away", &[("a", "1")]);
    let sha = machine.commit("and another", &[("a", "2")]);
    machine.start();
    machine.ended_set_of(&sha);
    machine.stop();
    machine.start();
    let pushes = machine.json(&["show", "pushes"]);
    let pushes = pushes["pushes"].as_array().unwrap();
    assert_eq!((pushes.len(), pushes[0]["commits"].as_u64()), (1, Some(2)));
    assert_eq!(machine.goal_sets().len(), 1);
    machine.stop();
}

#[test]
fn a1_names_from_git_are_data_everywhere() {
    let goals = r#"
rules:
  - name: hostile
    goals:
      - {name: argument, execute: {run: [printf, "%s\n", "on ${branch}"]}}
      - {name: script, execute: {run: [sh, -c, "echo \"${branch}\" \"$ATOMIST_BRANCH\""]}}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let canary = machine.path("CANARY");
    let branch = format!("$(touch${{IFS}}{})", canary.display());
    machine.git(&["checkout", "--quiet", "-b", &branch]);
    let sha = machine.commit("`touch CANARY` $(touch CANARY)", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success");
    assert!(machine.ok(&["logs", "argument"]).contains(&branch));
    assert!(
        machine
            .ok(&["logs", "script"])
            .contains(&format!("{branch} {branch}"))
    );
    assert!(!canary.exists() && !machine.repo().join("CANARY").exists());
    machine.stop();
}

#[test]
fn goals_get_the_contract_and_nothing_of_the_daemon() {
    let goals = r#"
rules:
  - name: look
    goals: {name: env, execute: {run: [env], env: {GREETING: "hi ${repo.owner}"}}}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let sha = machine.commit("look around", &[("a", "1")]);
    machine.ended_set_of(&sha);
    let log = machine.ok(&["logs", "env"]);
    assert!(
        log.contains("GREETING=hi acme") && log.contains(&format!("ATOMIST_SHA={sha}")),
        "{log}"
    );
    assert!(
        !log.contains("SDM_TEST_CANARY") && !log.contains("SDM_HOME"),
        "{log}"
    );
    machine.stop();
}

#[test]
fn a_goal_result_file_sets_description_and_phase() {
    let goals = r#"
rules:
  - name: report
    goals:
      name: report
      execute:
        run: [sh, -c, "echo atm:phase=halfway; echo '{\"description\": \"all 42 pass\", \"phase\": \"done\"}' > $ATOMIST_RESULT"]
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let sha = machine.commit("report", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["goals"][0]["description"], "all 42 pass", "{set:#}");
    assert_eq!(set["goals"][0]["phase"], "done");
    machine.stop();
}

#[test]
fn ym_21_a_broken_edit_of_goal_files_leaves_the_old_rules_running() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    machine.write_goals("rules:\n  - nam: broken\n");
    machine.wait_until("the problem is said", |machine| {
        let status = machine.json(&["show", "machines"]);
        status["machines"][0]["goal_files_problem"]
            .as_str()
            .map(str::to_owned)
    });
    let sha = machine.commit("with the old rules", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["name"], "build");
    machine.write_goals(&TWO_GOALS.replace("name: build", "name: rebuilt"));
    machine.wait_until("the new rules are in use", |machine| {
        let status = machine.json(&["show", "machines"]);
        status["machines"][0]["goal_files_problem"]
            .is_null()
            .then_some(())
    });
    let sha = machine.commit("with the new rules", &[("a", "2")]);
    assert_eq!(machine.ended_set_of(&sha)["name"], "rebuilt");
    machine.stop();
}

#[test]
fn approve_deny_cancel_retry_and_reset_work_from_the_command_line() {
    let goals = r#"
rules:
  - name: ship
    goals:
      - {name: check, execute: {run: [sh, -c, "test -e pass"]}, retry: true}
      - {name: publish, execute: {run: [echo, published]}, pre_approval: true}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let sha = machine.commit("fails", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        (state_of(&set, "check"), state_of(&set, "publish")),
        ("failure", "skipped")
    );
    machine.ok(&["retry", "check"]);
    machine.wait_until("it has failed again", |machine| {
        let set = machine.set_of(&sha);
        (set["goals"][0]["attempt"] == 2 && set["active"] == false).then_some(())
    });
    let sha = machine.commit("passes", &[("pass", "1")]);
    let waits = |machine: &LocalMachine| {
        (state_of(&machine.set_of(&sha), "publish") == "waiting_for_pre_approval").then_some(())
    };
    machine.wait_until("publish waits", waits);
    machine.ok(&["deny", "publish", "--reason", "not on a Friday"]);
    assert!(
        machine.set_of(&sha)["goals"][1]["description"]
            .as_str()
            .unwrap()
            .contains("not on a Friday")
    );
    machine.ok(&["approve", "publish"]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let refused = machine.sdm(&["approve", "publish"]);
    assert!(!refused.status.success());
    machine.ok(&["reset"]);
    machine.wait_until("there is a further set that waits", |machine| {
        let sets: Vec<Value> = machine
            .goal_sets()
            .into_iter()
            .filter(|set| set["sha"] == *sha)
            .collect();
        (sets.len() == 2 && state_of(&sets[0], "publish") == "waiting_for_pre_approval").then_some(())
    });
    machine.ok(&["cancel"]);
    assert_eq!(machine.goal_sets()[0]["state"], "canceled");
    machine.stop();
}

/// Each start of a goal leaves a line outside its working copy, and prints a hundred lines with a pause in the middle.
fn counting_goals(journal: &std::path::Path) -> String {
    format!(
        r#"
rules:
  - name: count
    goals:
      - name: one
        execute:
          run: [sh, -c, 'echo "$ATOMIST_SHA $SDM_GOAL $SDM_ATTEMPT" >> {0}; for i in $(seq 1 50); do echo line $i; done; sleep 0.3; for i in $(seq 51 100); do echo line $i; done']
      - name: two
        execute: {{run: [sh, -c, 'echo "$ATOMIST_SHA $SDM_GOAL $SDM_ATTEMPT" >> {0}']}}
"#,
        journal.display()
    )
}

#[test]
fn st_30_kill_9_at_any_moment_loses_nothing_and_runs_nothing_twice() {
    let mut machine = LocalMachine::new("rules: []");
    let journal = machine.path("journal");
    machine.write_goals(&counting_goals(&journal));
    machine.start();
    let mut last = String::new();
    for round in 0..8 {
        last = machine.commit(&format!("round {round}"), &[("a", &round.to_string())]);
        match round % 4 {
            0 => {}
            1 => drop(machine.set_of(&last)),
            2 => machine.wait_until("the first goal runs", |machine| {
                (state_of(&machine.set_of(&last), "one") == "in_process").then_some(())
            }),
            _ => machine.wait_until("the first goal has ended", |machine| {
                (state_of(&machine.set_of(&last), "one") == "success").then_some(())
            }),
        }
        machine.kill();
        machine.start();
    }
    machine.ended_set_of(&last);
    let sets = machine.wait_until("every set has ended", |machine| {
        let sets = machine.goal_sets();
        sets.iter().all(|set| set["active"] == false).then_some(sets)
    });
    let mut per_commit: BTreeMap<&str, u32> = BTreeMap::new();
    for set in &sets {
        assert_eq!(set["state"], "success", "{set:#}");
        *per_commit.entry(set["sha"].as_str().unwrap()).or_default() += 1;
        let log = machine.ok(&["logs", set["id"].as_str().unwrap(), "one"]);
        let lines = log.lines().filter(|line| line.starts_with("line ")).count();
        assert_eq!(lines, 100, "no line of a log is lost:\n{log}");
    }
    assert!(
        per_commit.values().all(|count| *count == 1),
        "one plan for a push: {per_commit:?}"
    );
    let journal = std::fs::read_to_string(journal).unwrap();
    let starts: Vec<&str> = journal.lines().collect();
    let distinct: BTreeSet<&str> = starts.iter().copied().collect();
    assert_eq!(starts.len(), distinct.len(), "nothing ran twice:\n{journal}");
    assert_eq!(starts.len(), sets.len() * 2);
    let pushed: u64 = machine.json(&["show", "pushes", "--limit", "100"])["pushes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|push| push["commits"].as_u64().unwrap())
        .sum();
    assert_eq!(pushed, 8, "every commit is in exactly one push");
    machine.stop();
}

#[test]
fn j1_j6_state_socket_and_logs_are_closed_to_others() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.ended_set_of(&sha);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.path("state")), 0o700);
    assert_eq!(mode(&machine.path("state/sdm.db")), 0o600);
    let socket = std::path::PathBuf::from(machine.status().unwrap()["socket"].as_str().unwrap());
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", machine.pid())).unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    let own: BTreeSet<String> = targets
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    for table in ["tcp", "tcp6"] {
        let listening = std::fs::read_to_string(format!("/proc/{}/net/{table}", machine.pid())).unwrap();
        for row in listening.lines().skip(1) {
            let inode = row.split_whitespace().nth(9).unwrap();
            assert!(
                !own.contains(&format!("socket:[{inode}]")),
                "no TCP port is open: {row}"
            );
        }
    }
    machine.stop();
}

#[test]
fn a_vanished_repository_is_said_and_comes_back() {
    let mut machine = LocalMachine::new(TWO_GOALS);
    machine.start();
    let away = machine.path("acme/away");
    std::fs::rename(machine.repo(), &away).unwrap();
    std::fs::create_dir(machine.repo()).unwrap();
    machine.wait_until("it is said", |machine| {
        let status = machine.json(&["show", "machines"]);
        let watch = status["machines"][0]["repositories"][0]["watch"]
            .as_str()
            .unwrap()
            .to_owned();
        watch.contains("not there").then_some(())
    });
    std::fs::remove_dir(machine.repo()).unwrap();
    std::fs::rename(&away, machine.repo()).unwrap();
    let sha = machine.commit("back again", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    machine.stop();
}

#[test]
fn run_carries_out_the_uncommitted_tree_and_touches_nothing() {
    let machine = LocalMachine::new(TWO_GOALS);
    std::fs::write(machine.repo().join("README.md"), "not committed").unwrap();
    std::fs::write(machine.repo().join("new"), "not even added").unwrap();
    let index = machine.repo().join(".git/index");
    let before = (
        std::fs::read(&index).unwrap(),
        std::fs::metadata(&index).unwrap().modified().unwrap(),
    );
    let output = machine.sdm(&["run", "--worktree"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let after = (
        std::fs::read(&index).unwrap(),
        std::fs::metadata(&index).unwrap().modified().unwrap(),
    );
    assert!(before == after, "the index is byte-identical, its time too (J5)");
    assert_eq!(machine.git(&["status", "--porcelain"]), "M README.md\n?? new");
}

#[test]
fn run_ends_with_one_when_a_goal_fails_and_shows_its_log() {
    let machine = LocalMachine::new(
        "rules: [{name: bad, goals: {name: bad, execute: {run: [sh, -c, 'echo the reason; exit 3']}}}]",
    );
    let output = machine.sdm(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let all = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(all.contains("the reason"), "{all}");
}

#[test]
fn run_shows_on_request_what_goals_wrote_that_succeeded_and_suggests_nothing_that_needs_a_daemon() {
    let goals = "
rules:
  - name: both
    goals:
      - {name: good, execute: {run: [echo, the output]}}
      - {name: bad, execute: {run: [sh, -c, 'seq 300; exit 3']}}
";
    let machine = LocalMachine::new(goals);
    let all = |arguments: &[&str]| {
        let output = machine.sdm(arguments);
        let both = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&both).into_owned()
    };
    let (brief, verbose) = (all(&["run"]), all(&["run", "--verbose"]));
    assert!(
        !brief.contains("the output") && verbose.contains("\n  the output\n"),
        "{verbose}"
    );
    assert!(!brief.contains("sdm logs"), "{brief}");
    let path = brief
        .split_once("all of it, as JSON: ")
        .expect("the log is cut")
        .1
        .trim();
    assert!(
        std::fs::read_to_string(path).unwrap().contains("\"300\""),
        "{path}"
    );
}

#[test]
fn a_log_that_is_followed_goes_on_when_the_daemon_is_back() {
    let mut machine = LocalMachine::new("rules: []");
    let gate = machine.path("gate");
    machine.write_goals(&format!(
        "rules: [{{name: a, goals: {{name: slow, execute: {{run: [sh, -c, 'echo one; until test -e {}; do sleep 0.1; done; echo two']}}}}}}]",
        gate.display()
    ));
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("it has written", |machine| {
        let output = machine.sdm(&["logs", "slow"]);
        String::from_utf8_lossy(&output.stdout)
            .contains("one")
            .then_some(())
    });
    let mut follow = machine.command(&["logs", "--follow", "slow"]);
    let mut follow = follow
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(follow.stdout.as_mut().unwrap(), &mut first).unwrap();
    machine.kill();
    machine.start();
    std::fs::write(gate, "").unwrap();
    machine.ended_set_of(&sha);
    let output = follow.wait_with_output().unwrap();
    let rest = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("the daemon is back"),
        "{told}"
    );
    let once = |line: &str| rest.lines().filter(|shown| *shown == line).count();
    assert_eq!((once("one"), once("two")), (1, 1), "{rest}");
    machine.stop();
}

#[test]
fn a_commit_is_canceled_with_all_its_goal_sets() {
    let mut machine = LocalMachine::new(
        "rules: [{name: a, goals: {name: ship, uncancelable: true, pre_approval: true, execute: {run: [echo]}}}]",
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.set_of(&sha);
    machine.ok(&["reset"]);
    let active = |machine: &LocalMachine| {
        let sets = machine.goal_sets();
        sets.iter().filter(|set| set["active"] == true).count()
    };
    assert_eq!(
        active(&machine),
        2,
        "what must not be canceled stays beside the further set"
    );
    machine.ok(&["cancel", &sha]);
    assert_eq!(active(&machine), 0);
    machine.stop();
}

#[test]
fn what_the_daemon_planned_is_asked_for_by_name_and_other_goal_files_are_remarked_on() {
    let mut machine = LocalMachine::new(
        "rules: [{name: topics, test: {is_branch: ^topic$}, goals: {name: a, execute: {run: [echo]}}}]",
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("it is planned", |machine| {
        machine
            .sdm(&["explain", "--stored", &sha])
            .status
            .success()
            .then_some(())
    });
    for words in [&["explain", "--stored"][..], &["explain", "--stored", "main"]] {
        assert!(machine.ok(words).contains("topics"), "{words:?}");
    }
    let explained = |other: bool| {
        let mut command = machine.command(&["explain"]);
        if other {
            command.env_remove("SDM_GOALS");
        }
        String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned()
    };
    assert!(
        explained(true).contains("the daemon uses other goal files here: "),
        "{}",
        explained(true)
    );
    assert!(!explained(false).contains("the daemon uses other"));
    machine.stop();
}

#[test]
fn explain_says_why_in_every_format_without_a_daemon() {
    let machine = LocalMachine::new(TWO_GOALS);
    let json = machine.json(&["explain"]);
    assert_eq!(json["goal_set"], "build");
    assert_eq!(json["rules"][0]["outcome"], "matched");
    assert!(machine.ok(&["explain"]).contains("README.md"));
    assert!(
        machine
            .ok(&["explain", "--format", "mermaid"])
            .starts_with("flowchart")
    );
    assert!(machine.ok(&["explain", "--format", "dot"]).starts_with("digraph"));
    machine.commit("another", &[("a", "1")]);
    let range = machine.json(&["explain", "HEAD~1..HEAD"]);
    assert_eq!(range["push"]["after"], machine.git(&["rev-parse", "HEAD"]));
}

#[test]
fn a_version_that_a_goal_reports_reaches_the_goals_after_it() {
    let goals = r#"
rules:
  - name: release
    goals:
      - name: version
        execute: {run: [sh, -c, 'echo "{\"SdmGoal\": {\"push\": {\"after\": {\"version\": \"1.2.3\"}}}}" > $ATOMIST_RESULT']}
      - {name: use, execute: {run: [echo, "version ${push.after.version}"], env: {AGAIN: "${push.after.version:none}"}}}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let sha = machine.commit("release", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    assert!(machine.ok(&["logs", "use"]).contains("version 1.2.3"));
    machine.stop();
}

#[test]
fn j2_goal_files_that_a_repository_brings_along_are_not_used_unasked() {
    let machine = LocalMachine::new(TWO_GOALS);
    let canary = machine.path("CANARY");
    let evil = format!(
        "rules: [{{name: evil, goals: {{name: evil, execute: {{run: [touch, {}]}}}}}}]",
        canary.display()
    );
    std::fs::create_dir(machine.repo().join("goals")).unwrap();
    std::fs::write(machine.repo().join("goals/evil.yaml"), evil).unwrap();
    let mut command = machine.command(&["run"]);
    let output = command
        .env_remove("SDM_GOALS")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody has confirmed it"));
    assert!(!canary.exists());
    machine.ok(&["run", "--goals", "goals"]);
    assert!(canary.exists(), "who names them has looked at them");
}
