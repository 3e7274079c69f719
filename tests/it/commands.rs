//! Commands, listeners and preferences with the real program.

use serde_json::Value;

use crate::support::local::{LocalMachine, state_of};

const COMMANDS: &str = r#"
commands:
  - name: greet
    description: Greet somebody
    intent: [say hello, {pattern: "^hello to (\\w+)$"}]
    parameters:
      who: {description: whom, pattern: "^[a-z]+$", default: world, valid_input: small letters}
      token: {secret: true, required: false}
    run: [sh, -c, "echo hello ${matches.1:${parameters.who}}; echo token is $SDM_PARAMETER_TOKEN; echo at $PWD; echo home is ${home}"]
  - name: fail
    run: [sh, -c, "echo it goes wrong; exit 3"]
  - name: describe it
    description: Describe a repository
    targets: {test: {has_file: README.md}}
    parameters: {word: {}}
    run: [sh, -ec, "test \"$OWN\" = \"$HOME/tools\"; cat README.md; echo ${parameters.word} on ${branch}"]
    env: {OWN: "${home}/tools"}
  - name: show me
    run: [echo, shadowed]
  - name: deploy
    intent: {pattern: "^deploy (\\S+)$"}
    run: [echo, "deployed ${matches.1}"]
rules:
  - name: wanted
    test: {when: "has(preferences.build) && preferences.build"}
    goals: [{name: compile, execute: {run: ["true"]}}]
on:
  - {name: answer, event: Ping, run: [sh, -c, "echo got ${event.text}"]}
  - {name: break, event: Ping, run: ["false"]}
  - {name: tagged, event: Tag, run: [echo, "tagged ${event.tag}"]}
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_command_is_run_by_what_people_say() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    let out = machine.ok(&["do", "say", "hello", "--who=ada"]);
    assert!(out.starts_with("hello ada\n"), "{out}");
    assert!(out.contains("\nhome is /"), "{out}");
    assert!(
        machine.ok(&["say", "hello"]).starts_with("hello world\n"),
        "also without `do`"
    );
    assert!(
        machine.ok(&["do", "hello to bob"]).starts_with("hello bob\n"),
        "by its pattern"
    );
    assert!(
        machine.ok(&["do", "show", "me"]).contains("shadowed"),
        "a word of the program needs `do`"
    );
    let failed = machine.sdm(&["do", "fail"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains("it goes wrong"));
    let id = machine.ok(&["do", "say hello", "--no-wait"]);
    let id = id.trim();
    assert!(machine.ok(&["logs", "-f", id]).contains("hello world"));
    let shown = machine.json(&["show", "errands", id]);
    assert_eq!(shown["errands"][0]["state"], "success", "{shown:#}");
    let feed = machine.ok(&["feed", "--no-follow", "-n", "200"]);
    assert!(
        feed.contains("Complete: greet") && feed.contains("Failed: fail"),
        "{feed}"
    );
    machine.stop();
}

#[test]
fn help_does_nothing_and_options_follow_what_a_pattern_matches() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    machine.ok(&["do", "describe", "it", "--word=x"]);
    for words in [
        ["cancel", "goal", "sets"].as_slice(),
        &["plan", "goals"],
        &["set", "goal", "state"],
    ] {
        let help = machine.ok(&[["do"].as_slice(), words, &["--help"]].concat());
        assert!(help.contains("Usage: sdm "), "{words:?}: {help}");
    }
    assert_eq!(machine.goal_sets().len(), 1, "nothing is planned anew");
    let out = machine.ok(&["do", "hello", "to", "bob", "--who=ada"]);
    assert!(out.starts_with("hello bob\n"), "{out}");
    let refused = machine.sdm(&["do", "hello", "to", "bob", "--whom=ada"]);
    assert!(
        text(&refused.stderr).contains("did you mean --who?"),
        "options are read as of words"
    );
    let coloured = machine.sdm(&["--color", "always", "do", "describe", "it", "--word=x"]);
    assert!(
        !text(&coloured.stderr).contains("u{1b}"),
        "{}",
        text(&coloured.stderr)
    );

    machine.write_goals("rules: [{goals: 1}]\n");
    machine.wait_until("the broken files are noticed", |machine| {
        let refused = machine.sdm(&["do", "something", "else"]);
        text(&refused.stderr).contains("earlier ones are").then_some(())
    });
    let long = machine.sdm(&[
        "emit",
        "Ping",
        &format!("{{\"text\": \"{}\"}}", "a".repeat(40_000)),
    ]);
    assert!(
        text(&long.stderr).contains("at most 32 KiB"),
        "{}",
        text(&long.stderr)
    );
    machine.stop();
}

#[test]
fn d8_what_is_wrong_is_refused_and_said() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    let refused = |words: &[&str], code: i32| {
        let output = machine.sdm(words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}: {}",
            text(&output.stderr)
        );
        text(&output.stderr)
    };
    assert!(refused(&["do", "say", "hello", "--who", "x\"; drop"], 4).contains("valid is: small letters"));
    assert!(refused(&["do", "say", "hello", "--whom=a"], 2).contains("did you mean --who?"));
    assert!(refused(&["do", "describe", "it", "--word="], 4).contains("nothing is written for it"));
    let unsaid = refused(&["do", "deploy"], 4);
    assert!(
        unsaid.contains("say something that matches `^deploy (\\S+)$`"),
        "{unsaid}"
    );
    assert!(machine.json(&["show", "errands", "--of", "deploy"])["errands"][0].is_null());
    assert!(machine.ok(&["do", "deploy app"]).contains("deployed app"));
    let gone = refused(&["show", "errands", "zzz"], 4);
    assert!(
        gone.contains("no errand begins with `zzz`") && gone.contains("sdm show errands"),
        "{gone}"
    );
    assert!(refused(&["do", "say", "hello", "--token=hunter2"], 2).contains("--token=@FILE"));
    assert!(refused(&["do", "say", "helo"], 2).contains("did you mean `say hello`?"));
    let dry = refused(&["do", "fail", "--dry-run"], 4);
    assert!(dry.contains("there is no dry run of it"), "{dry}");
    assert!(refused(&["explian"], 2).contains("did you mean `explain`?"));
    assert!(refused(&["do", "describe", "it"], 4).contains("--word: it is needed"));
    let long = format!("--who={}", "a".repeat(100_000));
    assert!(refused(&["do", "say", "hello", &long], 2).contains("longer than"));
    machine.stop();
}

#[test]
fn d8_a_secret_is_seen_by_its_program_only() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    std::fs::write(machine.path("token"), "hunter2-in-a-file\n").unwrap();
    let file = format!("--token=@{}", machine.path("token").display());
    let out = machine.ok(&["do", "say", "hello", &file]);
    assert!(out.contains("token is ") && !out.contains("hunter2"), "{out}");
    let output = machine
        .command(&["do", "say", "hello"])
        .env("SDM_PARAMETER_TOKEN", "hunter2-in-a-variable")
        .output()
        .unwrap();
    assert!(output.status.success() && !text(&output.stdout).contains("hunter2"));
    machine.stop();
    let found = std::process::Command::new("grep")
        .args(["-rl", "hunter2"])
        .arg(machine.path("state"))
        .output()
        .unwrap();
    assert_eq!(text(&found.stdout), "", "nowhere on disk");
}

#[test]
fn cm_11_a_command_on_a_repository_is_a_goal_set() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    let out = machine.ok(&["do", "describe", "it", "--word", "$(touch x)"]);
    assert_eq!(out, "hello$(touch x) on main\n");
    let sets = machine.goal_sets();
    assert_eq!((sets.len(), state_of(&sets[0], "describe it")), (1, "success"));
    assert!(machine.ok(&["logs", "describe it"]).contains("on main"));
    assert_eq!(
        machine.json(&["show", "pushes", "--all"])["pushes"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let job = machine.json(&["do", "describe", "it", "--word=x", "--targets.repos=.*"]);
    assert_eq!(job["job"]["tasks"][0]["state"], "success", "{job:#}");
    let called = [
        "--job.name=Spring cleaning",
        "--job.description=All of it",
        "--job.required",
    ];
    let job = machine.json(&[&["do", "describe", "it", "--word=x"][..], &called[..]].concat());
    assert_eq!(
        (&job["job"]["name"], &job["job"]["description"]),
        (&"Spring cleaning".into(), &"All of it".into()),
        "{job:#}"
    );
    let shown = machine.ok(&["show", "job", job["job"]["id"].as_str().unwrap()]);
    assert!(
        shown.contains("Spring cleaning (describe it)") && shown.contains("All of it"),
        "{shown}"
    );
    std::fs::write(machine.path("token"), "hunter2-in-a-file\n").unwrap();
    let file = format!("--token=@{}", machine.path("token").display());
    for (words, because) in [
        (["say", "hello", file.as_str(), "--job.required"], "is no job"),
        (
            ["describe", "it", "--word=x", "--job.name= "],
            "`job.name` is one line",
        ),
    ] {
        let refused = machine.sdm(&[&["do"][..], &words[..]].concat());
        assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
        assert!(
            text(&refused.stderr).contains(because),
            "{}",
            text(&refused.stderr)
        );
    }
    machine.stop();
}

#[test]
fn cm_08_every_task_has_its_own_values_and_the_secrets_of_all() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - {name: repeat, intent: {pattern: "^repeat (.+)$"}, targets: true, run: [echo, "${matches.1} in ${repo.name}"]}
  - name: tell
    targets: true
    parameters: {word: {}, repo: {mapped: repoName}, token: {secret: true}, where: {value: build.region}}
    run: [sh, -c, "echo ${parameters.word} ${parameters.repo} ${parameters.where} $(printf %s \"$SDM_PARAMETER_TOKEN\" | wc -c)"]
"#,
    );
    std::fs::create_dir_all(machine.path("home/.config/sdm")).unwrap();
    std::fs::write(
        machine.path("home/.config/sdm/config.yaml"),
        "values: {build: {region: eu}}\n",
    )
    .unwrap();
    let lib = machine.path("acme/lib");
    std::fs::create_dir_all(&lib).unwrap();
    machine.git_in(&lib, &["init", "--quiet", "--initial-branch=main", "."]);
    machine.git_in(&lib, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    let app = machine.repo();
    machine.start_on(&[app.to_str().unwrap(), lib.to_str().unwrap()]);
    let output = machine
        .command(&["do", "tell", "--word=hi", "--targets.owner=acme", "--json"])
        .env("SDM_PARAMETER_TOKEN", "hunter2")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (number, line) in [(0, "hi app eu 7"), (1, "hi lib eu 7")] {
        let set = shown["job"]["tasks"][number]["goal_set"].as_str().unwrap();
        let log = machine.ok(&["logs", set, "tell"]);
        assert!(log.contains(line), "{log}");
    }
    let said = machine.ok(&["do", "repeat after me"]);
    assert_eq!(said, "after me in app\n", "cm_03: also where a command is a goal");
    let refused = machine.sdm(&["do", "tel", "--word=hi"]);
    assert_eq!(refused.status.code(), Some(2));
    machine.stop();
}

#[test]
fn lo_09_help_and_completions_come_from_the_same_commands() {
    let machine = LocalMachine::new(COMMANDS);
    let help = machine.ok(&["show", "commands"]);
    insta::assert_snapshot!(help);
    insta::assert_snapshot!("help_of_one", machine.ok(&["do", "say", "hello", "--help"]));
    let shown: Value = machine.json(&["show", "commands"]);
    assert_eq!(shown["commands"][0]["parameters"][0]["name"], "who");
    let script = machine.ok(&["completions", "bash"]);
    assert!(
        script.contains("hello") && script.contains("describe"),
        "the words can be completed"
    );
    let refused = machine.sdm(&["do", "say", "hello"]);
    assert_eq!(refused.status.code(), Some(3), "without a daemon nothing runs");
}

#[test]
fn listeners_hear_what_is_emitted_and_a_failing_one_disturbs_nobody() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    machine.ok(&["emit", "Ping", r#"{"text": "a $(b) c"}"#]);
    let ended = machine.wait_until("both have ended", |machine| {
        let shown = machine.json(&["show", "errands"]);
        let errands = shown["errands"].as_array().unwrap().clone();
        let is_done = errands.len() == 2 && errands.iter().all(|errand| !errand["ended_at"].is_null());
        is_done.then_some(errands)
    });
    let of = |name: &str| ended.iter().find(|errand| errand["name"] == name).unwrap();
    assert_eq!(
        (of("answer")["state"].as_str(), of("break")["state"].as_str()),
        (Some("success"), Some("failure"))
    );
    let id = of("answer")["id"].as_str().unwrap();
    assert!(machine.ok(&["logs", id]).contains("got a $(b) c"));
    assert!(machine.daemon_log().contains("a listener failed"));
    let refused = machine.sdm(&["emit", "Ping", "[1]"]);
    assert_eq!(refused.status.code(), Some(4));
    machine.git(&["tag", "v1.0"]);
    machine.wait_until("the tag is heard", |machine| {
        let shown = machine.json(&["show", "errands", "--of", "tagged"]);
        (shown["errands"][0]["state"] == "success").then_some(())
    });
    machine.stop();
}

#[test]
fn semantics_6_names_of_the_original_are_emitted_as_what_they_are_and_unknown_ones_are_refused() {
    let goals = r#"
on:
  - {name: new, event: NewIssue, run: [echo, "new ${event.issue.title}"]}
  - {name: closed, event: ClosedIssue, run: [echo, "closed ${event.issue.title}"]}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    machine.ok(&["emit", "NewIssue", r#"{"issue": {"title": "one"}}"#]);
    machine.ok(&["emit", "closed_issue", r#"{"issue": {"title": "two"}}"#]);
    let ended = machine.wait_until("both are heard", |machine| {
        let shown = machine.json(&["show", "errands"]);
        let errands = shown["errands"].as_array().unwrap().clone();
        let is_done = errands.len() == 2 && errands.iter().all(|errand| errand["state"] == "success");
        is_done.then_some(errands)
    });
    for (name, said) in [("new", "new one"), ("closed", "closed two")] {
        let errand = ended.iter().find(|errand| errand["name"] == name).unwrap();
        assert!(
            machine
                .ok(&["logs", errand["id"].as_str().unwrap()])
                .contains(said)
        );
    }
    let refused = machine.sdm(&["emit", "NewIsue"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(
        text(&refused.stderr).contains("did you mean `NewIssue`?"),
        "{}",
        text(&refused.stderr)
    );
    let refused = machine.sdm(&["emit", "NewIssue", r#"{"action": "closed"}"#]);
    assert_eq!(refused.status.code(), Some(4));
    machine.stop();
}

#[test]
fn semantics_6_the_execution_of_a_goal_begins_once_and_ends_once_also_with_approval() {
    let goals = r#"
rules:
  - name: build
    goals: [{name: ship, execute: {run: ["true"]}, approval: true}]
on:
  - {name: told, event: GoalExecution, run: [echo, "${event.goal.execution} as ${event.goal.state}"]}
  - {name: over, event: GoalState, state: success, run: ["true"]}
"#;
    let mut machine = LocalMachine::new(goals);
    machine.start();
    machine.commit("one", &[("a", "1")]);
    machine.wait_until("somebody must approve", |machine| {
        let sets = machine.goal_sets();
        (sets.first()?["goals"][0]["state"] == "waiting_for_approval").then_some(())
    });
    machine.ok(&["approve", "ship"]);
    let all = |machine: &LocalMachine, of: &str| {
        let shown = machine.json(&["show", "errands", "--of", of]);
        let errands = shown["errands"].as_array().unwrap().clone();
        let is_done = errands.iter().all(|errand| errand["state"] == "success");
        is_done.then_some(errands)
    };
    machine.wait_until("the end is heard", |machine| {
        all(machine, "over").filter(|errands| !errands.is_empty())
    });
    let told = machine.wait_until("what was told has run", |machine| {
        all(machine, "told").filter(|errands| errands.len() >= 2)
    });
    let said: Vec<String> = told
        .iter()
        .map(|errand| machine.ok(&["logs", errand["id"].as_str().unwrap()]))
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    for words in ["\nbegins as in_process\n", "\nends as waiting_for_approval\n"] {
        assert!(said.iter().any(|log| log.contains(words)), "{words}: {said:?}");
    }
    machine.stop();
}

#[test]
fn d10_a_listener_that_emits_its_own_event_is_cut() {
    let goals = format!(
        "on: [{{name: loop, event: Ping, run: [{:?}, emit, Ping]}}]",
        env!("CARGO_BIN_EXE_sdm")
    );
    let mut machine = LocalMachine::new(&goals);
    machine.start();
    machine.ok(&["emit", "Ping"]);
    machine.wait_until("it is cut and said", |machine| {
        let feed = machine.ok(&["feed", "--no-follow", "-n", "1000"]);
        feed.contains("the listener loop is not run").then_some(())
    });
    let shown = machine.json(&["show", "errands", "-n", "100"]);
    assert_eq!(shown["errands"].as_array().unwrap().len(), 8);
    machine.stop();
}

#[test]
fn pf_01_preferences_are_facts_for_rules() {
    let mut machine = LocalMachine::new(COMMANDS);
    machine.start();
    let without = machine.commit("without", &[("a", "1")]);
    machine.wait_until("it is planned", |machine| {
        let feed = machine.ok(&["feed", "--no-follow"]);
        feed.contains("No goals").then_some(())
    });
    machine.ok(&["preference", "put", "build", "true"]);
    assert_eq!(machine.ok(&["preference", "get", "build"]), "true\n");
    assert_eq!(
        machine.json(&["preference", "list"])["preferences"]["build"],
        true
    );
    assert_eq!(machine.sdm(&["preference", "get", "nope"]).status.code(), Some(1));
    let with = machine.commit("with", &[("a", "2")]);
    assert_eq!(state_of(&machine.ended_set_of(&with), "compile"), "success");
    assert!(
        machine
            .goal_sets()
            .iter()
            .all(|set| set["sha"] != without.as_str())
    );
    machine.ok(&["preference", "delete", "build"]);
    assert_eq!(
        machine.sdm(&["preference", "delete", "build"]).status.code(),
        Some(4)
    );
    machine.stop();
}

#[test]
fn the_original_words_for_goal_administration_are_understood() {
    let mut machine = LocalMachine::new(
        "rules: [{name: wait, goals: [{name: ship, pre_approval: true, execute: {run: [\"true\"]}}]}]",
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.set_of(&sha);
    assert!(machine.ok(&["list", "goal", "sets"]).contains("ship"));
    let again = machine.json(&["do", "reset", "goals"]);
    assert_eq!(again["goal_sets"].as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(machine.goal_sets().len(), 2);
    let canceled = machine.json(&["do", "cancel", "goal", "sets"]);
    assert_eq!(
        canceled["goal_sets"].as_array().map(Vec::len),
        Some(1),
        "{canceled}"
    );
    assert!(machine.goal_sets().iter().all(|set| set["active"] == false));
    assert!(machine.ok(&["describe", "sdm"]).contains("acme/app"));
    machine.stop();
}

#[test]
fn semantics_5_8_reset_takes_the_newest_push_or_the_one_that_is_named_and_nothing_of_a_command() {
    const ONLY_SOME: &str = "
rules: [{name: build, test: {not: {has_file: stop}}, goals: {name: compile, execute: {run: [\"true\"]}}}]
commands: [{name: touch, transform: {run: [touch, touched]}}]
";
    let mut machine = LocalMachine::new(ONLY_SOME);
    machine.start();
    let first = machine.commit("first", &[("a", "1")]);
    machine.ended_set_of(&first);
    let second = machine.commit("second", &[("stop", "")]);
    machine.wait_until("the push is known", |machine| {
        let pushes = machine.ok(&["show", "pushes", "--json"]);
        pushes.contains(&second).then_some(())
    });
    machine.ok(&["do", "touch", "--dry-run"]);
    let refused = machine.sdm(&["reset"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("no goals are set for this push now"),
        "{words}"
    );
    machine.write_goals(&ONLY_SOME.replace("{has_file: stop}", "{has_file: never}"));
    let again = machine.wait_until("the goals of now are set", |machine| {
        let output = machine.sdm(&["reset", "--json"]);
        output.status.success().then_some(output.stdout)
    });
    let again: serde_json::Value = serde_json::from_slice(&again).unwrap();
    assert_eq!(
        again["goal_sets"][0]["sha"],
        second.as_str(),
        "newest, though it had none"
    );
    let named = machine.json(&["reset", &first[..9]]);
    assert_eq!(named["goal_sets"][0]["sha"], first.as_str());
    machine.git(&["checkout", "--quiet", "-b", "side"]);
    let third = machine.commit("third", &[("a", "2")]);
    machine.ended_set_of(&third);
    machine.git(&["checkout", "--quiet", "main"]);
    let here = machine.json(&["reset"]);
    assert_eq!(
        here["goal_sets"][0]["sha"],
        second.as_str(),
        "of what is checked out, though another branch was pushed to later"
    );
    let of_branch = machine.json(&["reset", "--branch", "side"]);
    assert_eq!(of_branch["goal_sets"][0]["sha"], third.as_str());
    let refused = machine.sdm(&["reset", "--branch", "nowhere"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        words.contains("there is no push to the branch nowhere"),
        "{words}"
    );
    machine.stop();
}

#[test]
fn a_tag_sets_off_a_command_on_its_commit() {
    let mut machine = LocalMachine::new(
        r#"
commands:
  - {name: publish, targets: true, run: [sh, -c, 'echo "publishing $(git rev-parse HEAD)"']}
on:
  - name: tagged
    event: Tag
    tag: ^v
    run: [sdm, do, publish, "--targets.repo=${event.repo.slug}", "--targets.sha=${event.sha}"]
"#,
    );
    machine.start();
    let first = machine.commit("second", &[("a", "1")]);
    machine.commit("third", &[("a", "2")]);
    machine.git(&["tag", "v1", &first]);
    let set = machine.wait_until("the tagged commit is published", |machine| {
        let mut sets = machine.goal_sets().into_iter();
        sets.find(|set| set["goals"][0]["name"] == "publish" && set["active"] == false)
    });
    assert_eq!(state_of(&set, "publish"), "success", "{set:#}");
    let log = machine.ok(&["logs", set["id"].as_str().unwrap()]);
    assert!(log.contains(&format!("publishing {first}")), "{log}");
    machine.stop();
}
