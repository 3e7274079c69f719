//! What a goal with a process waits for, runs in steps, or has mocked: from the goal file to the real process.

use serde_json::Value;

use sdm::engine::Machine;
use sdm::spec::SourceFile;

use crate::support::local::{LocalMachine, state_of};

fn problems(goal: &str) -> String {
    let text = format!("rules:\n  - name: r\n    goals:\n      - {goal}\n");
    let file = SourceFile::new("g.yaml", text);
    let diagnostics = Machine::check(&[file]).diagnostics;
    let said: Vec<String> = diagnostics.into_iter().map(|problem| problem.message).collect();
    said.join("; ")
}

fn goal<'a>(set: &'a Value, name: &str) -> &'a Value {
    let goals = set["goals"].as_array().unwrap();
    goals.iter().find(|goal| goal["name"] == name).unwrap()
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    insta::assert_snapshot!(
        problems("{name: g, execute: {steps: [{name: a, run: [x]}], run: [x]}}"),
        @"`execute` has both `run` and `steps`"
    );
    insta::assert_snapshot!(
        problems("{name: g, execute: {steps: []}}"),
        @"`steps` is empty"
    );
    insta::assert_snapshot!(
        problems("{name: g, execute: {steps: [{name: a, run: [x]}, {name: a, run: [y]}]}}"),
        @"another step is called `a` already"
    );
    insta::assert_snapshot!(
        problems("{name: g, execute: {steps: [{name: a, run: [x], when: 'project.has_file(\"x\")'}]}}"),
        @"`when` of a step sees no files"
    );
    insta::assert_snapshot!(
        problems("{use: queue, wait_for: {run: [x]}}"),
        @"`wait_for` is for goals that run a process, and this `queue` runs none"
    );
    insta::assert_snapshot!(
        problems("{use: cancel, limits: {memory: 1GiB}}"),
        @"`limits` is for goals that run a process, and this `cancel` runs none"
    );
    insta::assert_snapshot!(
        problems("{name: g, execute: {run: [x]}, limits: {memory: much}}"),
        @"`memory` is not an amount of bytes"
    );
}

#[test]
fn whether_a_goal_runs_a_process_depends_on_what_it_is_told() {
    let asked = "limits: {memory: 1GiB}, cache: [{key: deps, paths: [deps]}], listeners: [{name: l, run: [x]}], progress: [{pattern: a, phase: b}]";
    let of = |work: &str| problems(&format!("{{name: g, {work}, {asked}}}"));
    let refused = |kind: &str| {
        let said = |key| format!("`{key}` is for goals that run a process, and this `{kind}` runs none");
        ["cache", "limits", "listeners", "progress"].map(said).join("; ")
    };
    let sorted = |said: String| {
        let mut all: Vec<&str> = said.split("; ").collect();
        all.sort_unstable();
        all.join("; ")
    };
    assert_eq!(sorted(of("release: {}")), refused("release"));
    assert_eq!(of("release: {run: [x]}"), "");
    assert_eq!(
        sorted(of("inspect: {patterns: [{files: '*', text: TODO, comment: c}]}")),
        refused("inspect")
    );
    assert_eq!(of("inspect: {run: [x], report: cargo}"), "");
    assert_eq!(problems("{use: tag, wait_for: {run: [x]}}"), "");
}

const WITHOUT_PROCESS: &str = r#"
rules:
  - name: r
    goals:
      - - name: slow tag
          use: tag
          tag: slow
          wait_for: {run: [sh, -c, "echo look >> looks; test $(wc -l < looks) -ge 3"], retries: 5, pause: 10ms}
        - name: no tag
          use: tag
          tag: never
          wait_for: {run: ["false"], retries: 2, pause: 1ms}
"#;

#[test]
fn ex_06_work_without_a_process_waits_as_well() {
    let mut machine = LocalMachine::new(WITHOUT_PROCESS);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "slow tag"), "success", "{set:#}");
    assert_eq!(goal(&set, "slow tag")["description"], "Tagged slow");
    assert!(unprefixed(&machine.ok(&["logs", "slow tag"])).contains("look"));
    assert_eq!(
        (state_of(&set, "no tag"), &goal(&set, "no tag")["phase"]),
        ("failure", &"waiting".into())
    );
    assert_eq!(machine.git(&["tag", "--list"]), "slow");
    machine.stop();
}

const PIPELINE: &str = r#"
rules:
  - name: ship
    goals:
      - name: ship
        wait_for: {run: [sh, -c, "echo look >> looks; test $(wc -l < looks) -ge 3"], retries: 5, pause: 10ms}
        execute:
          env: {WORD: shared}
          steps:
            - {name: build, run: [sh, -c, "echo $WORD ${branch} > built"]}
            - {name: elsewhere, run: ["false"], when: 'push.branch == "other"'}
            - {name: absent, run: ["false"], only_if: [test, -e, absent]}
            - {name: show, run: [cat, built, looks], env: {WORD: own}}
            - {name: enough, run: [sh, -c, "exit 78"], stop_code: 78}
            - {name: never, run: ["false"]}
            - {name: clean, run: [sh, -c, "echo it was a $SDM_OUTCOME"], finally: true}
      - name: broken
        execute:
          steps:
            - {name: first, run: ["true"]}
            - {name: second, run: [sh, -c, "exit 4"]}
            - {name: clean, run: [sh, -c, "echo it was a $SDM_OUTCOME"], finally: true}
  - name: wait
    goals:
      - name: impatient
        wait_for: {run: ["false"], retries: 2, pause: 1ms}
        execute: {run: [echo, never]}
  - name: none
    goals:
      - name: none
        execute: {steps: [{name: elsewhere, run: ["false"], when: 'push.branch == "other"'}]}
"#;

#[test]
fn ex_06_and_ex_10_a_goal_waits_and_runs_its_steps() {
    let mut machine = LocalMachine::new(PIPELINE);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "ship"), "success", "{set:#}");
    let log = machine.ok(&["logs", "ship"]);
    let shown = [
        "shared main",
        "look\nlook\nlook",
        "it was a success",
        "enough ends the goal on purpose",
    ];
    for text in shown {
        assert!(unprefixed(&log).contains(text), "{text} in\n{log}");
    }
    assert_eq!(state_of(&set, "broken"), "failure");
    assert_eq!(goal(&set, "broken")["phase"], "second");
    assert!(machine.ok(&["logs", "broken"]).contains("it was a failure"));
    assert_eq!(state_of(&set, "impatient"), "failure");
    assert_eq!(goal(&set, "impatient")["phase"], "waiting");
    let log = machine.ok(&["logs", "impatient"]);
    assert!(log.contains("waiting: timed out after max retries"), "{log}");
    assert!(!unprefixed(&log).lines().any(|line| line == "never"), "{log}");
    assert_eq!(
        (state_of(&set, "none"), &goal(&set, "none")["phase"]),
        ("skipped", &"no step applies".into())
    );
    machine.stop();
}

/// Lines of a log without what stands before their text.
fn unprefixed(log: &str) -> String {
    let text = |line: &str| match line.split_once(" | ") {
        Some((_, text)) => text.to_owned(),
        None => line.to_owned(),
    };
    log.lines().map(text).collect::<Vec<_>>().join("\n")
}

const BOMB: &str = r#"
rules:
  - name: r
    goals:
      - - name: bomb
          limits: {processes: 80}
          execute:
            run:
              - sh
              - -c
              - >
                bomb() { test $1 -gt 4 || { for i in 1 2 3 4; do bomb $(($1+1)) & done; }; while :; do sleep 100; done; };
                bomb 1
        - {name: neighbour, execute: {run: [sh, -c, "sleep 1; echo well"]}}
"#;

#[test]
fn i1_a_fork_bomb_ends_alone_and_the_daemon_answers() {
    let mut machine = LocalMachine::new(BOMB);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    while !machine
        .goal_sets()
        .iter()
        .any(|set| set["sha"] == sha.as_str() && set["state"] != "in_process")
    {
        assert!(machine.ok(&["show", "machines"]).contains("sdm"), "it answers");
    }
    let set = machine.ended_set_of(&sha);
    let bomb = goal(&set, "bomb");
    assert_eq!(
        (&bomb["state"], &bomb["phase"]),
        (&"failure".into(), &"limit: processes".into())
    );
    assert_eq!(state_of(&set, "neighbour"), "success");
    machine.stop();
}

const TWO: &str = r#"
rules:
  - name: deploy
    goals:
      - {name: deploy-all, execute: {run: [touch, /nowhere/at/all]}, wait_for: {run: ["false"]}}
      - {name: test, execute: {run: [echo, real]}}
"#;

#[test]
fn ex_08_goals_are_mocked_by_name_and_say_so() {
    let mut machine = LocalMachine::new(TWO);
    let file = machine.path("sdm.yaml");
    std::fs::write(
        &file,
        "mock:\n  - {goals: ['deploy*'], size: 100ms}\n  - {goals: [none], code: 3}\n",
    )
    .unwrap();
    machine.set("SDM_CONFIG", file.to_str().unwrap());
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    let mocked = goal(&set, "deploy-all");
    assert_eq!(
        (&mocked["state"], &mocked["phase"], &mocked["description"]),
        (&"success".into(), &"mocked".into(), &"Mocked: deploy-all".into())
    );
    assert!(
        machine
            .ok(&["logs", "deploy-all"])
            .contains("its work is not done")
    );
    assert!(machine.ok(&["logs", "test"]).contains("real"));
    machine.stop();
}

#[test]
fn ex_08_a_mock_may_fail_and_is_off_unless_configured() {
    let mut machine =
        LocalMachine::new("rules: [{name: r, goals: [{name: test, execute: {run: [echo, real]}}]}]");
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    assert_eq!(state_of(&machine.ended_set_of(&sha), "test"), "success");
    assert!(machine.ok(&["logs", "test"]).contains("real"));
    machine.stop();
    let file = machine.path("sdm.yaml");
    std::fs::write(&file, "mock: [{size: 10ms, code: 3}]").unwrap();
    machine.set("SDM_CONFIG", file.to_str().unwrap());
    machine.start();
    let sha = machine.commit("third", &[("a", "2")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(
        (state_of(&set, "test"), &goal(&set, "test")["phase"]),
        ("failure", &"mocked".into())
    );
    machine.stop();
}

const DELIVERY: &str = r#"
rules:
  - name: r
    goals:
      - use: queue
      - {use: cancel}
      - {use: tag, tag: real}
      - {name: release, release: {}}
      - {name: announce, message: {text: real}}
"#;

#[test]
fn ex_08_what_runs_no_process_is_mocked_and_has_no_effect() {
    let mut machine = LocalMachine::new(DELIVERY);
    let file = machine.path("sdm.yaml");
    std::fs::write(&file, "mock: [{goals: ['*'], size: 10ms}]").unwrap();
    machine.set("SDM_CONFIG", file.to_str().unwrap());
    machine.start();
    let set = machine.carried_out("second", &[("VERSION", "1.0.0")]);
    for name in ["cancel", "tag", "release", "announce"] {
        assert_eq!(
            (state_of(&set, name), &goal(&set, name)["phase"]),
            ("success", &"mocked".into()),
            "{set:#}"
        );
    }
    assert_eq!(goal(&set, "queue")["phase"], Value::Null, "what comes when stays");
    assert_eq!(machine.git(&["tag", "--list"]), "");
    machine.stop();
}

/// What goals say with the values of this configuration.
fn with_values(goals: &str, values: &str) -> LocalMachine {
    let mut machine = LocalMachine::new(goals);
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.yaml"), format!("values: {values}\n")).unwrap();
    machine.start();
    machine
}

#[test]
fn ym_13_values_of_the_configuration_are_placeholders_of_goals() {
    let goals = r#"
rules:
  - name: values
    goals:
      - - {name: say, execute: {run: [echo, "from ${values.registry.host}:${values.registry.port} ${values.absent:else}"]}}
        - {name: script, execute: {run: [sh, -c, "echo in ${values.registry.host}"], env: {PATH: "${values.path}"}}}
        - {name: missing, execute: {run: [echo, "${values.absent}"]}}
"#;
    let values = "{registry: {host: registry.example, port: 5000}, path: '/usr/bin:/bin'}";
    let mut machine = with_values(goals, values);
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "say"), "success", "{set:#}");
    assert!(
        machine
            .ok(&["logs", "say"])
            .contains("from registry.example:5000 else")
    );
    assert!(machine.ok(&["logs", "script"]).contains("in registry.example"));
    assert_eq!(state_of(&set, "missing"), "failure");
    let error = goal(&set, "missing")["error"].as_str().unwrap();
    assert!(error.contains("values.absent"), "{error}");
    machine.stop();
}

#[test]
fn images_and_builds_that_a_goal_reports_reach_later_goals_and_listeners() {
    let goals = r#"
rules:
  - name: ship
    goals:
      - name: build
        execute: {run: [sh, -c, "echo '{\"SdmGoal\": {\"push\": {\"after\": {\"images\": [\"acme/app:7\", {\"name\": \"acme/web:7\"}]}, \"builds\": [{\"id\": \"b7\", \"status\": \"passed\"}]}}}' > $ATOMIST_RESULT"]}
      - {name: deploy, execute: {run: [echo, "deploys ${push.after.images.0} and ${push.after.images.1.name}"]}}
      - {name: none, execute: {run: [echo, "${push.after.images.2:no third}"]}}
on:
  - name: tell
    event: Build
    run: [sh, -c, "echo \"$1\" > $HOME/told", tell, "${event.build.id} ${event.build.status} ${event.sha} ${event.repo.slug}"]
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    assert!(
        machine
            .ok(&["logs", "deploy"])
            .contains("deploys acme/app:7 and acme/web:7")
    );
    assert!(machine.ok(&["logs", "none"]).contains("no third"));
    let told = machine.wait_until("the listener has heard of the build", |machine| {
        let told = std::fs::read_to_string(machine.path("home/told")).unwrap_or_default();
        told.contains("b7").then_some(told)
    });
    assert_eq!(told.trim(), format!("b7 passed {sha} acme/app"));
    machine.stop();
}
