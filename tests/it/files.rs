//! Files between goals, caches, and goals that need not run (semantics 3.17): the real program on a real repository.

use serde_json::Value;

use crate::support::fake_bucket::{Answering, FakeBucket};
use crate::support::local::{LocalMachine, state_of};

/// A goal of a set by name.
fn goal<'a>(set: &'a Value, name: &str) -> &'a Value {
    let goals = set["goals"].as_array().unwrap();
    goals
        .iter()
        .find(|goal| goal["name"] == name)
        .unwrap_or_else(|| panic!("{name} in {set:#}"))
}

fn log(machine: &LocalMachine, set: &Value, goal: &str) -> String {
    machine.ok(&["logs", set["id"].as_str().unwrap(), goal])
}

/// Files below the directory of archives.
fn archives(machine: &LocalMachine) -> usize {
    let mut open = vec![machine.path("state/cache")];
    let mut count = 0;
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                count += 1;
            }
        }
    }
    count
}

const HANDED_ON: &str = r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "mkdir -p dist/node_modules && echo made > dist/node_modules/it && printf '#!/bin/sh\necho runs' > dist/run && chmod 755 dist/run && ln -s run dist/link"]}
        output: [{classifier: 'dist-${branch}', directory: dist}]
      - name: use
        execute: {run: [sh, -c, "cat dist/node_modules/it && dist/link && ls -A"]}
        input: ['dist-${branch}']
      - name: miss
        execute: {run: [sh, -c, "cat fetched"]}
        input: [{classifier: nowhere, on_miss: [[sh, -c, "echo fetched > fetched"], [sh, -c, "echo as ${goal.name} >> fetched"], [sh, -c, "echo in ${repo.owner} >> fetched"]]}, other]
      - name: need
        execute: {run: ["true"]}
        input: [{classifier: nowhere, required: true}]
"#;

#[test]
fn ca_03_ca_09_co_12_outputs_are_found_by_later_goals_of_the_set() {
    let mut machine = LocalMachine::new(HANDED_ON);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "use"), "success", "{}", log(&machine, &set, "use"));
    let made = log(&machine, &set, "make");
    assert!(
        made.contains("step 2: caching outputs") && made.contains("output `dist-${branch}`: 3 files kept"),
        "{made}"
    );
    let used = log(&machine, &set, "use");
    assert!(
        used.contains("step 1: restoring inputs") && used.contains("made") && used.contains("runs"),
        "{used}"
    );
    let missed = log(&machine, &set, "miss");
    assert!(
        missed.contains("input `nowhere`: none are kept") && missed.contains("fetched"),
        "{missed}"
    );
    assert!(
        missed.contains("as miss") && !missed.contains("in miss"),
        "{missed}"
    );
    assert_eq!(state_of(&set, "need"), "failure");
    let needed = log(&machine, &set, "need");
    assert!(
        needed.contains("input `nowhere` are required, and there are none"),
        "{needed}"
    );
    let stored = machine.ok(&["feed", "--after", "0", "--json", "--no-follow"]);
    assert!(stored.contains("@atomist/sdm/output") && stored.contains("@atomist/sdm/input"));
    let other = machine.commit("third", &[("a", "2")]);
    machine.ended_set_of(&other);
    assert_eq!(archives(&machine), 1, "the same files are one archive");
    machine.stop();
}

const NAMED: &str = r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "echo made > made"]}
        output: [{classifier: '${branch}/${parameters.kind:${push.after.version:${push.after.short}}}', paths: made}]
      - name: use
        execute: {run: [cat, made]}
        input: [{classifier: '${branch}_${push.after.short}', required: true}]
"#;

#[test]
fn ca_02_placeholders_of_a_classifier_are_filled_in_before_it_becomes_a_name() {
    let mut machine = LocalMachine::new(NAMED);
    machine.start();
    machine.git(&["checkout", "--quiet", "-b", "feature/x"]);
    let sha = machine.commit("second", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "use"), "success", "{}", log(&machine, &set, "use"));
    let stored = machine.ok(&["feed", "--after", "0", "--json", "--no-follow"]);
    let name = format!("sdm/feature_x_{}", &sha[..7]);
    assert!(stored.contains(&name), "{name} in {stored}");
    assert!(!stored.contains("sdm/feature/x"), "{stored}");
    machine.stop();
}

const FAILING: &str = r#"
rules:
  - name: build
    goals:
      - - name: fails
          execute: {run: [sh, -c, "echo x > kept && exit 3"]}
          output: [{classifier: success-only, paths: kept, scope: repo}, {classifier: always, paths: kept, scope: repo, on: always}]
      - name: later
        execute: {run: ["true"]}
  - name: look
    goals:
      - name: look
        execute: {run: [sh, -c, "ls kept 2>/dev/null || echo nothing"]}
        input: [{classifier: success-only, scope: repo}]
      - name: look again
        execute: {run: [sh, -c, "ls kept 2>/dev/null || echo nothing"]}
        input: [{classifier: always, scope: repo}]
"#;

#[test]
fn ca_06_files_of_a_failed_goal_are_kept_only_when_that_was_asked_for() {
    let mut machine = LocalMachine::new(FAILING);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "fails"), "failure");
    let second = machine.commit("third", &[("a", "2")]);
    let set = machine.ended_set_of(&second);
    assert!(log(&machine, &set, "look").contains("nothing"));
    assert!(log(&machine, &set, "look again").contains("1 file restored"));
    machine.stop();
}

const CACHED: &str = r#"
rules:
  - name: build
    goals:
      - name: build
        execute: {run: [sh, -c, "cat deps/have ~/.fake/registry/have 2>/dev/null; mkdir -p deps ~/.fake/registry && cp lock deps/have && cp lock ~/.fake/registry/have"]}
        cache:
          - {key: 'deps-${hash:lock}', fallback: deps-, paths: [deps, ~/.fake/registry]}
"#;

#[test]
fn a_cache_is_saved_when_its_key_is_new_and_found_by_the_beginning_of_it() {
    let mut machine = LocalMachine::new(CACHED);
    machine.start();
    let build = |machine: &LocalMachine, message: &str, lock: &str| {
        let _ = std::fs::remove_dir_all(machine.path("home/.fake"));
        let sha = machine.commit(message, &[("lock", lock)]);
        let set = machine.ended_set_of(&sha);
        assert_eq!(state_of(&set, "build"), "success");
        log(machine, &set, "build")
    };
    let first = build(&machine, "one", "first");
    assert!(
        first.contains("none are kept") && first.contains("2 files kept"),
        "{first}"
    );
    let again = build(&machine, "two", "first");
    assert!(
        again.contains("2 files restored") && again.contains("firstfirst"),
        "{again}"
    );
    assert!(!again.contains("saving caches"), "the key is known: {again}");
    let changed = build(&machine, "three", "second");
    assert!(
        changed.contains("2 files restored") && changed.contains("firstfirst"),
        "{changed}"
    );
    assert!(changed.contains("saving caches"), "{changed}");
    let back = build(&machine, "four", "first");
    assert!(
        back.contains("firstfirst"),
        "the exact key goes before newer ones: {back}"
    );
    machine.stop();
}

const UNCHANGED: &str = r#"
rules:
  - name: build
    goals:
      - name: test
        execute: {run: [sh, -c, "echo running; cp src result"]}
        skip_unchanged: {inputs: [src, lib/**], env: [FLAVOUR]}
        output: [{classifier: result, paths: result}]
      - name: publish
        execute: {run: [cat, result]}
        input: [{classifier: result, required: true}]
"#;

#[test]
fn a_cache_whose_key_cannot_be_told_is_left_out_and_the_goal_goes_on() {
    let mut machine = LocalMachine::new(
        r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "mkdir -p left && echo made"]}
        cache:
          - {key: 'x-${push.after.version}', paths: [left]}
          - {key: 'y-${hash:a}', paths: [left]}
"#,
    );
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "make"), "success");
    let log = log(&machine, &set, "make");
    assert!(
        log.contains("cache `x-${push.after.version}`: left out:") && log.contains("push.after.version"),
        "{log}"
    );
    assert!(log.contains("cache `y-"), "{log}");
    machine.stop();
}

#[test]
fn a_goal_whose_inputs_are_unchanged_takes_over_the_earlier_success_and_what_it_left() {
    let mut machine = LocalMachine::new(UNCHANGED);
    machine.start();
    let first = machine.commit("one", &[("src", "text one"), ("other", "1")]);
    machine.ended_set_of(&first);
    let set = machine.carried_out("nothing in lib", &[("other", "0")]);
    assert!(
        log(&machine, &set, "test").contains("running"),
        "a glob that matches nothing takes nothing over"
    );
    let first = machine.commit("one more", &[("lib/y", "1")]);
    let first_set = machine.ended_set_of(&first);
    assert!(log(&machine, &first_set, "test").contains("running"));
    let set = machine.carried_out("two", &[("other", "2")]);
    let test = goal(&set, "test");
    assert_eq!(
        (test["state"].as_str(), test["phase"].as_str()),
        (Some("success"), Some("unchanged"))
    );
    let description = test["description"].as_str().unwrap();
    assert!(
        description.contains(&first[..7]) && description.contains("taken over from goal set"),
        "{description}"
    );
    assert!(log(&machine, &set, "publish").contains("text one"));
    let elsewhere = log(&machine, &set, "test");
    let earlier = &first_set["id"].as_str().unwrap()[..7];
    assert!(
        elsewhere.contains(&format!("sdm logs {earlier} test")),
        "{elsewhere}"
    );
    machine.stop();
    machine.start();
    let set = machine.carried_out("three", &[("lib/x", "new")]);
    assert!(
        log(&machine, &set, "test").contains("running"),
        "a new file among the inputs"
    );
    std::fs::remove_dir_all(machine.path("state/cache")).unwrap();
    let set = machine.carried_out("four", &[("other", "4")]);
    assert!(
        log(&machine, &set, "test").contains("running"),
        "what it left is gone, so it runs"
    );
    assert_eq!(state_of(&set, "publish"), "success");
    machine.stop();
}

const JUDGED: &str = r#"
rules:
  - name: build
    goals:
      - name: lint
        inspect:
          run: [sh, -c, 'echo "src:1:1: warning: mind this"']
          report: lines
          FAIL
        skip_unchanged: {inputs: [src]}
      - name: format
        autofix: {run: [sh, -c, 'echo running']}
        skip_unchanged: {inputs: [src]}
"#;

#[test]
fn what_is_judged_otherwise_runs_again_and_comments_and_fixes_are_taken_over() {
    let mut machine = LocalMachine::new(&JUDGED.replace("FAIL", "fail_on: error"));
    machine.start();
    machine.carried_out("one", &[("src", "text"), ("other", "1")]);
    let set = machine.carried_out("two", &[("other", "2")]);
    for name in ["lint", "format"] {
        assert_eq!(goal(&set, name)["phase"], "unchanged", "{set}");
    }
    let comments = machine.ok(&["show", "comments", set["id"].as_str().unwrap()]);
    assert!(comments.contains("mind this"), "{comments}");
    machine.stop();
    machine.write_goals(&JUDGED.replace("FAIL", "fail_on: warn"));
    machine.start();
    let set = machine.carried_out("three", &[("other", "3")]);
    assert_eq!(state_of(&set, "lint"), "failure", "{set}");
    machine.stop();
}

const SLOW: &str = r#"
rules:
  - name: build
    goals:
      - name: slow
        execute: {run: [sh, -c, "echo begun > $HOME/begun; while [ ! -e $HOME/go ]; do sleep 0.05; done; echo made > made"]}
        output: [{classifier: made, paths: made}]
      - name: use
        execute: {run: [cat, made]}
        input: [{classifier: made, required: true}]
"#;

#[test]
fn a_kill_of_the_daemon_loses_no_files() {
    let mut machine = LocalMachine::new(SLOW);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("the goal runs", |machine| {
        machine.path("home/begun").exists().then_some(())
    });
    machine.kill();
    std::fs::write(machine.path("home/go"), "").unwrap();
    machine.start();
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "use"), "success", "{}", log(&machine, &set, "use"));
    machine.stop();
}

const LARGE: &str = r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "head -c 60000 /dev/urandom > large"]}
        output: [{classifier: large, paths: large, scope: branch}]
"#;

#[test]
fn archives_stay_within_their_limit() {
    let mut machine = LocalMachine::new(LARGE);
    machine.set("SDM_CACHE_LIMIT", "150KiB");
    machine.start();
    for round in 0..4 {
        let sha = machine.commit(&round.to_string(), &[("a", &round.to_string())]);
        assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    }
    assert_eq!(archives(&machine), 2);
    machine.stop();
}

#[test]
fn b11_an_output_beyond_the_limit_fails_the_goal_and_says_why() {
    let mut machine = LocalMachine::new(LARGE);
    machine.set("SDM_CACHE_LIMIT", "50000");
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "make"), "failure");
    assert!(log(&machine, &set, "make").contains("there is more than an archive may hold"));
    assert_eq!(archives(&machine), 0);
    machine.stop();
}

#[test]
fn ca_05_where_nothing_is_kept_every_look_is_a_miss() {
    let goals = r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "echo made > left"]}
        output: [{classifier: left, paths: left}]
        cache: [{key: warm, paths: [left]}]
      - name: use
        execute: {run: [cat, left]}
        input: [{classifier: left, on_miss: [[sh, -c, "echo missed > left"]]}]
"#;
    let mut machine = LocalMachine::new(goals);
    machine.set("SDM_CACHE_LIMIT", "0");
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!((set["state"].as_str(), archives(&machine)), (Some("success"), 0));
    assert!(log(&machine, &set, "use").contains("missed"));
    machine.stop();
}

const VERSIONED: &str = r#"
rules:
  - name: build
    goals:
      - name: version
        execute: {run: [sh, ./version.sh]}
      - name: build
        execute: {run: [sh, -c, 'echo "building $ATOMIST_VERSION as ${push.after.version}"']}
"#;

#[test]
fn co_15_a_version_that_a_goal_reports_is_the_commits_for_later_goals() {
    let mut machine = LocalMachine::new(VERSIONED);
    machine.start();
    let report = r#"{"SdmGoal": {"push": {"after": {"version": "1.2.3"}}}}"#;
    let script = format!("echo '{report}' > \"$ATOMIST_RESULT\"\n");
    let set = machine.carried_out("second", &[("version.sh", script.as_str())]);
    assert_eq!(set["state"], "success");
    assert!(log(&machine, &set, "build").contains("building 1.2.3 as 1.2.3"));
    machine.stop();
}

const IN_A_BUCKET: &str = r#"
rules:
  - name: build
    goals:
      - name: make
        execute: {run: [sh, -c, "mkdir -p dist deps && date +%N > deps/it && echo made > dist/it"]}
        output: [{classifier: dist, directory: dist, scope: repo}]
        cache: [{key: deps-1, paths: [deps]}]
  - name: use
    test: {has_file: again}
    goals:
      - name: use
        execute: {run: [cat, dist/it]}
        input: [{classifier: dist, scope: repo, required: true}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn ca_10_files_in_a_bucket_outlive_the_disk_and_a_store_that_refuses_is_named() {
    let bucket = FakeBucket::start().await;
    let mut machine = LocalMachine::new(IN_A_BUCKET);
    let config = format!(
        "file_store: {{address: '{}', access_key_file: access, secret_key_file: secret}}\n",
        bucket.service()
    );
    for (name, text) in [
        ("config.yaml", config.as_str()),
        ("access", "ada\n"),
        ("secret", "canary-of-s3\n"),
    ] {
        std::fs::write(machine.path(name), text).unwrap();
    }
    machine.set("SDM_CONFIG", machine.path("config.yaml").to_str().unwrap());
    machine.start();
    let first = machine.commit("second", &[("a", "1")]);
    assert_eq!(machine.ended_set_of(&first)["state"], "success");
    let objects = bucket.objects();
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert!(
        objects
            .iter()
            .all(|name| name.starts_with("sdm-sdm-files/sdm/member/")),
        "{objects:?}"
    );
    machine.stop();
    std::fs::remove_dir_all(machine.path("state/cache")).unwrap();
    machine.start();
    let second = machine.commit("third", &[("again", "1")]);
    let set = machine.ended_set_of(&second);
    assert_eq!(state_of(&set, "use"), "success", "{}", log(&machine, &set, "use"));
    assert!(log(&machine, &set, "make").contains("cache `deps-1`: 1 file restored"));

    // A store that refuses: what must be kept or found is said to be the trouble, a cache is none.
    bucket.answer(Answering::Refusing);
    machine.stop();
    std::fs::remove_dir_all(machine.path("state/cache")).unwrap();
    machine.start();
    let third = machine.commit("fourth", &[("a", "2")]);
    let set = machine.ended_set_of(&third);
    let said = goal(&set, "make")["error"].as_str().unwrap();
    assert!(
        said.contains("the file store refused to look for sdm/member/"),
        "{said}"
    );
    assert!(log(&machine, &set, "make").contains("cache `deps-1`: none are kept"));
    assert!(
        !bucket.seen().concat().contains("canary-of-s3") && !machine.daemon_log().contains("canary-of-s3")
    );
    machine.stop();
}
