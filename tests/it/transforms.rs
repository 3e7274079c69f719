//! Commands that change repositories (semantics 5.5; CM-06, CM-09, CM-10, D10), with the real program.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::local::LocalMachine;

const LOGO: &str = r#"
commands:
  - name: new logo
    description: Use the new logo
    parameters: {text: {pattern: "^[a-z ;$()]+$"}}
    transform:
      author: "Ada <ada@example.com>"
      steps:
        - {name: write, run: [sh, -c, "echo \"${parameters.text}\" >> logo; echo noise"]}
        - {name: only there, test: {has_file: old}, run: [rm, old]}
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Further repositories below `acme/`, beside the first one.
fn beside(machine: &LocalMachine, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = machine.path("acme").join(name);
    std::fs::create_dir_all(&path).unwrap();
    machine.git_in(&path, &["init", "--quiet", "--initial-branch=main", "."]);
    for (name, text) in files {
        std::fs::write(path.join(name), text).unwrap();
    }
    machine.git_in(&path, &["add", "--all"]);
    machine.git_in(&path, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    path
}

#[test]
fn cm_02_transforms_and_generators_are_commands_with_their_parameters() {
    let machine = LocalMachine::new(
        r#"
commands:
  - {name: logo, parameters: {text: {default: x}}, transform: {run: [a]}}
  - {name: service, parameters: {owner: {}, name: {}}, generate: {seed: acme/app}, dry_run: true}
"#,
    );
    let shown = machine.json(&["show", "commands"]);
    let of = |number: usize| {
        let command = &shown["commands"][number];
        let parameters = command["parameters"].as_array().unwrap().len();
        let is = |key: &str| command[key].as_bool().unwrap();
        (
            command["does"].as_str().unwrap(),
            parameters,
            is("on_repositories"),
            is("dry_run"),
        )
    };
    assert_eq!(of(0), ("transform", 1, true, false));
    assert_eq!(of(1), ("generate", 2, true, true));
    let wrong = "commands: [{name: a, dry_run: true, run: [x]}]";
    machine.write_goals(wrong);
    let refused = machine.sdm(&["check"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stdout) + &text(&refused.stderr);
    assert!(
        said.contains("`dry_run` is for what can show its changes"),
        "{said}"
    );
}

#[test]
fn cm_09_a_dry_run_shows_the_difference_and_the_line_that_applies_it() {
    let mut machine = LocalMachine::new(LOGO);
    machine.start();
    let head = machine.git(&["rev-parse", "HEAD"]);
    let output = machine.sdm(&["do", "new", "logo", "--text=a $(b); c", "--dry-run"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(
        out.starts_with("diff --git a/logo b/logo\n"),
        "what the programs say is not the data: {out}"
    );
    assert!(out.contains("+++ b/logo\n@@ -0,0 +1 @@\n+a $(b); c\n"), "{out}");
    assert!(err.contains("Would change 1 file"), "{err}");
    let line = format!(
        "sdm do new logo --text='a $(b); c' --targets.repo=acme/app --targets.branch=main --targets.sha={head} --dry-run=false"
    );
    assert!(err.contains(&format!("to apply it: {line}")), "{err}");
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main"
    );
    machine.commit("meanwhile", &[("b", "1")]);
    let sha = format!("--targets.sha={head}");
    machine.ok(&[
        "do",
        "new",
        "logo",
        "--text=a $(b); c",
        "--targets.repo=acme/app",
        "--targets.branch=main",
        &sha,
        "--dry-run=false",
    ]);
    assert_eq!(machine.git(&["rev-parse", "transform/new_logo^"]), head, "pinned");
    assert_eq!(machine.git(&["show", "transform/new_logo:logo"]), "a $(b); c");
    let nowhere = machine.sdm(&["do", "new", "logo", "--text=x", "--targets.branch=gone", &sha]);
    assert_eq!(nowhere.status.code(), Some(1));
    let said = text(&nowhere.stdout) + &text(&nowhere.stderr);
    assert!(said.contains("it has no branch gone"), "{said}");
    machine.stop();
}

#[test]
fn cm_06_programs_run_in_order_and_leave_one_commit_beside_a_work_tree_that_stays() {
    let mut machine = LocalMachine::new(LOGO);
    machine.commit("old", &[("old", "x")]);
    machine.start();
    std::fs::write(machine.repo().join("README.md"), "somebody is working\n").unwrap();
    let output = machine.sdm(&["do", "new", "logo", "--text=one"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("Changes pushed to transform/new_logo"));
    let format = "--format=%an <%ae>|%cn|%s|%(trailers:key=Sdm-Generated)";
    assert_eq!(
        machine.git(&["log", "-1", format, "transform/new_logo"]),
        "Ada <ada@example.com>|sdm|Use the new logo|Sdm-Generated: new logo"
    );
    assert_eq!(
        machine.git(&["diff", "--name-status", "main", "transform/new_logo"]),
        "A\tlogo\nD\told"
    );
    assert_eq!(machine.git(&["status", "--porcelain"]), "M README.md");
    // Once more: it goes on with its branch, and where there is nothing to do there is no commit.
    machine.ok(&["do", "new", "logo", "--text=two"]);
    assert_eq!(machine.git(&["show", "transform/new_logo:logo"]), "one\ntwo");
    assert_eq!(
        machine.git(&["rev-list", "--count", "main..transform/new_logo"]),
        "2"
    );
    // Merged: it begins anew.
    machine.git(&["checkout", "--quiet", "--", "README.md"]);
    machine.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "transform/new_logo"]);
    machine.ok(&["do", "new", "logo", "--text=three"]);
    assert_eq!(
        machine.git(&["rev-parse", "transform/new_logo^"]),
        machine.git(&["rev-parse", "main"])
    );
    machine.stop();
}

#[test]
fn cm_06_the_first_program_that_fails_is_the_last_and_nothing_is_pushed() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - name: break
    transform:
      steps:
        - {name: change, run: [touch, made]}
        - {name: wrong, run: [sh, -c, "exit 3"]}
        - {name: never, run: [touch, never]}
  - {name: nothing, transform: {run: ["true"]}}
  - {name: ask, transform: {run: [touch, made], presentation: pull_request}}
"#,
    );
    machine.start();
    let output = machine.sdm(&["do", "break"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("`wrong` failed with code 3"),
        "{}",
        text(&output.stderr)
    );
    let output = machine.sdm(&["do", "nothing"]);
    assert!(output.status.success() && text(&output.stderr).contains("No changes"));
    let output = machine.sdm(&["do", "ask"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("needs a forge"),
        "{}",
        text(&output.stderr)
    );
    let dry = machine.sdm(&["do", "ask", "--dry-run"]);
    assert!(dry.status.success() && text(&dry.stdout).contains("b/made"));
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main"
    );
    machine.stop();
}

#[test]
fn cm_10_a_pattern_on_three_repositories_is_a_job_with_three_tasks() {
    let mut machine = LocalMachine::new(LOGO);
    let paths = [
        machine.repo(),
        beside(&machine, "lib", &[("logo", "old\n")]),
        beside(&machine, "web", &[("old", "x")]),
        beside(&machine, "zoo", &[]),
    ];
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    machine.start_on(&paths);
    let shown = machine.json(&[
        "do",
        "new",
        "logo",
        "--text=x",
        "--targets.repos=^acme/(app|lib|web)$",
    ]);
    let tasks = shown["job"]["tasks"].as_array().unwrap();
    let of = |task: &Value| (task["repo"].clone(), task["state"].clone());
    let wanted: Vec<_> = ["acme/app", "acme/lib", "acme/web"]
        .map(|repo| (Value::from(repo), Value::from("success")))
        .to_vec();
    assert_eq!(tasks.iter().map(of).collect::<Vec<_>>(), wanted, "{shown:#}");
    let shown_in = |name: &str, what: &str| machine.git_in(&machine.path("acme").join(name), &["show", what]);
    assert_eq!(shown_in("lib", "transform/new_logo:logo"), "old\nx");
    assert_eq!(shown_in("web", "transform/new_logo:logo"), "x");
    let zoo = machine.git_in(
        &machine.path("acme/zoo"),
        &["branch", "--format=%(refname:short)"],
    );
    assert_eq!(zoo, "main");
    machine.stop();
}

#[test]
fn a_commit_on_the_branch_itself_goes_beside_a_work_tree_and_never_over_a_newer_one() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - name: slow
    parameters: {word: {}}
    transform:
      presentation: commit
      message: "Say ${parameters.word}"
      run: [sh, -c, "echo \"${parameters.word}\" > said; while ! [ -e $HOME/go ]; do sleep 0.02; done"]
"#,
    );
    std::fs::write(machine.path("home/go"), "").unwrap();
    machine.start();
    let output = machine.sdm(&["do", "slow", "--word=a"]);
    assert!(
        text(&output.stderr).contains("git merge --ff-only sdm/autofix/main"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        machine.git(&["log", "-1", "--format=%s", "sdm/autofix/main"]),
        "Say a"
    );
    machine.git(&["checkout", "--quiet", "--detach"]);
    machine.ok(&["do", "slow", "--word=b"]);
    assert_eq!(machine.git(&["show", "main:said"]), "b");
    std::fs::remove_file(machine.path("home/go")).unwrap();
    let id = machine.ok(&["do", "slow", "--word=c", "--no-wait"]);
    machine.wait_until("it runs", |machine| {
        let shown = machine.json(&["show", "job", id.trim()]);
        (shown["job"]["tasks"][0]["state"] == "in_process").then_some(())
    });
    machine.git(&["checkout", "--quiet", "--detach", "main"]);
    let newer = machine.commit("newer", &[("b", "1")]);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    std::fs::write(machine.path("home/go"), "").unwrap();
    machine.wait_until("it is superseded", |machine| {
        let shown = machine.json(&["show", "job", id.trim()]);
        (shown["job"]["tasks"][0]["state"] == "canceled").then_some(())
    });
    assert_eq!(machine.git(&["rev-parse", "main"]), newer, "nothing is forced");
    machine.stop();
}

#[test]
fn d10_a_listener_that_runs_a_transform_on_every_push_comes_to_an_end() {
    let goals = format!(
        r#"
commands:
  - name: count
    transform: {{presentation: commit, run: [sh, -c, "echo x >> count"]}}
on:
  - {{name: again, event: Push, branch: ^main$, run: [{:?}, do, count, "--targets.repo=acme/app"]}}
"#,
        env!("CARGO_BIN_EXE_sdm")
    );
    let mut machine = LocalMachine::new(&goals);
    machine.git(&["checkout", "--quiet", "--detach"]);
    machine.start();
    machine.commit("second", &[("a", "1")]);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    machine.wait_until("it is cut and said", |machine| {
        let sets = machine.goal_sets();
        let errors = sets.iter().filter_map(|set| set["goals"][0]["error"].as_str());
        errors
            .into_iter()
            .find(|error| error.contains("set each other off"))
            .map(|_| ())
    });
    assert_eq!(machine.git(&["show", "main:count"]).lines().count(), 3);
    machine.stop();
}

#[test]
fn a_daemon_killed_while_a_transform_runs_pushes_it_once_after_its_restart() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - name: slow
    transform:
      run: [sh, -c, "echo x >> made; touch $HOME/began; while ! [ -e $HOME/go ]; do sleep 0.02; done"]
"#,
    );
    machine.start();
    let id = machine.ok(&["do", "slow", "--no-wait"]);
    let began = machine.path("home/began");
    machine.wait_until("it runs", |_| began.exists().then_some(()));
    machine.kill();
    std::fs::write(machine.path("home/go"), "").unwrap();
    machine.start();
    machine.wait_until("it has succeeded", |machine| {
        let shown = machine.json(&["show", "job", id.trim()]);
        (shown["job"]["tasks"][0]["state"] == "success").then_some(())
    });
    assert_eq!(machine.git(&["rev-list", "--count", "main..transform/slow"]), "1");
    assert_eq!(machine.git(&["show", "transform/slow:made"]), "x");
    machine.stop();
}

#[test]
fn cm_05_a_branch_that_cannot_be_fails_the_goal_with_the_reason() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - {name: logo, transform: {run: [touch, made]}}
  - {name: to, parameters: {b: {}}, transform: {branch: "${parameters.b}", run: [sh, -c, "touch made; echo it ran"]}}
"#,
    );
    machine.git(&["branch", "transform"]);
    machine.start();
    let failed = |words: &[&str]| {
        let output = machine.sdm(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        text(&output.stderr)
    };
    let in_the_way = failed(&["do", "logo"]);
    assert!(
        in_the_way.contains("there is refs/heads/transform already"),
        "{in_the_way}"
    );
    let long = format!("--b={}", "x".repeat(300));
    assert!(failed(&["do", "to", &long]).contains("its name is too long"));
    for wrong in ["a b", "x//y", "x.lock", "HEAD", "main"] {
        let said = failed(&["do", "to", &format!("--b={wrong}")]);
        assert!(
            said.contains(wrong) && !said.contains("it ran"),
            "{wrong}: {said}"
        );
    }
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main\ntransform"
    );
    machine.stop();
}

#[test]
fn cm_06_another_repository_inside_is_said_and_not_left_out() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - name: nest
    transform: {run: [sh, -c, "git init -q sub/inner && touch sub/inner/file made"]}
"#,
    );
    machine.start();
    let output = machine.sdm(&["do", "nest"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("is a repository of its own"), "{said}");
    machine.stop();
}

#[test]
fn d8_a_secret_parameter_is_neither_committed_nor_shown() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - name: leak
    parameters: {token: {secret: true}, where: {default: made}}
    transform: {run: [sh, -c, "printf %s \"$SDM_PARAMETER_TOKEN\" > \"$1\"; echo x > other", leak, "${parameters.where}"]}
"#,
    );
    machine.start();
    let secret = machine.path("token");
    std::fs::write(&secret, "canary-of-token-1").unwrap();
    let token = format!("--token=@{}", secret.display());
    let dry = machine.sdm(&["do", "leak", &token, "--dry-run"]);
    let (out, err) = (text(&dry.stdout), text(&dry.stderr));
    assert!(
        !out.contains("canary-of-token-1") && out.contains("+***"),
        "{out}{err}"
    );
    assert!(err.contains("`made` would hold the value of a secret"), "{err}");
    let real = machine.sdm(&["do", "leak", &token]);
    assert_eq!(real.status.code(), Some(1));
    let err = text(&real.stderr);
    assert!(err.contains("`made` would hold the value of a secret"), "{err}");
    assert!(!err.contains("canary-of-token-1"), "{err}");
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main"
    );
    machine.stop();
}
