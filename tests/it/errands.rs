//! Commands and listeners over the real engine and store, with a fake world around them.

use std::collections::BTreeMap;
use std::time::Duration;

use sdm::engine::commands::ask::{Ask, AskError, Asked, AskedTargets};
use sdm::engine::commands::bind::Given;
use sdm::kinds::Acts;
use sdm::model::event::{DEEPEST, Part, Shape};
use sdm::model::{
    Action, Cursor, Errand, ErrandId, Event, EventType, ExecutionResult, News, Person, RepoSlug, Repository,
    StateName, TaskState,
};
use sdm::ports::errands::ErrandFilter;
use sdm::ports::executor::ExecutionNews;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::support::machine::TestMachine;

fn given(values: &Value) -> Given {
    Given {
        values: values.as_object().cloned().unwrap(),
        secrets: BTreeMap::new(),
        caller_token: None,
        org_token: None,
    }
}

fn ask(command: &str, values: &Value) -> Ask {
    Ask {
        command: command.to_owned(),
        given: given(values),
        by: "ada".to_owned(),
        ..Ask::default()
    }
}

async fn errands(machine: &TestMachine) -> Vec<Errand> {
    let filter = ErrandFilter {
        limit: 1_000,
        ..ErrandFilter::default()
    };
    let mut all = machine.engine.store().errands(&filter).await.unwrap();
    all.reverse();
    all
}

/// Waits until so many errands of this name have ended; all of them, oldest first.
async fn ended(machine: &TestMachine, name: &str, count: usize) -> Vec<Errand> {
    let what = format!("{count} errands of {name} have ended");
    machine
        .wait_for(&what, async || {
            let all = errands(machine).await;
            let of_name: Vec<Errand> = all.into_iter().filter(|errand| errand.name == name).collect();
            let is_done = of_name.len() >= count && of_name.iter().all(Errand::has_ended);
            is_done.then_some(of_name)
        })
        .await
}

async fn errand_asked(machine: &TestMachine, ask: Ask) -> ErrandId {
    match machine.engine.ask(ask).await.unwrap() {
        Asked::Errand(errand) => errand.id,
        Asked::Job(_) => panic!("it has no repository"),
    }
}

fn argv_of(machine: &TestMachine) -> Vec<Vec<String>> {
    machine
        .executor
        .specs("errand")
        .into_iter()
        .map(|spec| spec.steps[0].argv.clone())
        .collect()
}

async fn emit(machine: &TestMachine, name: &str, payload: Value, depth: u32) {
    let event = Event {
        key: machine.engine.fresh_id().to_string(),
        name: name.to_owned(),
        at: machine.engine.now(),
        depth,
        payload,
    };
    machine.engine.store().raise(&[event]).await.unwrap();
}

async fn messages(machine: &TestMachine) -> Vec<String> {
    let feed = machine.engine.store().feed(Cursor(0), 10_000).await.unwrap();
    let text = |news| match news {
        News::Message { text, .. } => Some(text),
        _ => None,
    };
    feed.into_iter().filter_map(|entry| text(entry.news)).collect()
}

const GREET: &str = r#"
commands:
  - name: greet
    parameters:
      who: {pattern: "^[a-z]+$"}
      loudly: {type: boolean, default: false}
      token: {secret: true, required: false}
      by: {mapped: user_login}
    run: [greet, "${parameters.who}", "${parameters.loudly}", "${machine.name}", "${preferences.mood:plain}"]
    env: {GREETER: "${parameters.by}"}
"#;

#[tokio::test]
async fn a_command_without_a_repository_is_an_errand() {
    let machine = TestMachine::start(GREET).await;
    let preferences = machine.engine.store();
    preferences
        .put_preference("machine", "mood", &json!("merry"), None)
        .await
        .unwrap();
    errand_asked(&machine, ask("greet", &json!({"who": "bob", "loudly": "true"}))).await;
    let done = ended(&machine, "greet", 1).await;
    assert_eq!((done[0].state, done[0].attempt), (StateName::Success, 1));
    assert_eq!(argv_of(&machine), [["greet", "bob", "true", "test", "merry"]]);
    let spec = machine.executor.specs("errand").remove(0);
    let variable = |name: &str| {
        spec.environment
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(variable("GREETER"), Some("ada"));
    assert_eq!(variable("SDM_PARAMETER_WHO"), Some("bob"));
    assert_eq!(variable("SDM_ERRAND"), Some(done[0].id.0.to_string().as_str()));
    machine.stop().await;
}

#[tokio::test]
async fn d8_nothing_starts_with_a_parameter_that_is_wrong() {
    let machine = TestMachine::start(GREET).await;
    for wrong in [
        json!({}),
        json!({"who": "x\"; drop"}),
        json!({"who": "a", "whom": "b"}),
        json!({"who": "a", "loudly": 3}),
    ] {
        let refused = machine.engine.ask(ask("greet", &wrong)).await;
        assert!(
            matches!(refused, Err(AskError::Parameters(_))),
            "{wrong}: {refused:?}"
        );
    }
    assert!(matches!(
        machine.engine.ask(ask("nope", &json!({}))).await,
        Err(AskError::Unknown(_))
    ));
    assert!(errands(&machine).await.is_empty());
    machine.stop().await;
}

#[tokio::test]
async fn d8_a_secret_reaches_the_process_by_variable_and_is_stored_nowhere() {
    let machine = TestMachine::start(GREET).await;
    let mut asked = ask("greet", &json!({"who": "bob"}));
    asked
        .given
        .secrets
        .insert("token".to_owned(), SecretString::from("hunter2"));
    errand_asked(&machine, asked).await;
    ended(&machine, "greet", 1).await;
    let spec = machine.executor.specs("errand").remove(0);
    assert!(
        spec.environment
            .contains(&("SDM_PARAMETER_TOKEN".to_owned(), "hunter2".to_owned()))
    );
    assert!(
        spec.redact
            .iter()
            .any(|secret| secret.expose_secret() == "hunter2")
    );
    assert!(
        !spec.steps[0]
            .argv
            .iter()
            .chain(&spec.header)
            .any(|text| text.contains("hunter2"))
    );
    let stored = format!("{:?}", errands(&machine).await);
    let feed = format!(
        "{:?}",
        machine.engine.store().feed(Cursor(0), 1_000).await.unwrap()
    );
    assert!(!stored.contains("hunter2") && !feed.contains("hunter2"));
    machine.stop().await;
}

#[tokio::test]
async fn an_errand_is_found_again_after_a_restart_and_ends_once() {
    let machine = TestMachine::start(GREET).await;
    machine.executor.hold("errand");
    let id = errand_asked(&machine, ask("greet", &json!({"who": "bob"}))).await;
    machine
        .wait_for("it runs", async || {
            (machine.executor.started().len() == 1).then_some(())
        })
        .await;
    let machine = machine.restart().await;
    machine
        .executor
        .end("errand", &ExecutionNews::Ended(ExecutionResult::success()));
    let done = ended(&machine, "greet", 1).await;
    assert_eq!(
        (done[0].id, done[0].state, done[0].attempt),
        (id, StateName::Success, 1)
    );
    assert_eq!(machine.executor.started(), ["errand"]);
    machine.stop().await;
}

#[tokio::test]
async fn an_errand_can_be_canceled_and_started_again() {
    let machine = TestMachine::start(GREET).await;
    machine.executor.hold("errand");
    let id = errand_asked(&machine, ask("greet", &json!({"who": "bob"}))).await;
    machine
        .wait_for("it runs", async || {
            (machine.executor.started().len() == 1).then_some(())
        })
        .await;
    machine.engine.cancel_errand(id, "by @ada").await.unwrap();
    machine
        .wait_for("its process is ended", async || {
            (!machine.executor.stopped().is_empty()).then_some(())
        })
        .await;
    let canceled = machine.engine.store().errand(id).await.unwrap().unwrap();
    assert_eq!(
        (canceled.state, canceled.message.as_deref()),
        (StateName::Canceled, Some("by @ada"))
    );
    assert!(machine.engine.cancel_errand(id, "again").await.is_err());
    machine.executor.end("errand", &ExecutionNews::Lost);
    machine.engine.retry_errand(id).await.unwrap();
    machine
        .wait_for("the second attempt succeeds", async || {
            let errand = machine.engine.store().errand(id).await.unwrap().unwrap();
            (errand.state == StateName::Success && errand.attempt == 2).then_some(())
        })
        .await;
    machine.stop().await;
}

const LISTENERS: &str = r#"
rules:
  - {name: build, goals: [{name: compile, execute: {run: [make]}}]}
on:
  - {name: greet, event: Greeting, run: [greet, "${event.who}"]}
  - {name: greet ada, event: Greeting, where: {who: ^ada$}, run: [bow]}
  - {name: pushed, event: Push, branch: ^main$, run: [pushed, "${event.repo.slug}", "${event.push.branch}", "${event.push.after.message}"]}
  - {name: planned, event: GoalsSet, run: [planned, "${event.goal_set.name}"]}
  - {name: states, event: GoalState, state: [in_process, success], run: [state, "${event.goal.name}", "${event.goal.state}"]}
  - {name: completed, event: GoalCompletion, run: [completed, "${event.goal.state}", "${event.goal.attempt}", "${event.goal.data:none}", "${event.push.after.version:none}"]}
  - {name: tagged, event: Tag, tag: ^v, run: [tagged, "${event.tag}", "${event.sha}"]}
"#;

#[tokio::test]
async fn listeners_get_the_events_they_wait_for_as_data() {
    let machine = TestMachine::start(LISTENERS).await;
    emit(&machine, "Greeting", json!({"who": "$(touch x) ${event.y}"}), 0).await;
    emit(&machine, "Greeting", json!({"who": "ada"}), 0).await;
    ended(&machine, "greet", 2).await;
    ended(&machine, "greet ada", 1).await;
    let mut argv = argv_of(&machine);
    argv.sort();
    assert_eq!(
        argv,
        [
            vec!["bow"],
            vec!["greet", "$(touch x) ${event.y}"],
            vec!["greet", "ada"]
        ]
    );
    machine.stop().await;
}

#[tokio::test]
async fn listeners_of_pushes_plans_goals_and_tags() {
    let machine = TestMachine::start(LISTENERS).await;
    let push = machine.push("main", &[("a", "1")]).await;
    let id = machine.planned(push).await.set.id;
    machine.ends(id).await;
    for (name, count) in [("pushed", 1), ("planned", 1), ("states", 2), ("completed", 1)] {
        ended(&machine, name, count).await;
    }
    let head = machine.scm.commit("side", &[("b", "1")]);
    machine.scm.tag("v1.0", &head);
    machine.scm.tag("nightly", &head);
    machine.engine.observe(&machine.repo).await.unwrap();
    let tagged = ended(&machine, "tagged", 1).await;
    assert_eq!(
        tagged.len(),
        1,
        "one tag fits, and the branch `side` is no `main`"
    );
    let argv = argv_of(&machine);
    let has = |words: &[&str]| argv.iter().any(|argv| argv == words);
    assert!(has(&["pushed", "acme/app", "main", "change 0001"]), "{argv:?}");
    assert!(has(&["planned", "build"]));
    assert!(has(&["state", "compile", "in_process"]) && has(&["state", "compile", "success"]));
    assert!(has(&["completed", "success", "1", "none", "none"]));
    assert!(has(&["tagged", "v1.0", head.as_str()]));
    machine.stop().await;
}

/// Where a payload is not as its event promises: parts that are missing or unknown, and things that are no such things.
fn misfits(shape: Shape, value: &Value, at: &str) -> Vec<String> {
    match (shape, value) {
        (_, Value::Null) | (Shape::Open, _) => Vec::new(),
        (Shape::Value, Value::String(_) | Value::Number(_) | Value::Bool(_)) => Vec::new(),
        (Shape::List(item), Value::Array(items)) => {
            items.iter().flat_map(|value| misfits(*item, value, at)).collect()
        }
        (Shape::Parts(parts), Value::Object(fields)) => {
            let of_part = |part: &Part| match fields.get(part.name) {
                Some(value) => misfits(part.shape, value, &format!("{at}.{}", part.name)),
                None => vec![format!("{at} lacks {}", part.name)],
            };
            let unknown = fields
                .keys()
                .filter(|name| parts.iter().all(|part| part.name != *name));
            let unknown = unknown.map(|name| format!("{at} has {name}"));
            parts.iter().flat_map(of_part).chain(unknown).collect()
        }
        (Shape::Value | Shape::List(_) | Shape::Parts(_), value) => vec![format!("{at} is {value}")],
    }
}

#[tokio::test]
async fn events_are_as_goal_files_are_checked_against() {
    let listeners: Vec<String> = [
        "Startup",
        "Push",
        "FirstPush",
        "GoalsSet",
        "GoalState",
        "GoalCompletion",
        "Tag",
    ]
    .iter()
    .map(|event| format!("  - {{name: {event}, event: {event}, run: [x]}}\n"))
    .collect();
    let rules = "rules:\n  - {name: build, goals: [{name: compile, execute: {run: [make]}}]}\n";
    let machine = TestMachine::start(&format!("{rules}on:\n{}", listeners.concat())).await;
    let push = machine.push("main", &[("a", "1")]).await;
    machine.ends(machine.planned(push).await.set.id).await;
    machine
        .scm
        .tag("v1.0", &machine.scm.commit("main", &[("b", "1")]));
    machine.engine.observe(&machine.repo).await.unwrap();
    for name in [
        "Startup",
        "Push",
        "FirstPush",
        "GoalsSet",
        "GoalState",
        "GoalCompletion",
        "Tag",
    ] {
        for errand in ended(&machine, name, 1).await {
            let shape = EventType::named(name).unwrap().shape();
            assert_eq!(misfits(shape, &errand.facts["event"], name), [""; 0]);
        }
    }
    machine.stop().await;
}

const FOR_EACH: &str = r#"
rules:
  - {name: build, goals: [{name: compile, execute: {run: [make]}}]}
on:
  - name: tell the authors
    event: GoalState
    state: failure
    for_each: push.authors
    run: [mail, "${item.email}", "${item.name}: ${event.goal.name} on ${event.push.branch}"]
  - {name: tell nobody, event: Greeting, for_each: event.followers, run: [mail, "${item}"]}
  - {name: greet all, event: Greeting, for_each: names, run: [greet, "${item}", "${event.words}"]}
"#;

#[tokio::test]
async fn ms_01_a_failure_is_told_to_each_author_of_the_push_once() {
    let machine = TestMachine::start(FOR_EACH).await;
    for (name, email) in [
        ("Ada", "ada@example.com"),
        ("somebody", ""),
        ("Bob", "bob@example.com"),
        ("sdm", "sdm@localhost"),
        ("Ada L.", "ADA@example.com"),
    ] {
        machine.scm.commit_by("main", "change", name, email);
    }
    let failed = ExecutionResult::failure("no");
    machine.executor.will_end("compile", &[failed]);
    let push = machine.engine.observe(&machine.repo).await.unwrap()[0];
    machine.ends(machine.planned(push).await.set.id).await;
    ended(&machine, "tell the authors", 2).await;
    let mut argv = argv_of(&machine);
    argv.sort();
    assert_eq!(
        argv,
        [
            ["mail", "ADA@example.com", "Ada L.: compile on main"],
            ["mail", "bob@example.com", "Bob: compile on main"],
        ],
        "as they wrote last, and nobody without an address"
    );
    let machine = machine.restart().await;
    emit(
        &machine,
        "Greeting",
        json!({"names": ["eve"], "words": "again"}),
        0,
    )
    .await;
    ended(&machine, "greet all", 1).await;
    let told: Vec<String> = errands(&machine)
        .await
        .into_iter()
        .map(|errand| errand.name)
        .collect();
    assert_eq!(
        told,
        ["tell the authors", "tell the authors", "greet all"],
        "where there is nobody to tell nothing is run, and nobody is told twice"
    );
    machine.stop().await;
}

#[tokio::test]
async fn items_of_a_list_are_data_one_each_and_not_without_end() {
    let machine = TestMachine::start(FOR_EACH).await;
    emit(
        &machine,
        "Greeting",
        json!({"names": ["$(x) ${event.words}", null, 7], "words": "hi"}),
        0,
    )
    .await;
    emit(&machine, "Greeting", json!({"names": "one", "words": "ho"}), 0).await;
    emit(&machine, "Greeting", json!({"names": null}), 0).await;
    ended(&machine, "greet all", 2).await;
    machine
        .wait_for("what is no list is said", async || {
            let no_list =
                "greet all is not run: `names` of this Greeting is text, and `for_each` wants a list";
            let told = messages(&machine).await;
            told.iter().any(|text| text.contains(no_list)).then_some(())
        })
        .await;
    let mut argv = argv_of(&machine);
    argv.sort();
    assert_eq!(
        argv,
        [["greet", "$(x) ${event.words}", "hi"], ["greet", "7", "hi"]],
        "null is no item"
    );
    let many: Vec<u32> = (0..300).collect();
    emit(&machine, "Greeting", json!({"names": many, "words": ""}), 0).await;
    machine
        .wait_for("only so many are made", async || {
            let told = messages(&machine).await;
            let cut = "greet all runs for the first 250 of 300 items of `names` of this Greeting";
            let is_said = told.iter().any(|text| text.contains(cut));
            (is_said && errands(&machine).await.len() == 252).then_some(())
        })
        .await;
    machine.stop().await;
}

#[tokio::test]
async fn a_failing_listener_changes_nothing_else() {
    let machine = TestMachine::start(LISTENERS).await;
    machine
        .executor
        .will_end("errand", &[ExecutionResult::failure("no")]);
    emit(&machine, "Greeting", json!({"who": "ada"}), 0).await;
    let mut all = ended(&machine, "greet", 1).await;
    all.extend(ended(&machine, "greet ada", 1).await);
    let mut states: Vec<StateName> = all.iter().map(|errand| errand.state).collect();
    states.sort();
    assert_eq!(states, [StateName::Success, StateName::Failure]);
    machine.stop().await;
}

#[tokio::test]
async fn st_28_listeners_of_goals_that_fail_harm_neither_goal_nor_set() {
    let pack = "  - {name: pack, depends_on: build, goals: [{name: pack, execute: {run: [pack]}}]}\non:\n";
    let machine = TestMachine::start(&LISTENERS.replace("on:\n", pack)).await;
    let failures = vec![ExecutionResult::failure("no"); 100];
    machine.executor.will_end("errand", &failures);
    let id = machine.planned_push("main", &[("a", "1")]).await.set.id;
    let set = machine.ends(id).await.set;
    let mut all = ended(&machine, "states", 4).await;
    all.extend(ended(&machine, "completed", 2).await);
    assert!(
        all.iter().all(|errand| errand.state == StateName::Failure),
        "{all:?}"
    );
    let seen = set.goals().iter().map(|goal| (goal.state.name(), goal.attempt));
    let seen: Vec<_> = seen.collect();
    assert_eq!(seen, [(StateName::Success, 1), (StateName::Success, 1)]);
    assert_eq!(set.state(), StateName::Success);
    let later = machine.engine.store().goal_set(id).await.unwrap().unwrap();
    assert_eq!(later.set, set, "nothing of it changed any more");
    machine.stop().await;
}

#[tokio::test]
async fn events_of_the_time_without_a_machine_are_heard_once() {
    let machine = TestMachine::start(LISTENERS).await;
    emit(&machine, "Greeting", json!({"who": "bob"}), 0).await;
    ended(&machine, "greet", 1).await;
    let machine = machine.restart().await;
    emit(&machine, "Greeting", json!({"who": "carol"}), 0).await;
    ended(&machine, "greet", 2).await;
    let machine = machine.restart().await;
    emit(&machine, "Greeting", json!({"who": "dave"}), 0).await;
    let all = ended(&machine, "greet", 3).await;
    assert_eq!(all.len(), 3);
    assert_eq!(
        argv_of(&machine),
        [["greet", "bob"], ["greet", "carol"], ["greet", "dave"]]
    );
    machine.stop().await;
}

#[tokio::test]
async fn d10_a_loop_of_events_is_cut_and_reported() {
    let machine = TestMachine::start(LISTENERS).await;
    emit(&machine, "Greeting", json!({"who": "deep"}), DEEPEST).await;
    emit(&machine, "Greeting", json!({"who": "bob"}), DEEPEST - 1).await;
    let all = ended(&machine, "greet", 1).await;
    assert_eq!((all.len(), all[0].depth), (1, DEEPEST));
    let told = messages(&machine).await;
    assert!(
        told.iter()
            .any(|text| text.contains("greet is not run: 8 listeners")),
        "{told:?}"
    );
    let mut asked = ask("greet", &json!({"who": "x"}));
    asked.depth = DEEPEST + 1;
    assert!(matches!(machine.engine.ask(asked).await, Err(AskError::TooDeep)));
    machine.stop().await;
}

const TIMES: &str = r#"
on:
  - {name: first, event: Startup, run: [first]}
  - {name: second, event: Startup, run: [second]}
  - {name: hourly, cron: "0 * * * *", run: [hourly, "${event.due}"]}
  - {name: often, interval: 10s, run: [often]}
"#;

#[tokio::test]
async fn tr_02_startup_listeners_run_in_order_and_a_failing_one_does_not_stop_the_others() {
    let machine = TestMachine::start(TIMES).await;
    machine
        .executor
        .will_end("errand", &[ExecutionResult::failure("no")]);
    let second = ended(&machine, "second", 1).await;
    let first = ended(&machine, "first", 1).await;
    assert_eq!(
        (first[0].state, second[0].state),
        (StateName::Failure, StateName::Success)
    );
    assert!(second[0].started_at >= first[0].ended_at);
    assert_eq!(argv_of(&machine)[..2], [["first"], ["second"]]);
    machine.stop().await;
}

#[tokio::test]
async fn tr_01_timers_fire_at_their_moments_only_after_startup_and_once_for_what_was_missed() {
    let machine = TestMachine::start(TIMES).await;
    ended(&machine, "second", 1).await;
    machine
        .wait_for("the timers are known", async || {
            (machine.engine.store().timers().await.unwrap().len() == 2).then_some(())
        })
        .await;
    assert!(
        !argv_of(&machine).iter().any(|argv| argv[0] == "often"),
        "not at once"
    );
    machine.clock.step(Duration::from_secs(10));
    ended(&machine, "often", 1).await;
    let machine = machine.restart().await;
    machine.clock.step(Duration::from_secs(5 * 3600));
    let hourly = ended(&machine, "hourly", 1).await;
    ended(&machine, "often", 2).await;
    ended(&machine, "second", 2).await;
    assert_eq!(hourly.len(), 1, "five hours were missed, and that is once");
    assert_eq!(
        errands(&machine)
            .await
            .iter()
            .filter(|errand| errand.name == "often")
            .count(),
        2
    );
    machine.stop().await;
}

#[tokio::test]
async fn tr_01_a_timer_waits_for_the_end_of_what_it_ran_last() {
    let goals = "on: [{name: often, interval: 10s, run: [often]}]\ncommands: [{name: hello, run: [hello]}]\n";
    let machine = TestMachine::start(goals).await;
    machine
        .wait_for("the timer is known", async || {
            (machine.engine.store().timers().await.unwrap().len() == 1).then_some(())
        })
        .await;
    machine.executor.hold("errand");
    let of_timer = async || {
        let all = errands(&machine).await;
        all.iter().filter(|errand| errand.name == "often").count()
    };
    let running = async |program: &'static str| {
        let what = format!("{program} runs");
        machine
            .wait_for(&what, async || {
                let all = argv_of(&machine);
                all.iter().any(|argv| argv[0] == program).then_some(())
            })
            .await;
    };
    machine.clock.step(Duration::from_secs(10));
    running("often").await;
    machine.clock.step(Duration::from_secs(3600));
    // What comes later is there, so what is due was looked at.
    errand_asked(&machine, ask("hello", &json!({}))).await;
    running("hello").await;
    assert_eq!(of_timer().await, 1, "it is still at work");
    let success = ExecutionNews::Ended(ExecutionResult::success());
    machine.executor.end("errand", &success);
    ended(&machine, "often", 2).await;
    assert_eq!(of_timer().await, 2, "an hour was missed, and that is once");
    machine.stop().await;
}

#[tokio::test]
async fn a_secret_that_could_not_be_kept_out_of_logs_is_refused() {
    let machine = TestMachine::start(GREET).await;
    let mut asked = ask("greet", &json!({"who": "bob"}));
    let secrets = &mut asked.given.secrets;
    secrets.insert("token".to_owned(), SecretString::from("abc"));
    let Err(AskError::Parameters(problems)) = machine.engine.ask(asked).await else {
        panic!("it is too short");
    };
    assert_eq!(
        problems[0].to_string(),
        "--token: it is too short to be kept out of what is shown: a secret has at least 4 characters"
    );
    machine.stop().await;
}

const BUMP: &str = r#"
commands:
  - name: bump
    parameters: {level: {default: patch}, repo: {mapped: repo_name}, token: {secret: true, required: false}}
    targets: {test: {has_file: Cargo.toml}, concurrent: 2}
    run: [bump, "${parameters.level}", "${parameters.repo}", "${branch}", "${sha}"]
"#;

async fn remember(machine: &TestMachine, name: &str) -> Repository {
    let repo = Repository {
        key: format!("key-of-acme/{name}"),
        slug: RepoSlug::new("acme", name),
        ..machine.repo.clone()
    };
    machine.engine.observe(&repo).await.unwrap();
    machine.engine.store().set_trusted(&repo.key, true).await.unwrap();
    repo
}

async fn job_states(machine: &TestMachine, id: sdm::model::JobId) -> Vec<(TaskState, Option<StateName>)> {
    let (_, tasks) = machine.engine.store().job(id).await.unwrap().unwrap();
    let mut states = Vec::new();
    for task in tasks {
        let record = match task.goal_set {
            Some(id) => machine.engine.store().goal_set(id).await.unwrap(),
            None => None,
        };
        states.push((task.state, record.map(|record| record.set.state())));
    }
    states
}

async fn asked_job(machine: &TestMachine, ask: Ask) -> sdm::model::JobId {
    match machine.engine.ask(ask).await.unwrap() {
        Asked::Job(id) => id,
        Asked::Errand(_) => panic!("it is for repositories"),
    }
}

#[tokio::test]
async fn cm_11_a_command_on_a_repository_is_a_goal_on_the_head_of_its_default_branch() {
    let machine = TestMachine::start(BUMP).await;
    let head = machine.scm.commit("main", &[("Cargo.toml", "")]);
    machine.scm.commit("other", &[("Cargo.toml", "")]);
    let mut asked = ask("bump", &json!({"level": "minor"}));
    asked.here = Some(machine.repo.slug.clone());
    asked
        .given
        .secrets
        .insert("token".to_owned(), SecretString::from("hunter2"));
    let id = asked_job(&machine, asked).await;
    machine
        .wait_for("it succeeds", async || {
            (job_states(&machine, id).await == [(TaskState::Begun, Some(StateName::Success))]).then_some(())
        })
        .await;
    let spec = machine.executor.specs("bump").remove(0);
    assert_eq!(
        spec.steps[0].argv,
        ["bump", "minor", "app", "main", head.as_str()]
    );
    assert!(
        spec.environment
            .contains(&("SDM_PARAMETER_LEVEL".to_owned(), "minor".to_owned()))
    );
    assert!(
        spec.environment
            .contains(&("SDM_PARAMETER_TOKEN".to_owned(), "hunter2".to_owned()))
    );
    assert!(
        spec.redact
            .iter()
            .any(|secret| secret.expose_secret() == "hunter2")
    );
    assert!(machine.engine.store().pushes(None, 10).await.unwrap().is_empty());
    machine.stop().await;
}

#[tokio::test]
async fn cm_10_a_pattern_on_three_repositories_is_a_job_with_three_tasks_two_at_a_time() {
    let machine = TestMachine::start(BUMP).await;
    machine.scm.commit("main", &[("Cargo.toml", "")]);
    remember(&machine, "one").await;
    remember(&machine, "two").await;
    machine.executor.hold("bump");
    let mut asked = ask("bump", &json!({}));
    asked.targets.repos = Some("^(app|one|two)$".to_owned());
    let id = asked_job(&machine, asked).await;
    machine
        .wait_for("two run", async || {
            (machine.executor.started().len() == 2).then_some(())
        })
        .await;
    let states = job_states(&machine, id).await;
    let waiting = states
        .iter()
        .filter(|(state, _)| *state == TaskState::Waiting)
        .count();
    assert_eq!((states.len(), waiting), (3, 1));
    let machine = machine.restart().await;
    machine
        .executor
        .end("bump", &ExecutionNews::Ended(ExecutionResult::success()));
    machine
        .wait_for("all three have succeeded", async || {
            let states = job_states(&machine, id).await;
            states
                .iter()
                .all(|(_, state)| *state == Some(StateName::Success))
                .then_some(())
        })
        .await;
    assert_eq!(machine.executor.started().len(), 3);
    machine.stop().await;
}

#[tokio::test]
async fn a_command_does_nothing_where_its_test_does_not_hold_and_where_nobody_trusts() {
    let machine = TestMachine::start(BUMP).await;
    machine.scm.commit("main", &[("README.md", "")]);
    let stranger = remember(&machine, "stranger").await;
    machine
        .engine
        .store()
        .set_trusted(&stranger.key, false)
        .await
        .unwrap();
    let mut asked = ask("bump", &json!({}));
    asked.targets.owner = Some("acme".to_owned());
    let id = asked_job(&machine, asked).await;
    machine
        .wait_for("both are settled", async || {
            let states: Vec<TaskState> = job_states(&machine, id)
                .await
                .into_iter()
                .map(|(state, _)| state)
                .collect();
            (states == [TaskState::NotConcerned, TaskState::Failed]).then_some(())
        })
        .await;
    assert!(machine.executor.started().is_empty());
    machine.stop().await;
}

#[tokio::test]
async fn repositories_that_cannot_be_meant_are_refused_before_anything_starts() {
    let machine = TestMachine::start(BUMP).await;
    remember(&machine, "one").await;
    let refused = async |targets: AskedTargets| {
        let mut asked = ask("bump", &json!({}));
        asked.targets = targets;
        match machine.engine.ask(asked).await {
            Err(AskError::Targets(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let none = AskedTargets::default();
    let said = |text: &str| Some(text.to_owned());
    let mut told = vec![refused(none.clone()).await];
    told.push(
        refused(AskedTargets {
            repo: said("nope"),
            ..none.clone()
        })
        .await,
    );
    told.push(
        refused(AskedTargets {
            repos: said("("),
            ..none.clone()
        })
        .await,
    );
    told.push(
        refused(AskedTargets {
            repo: said("app"),
            branch: said("-x"),
            ..none.clone()
        })
        .await,
    );
    told.push(
        refused(AskedTargets {
            repo: said("app"),
            sha: said("abc"),
            ..none.clone()
        })
        .await,
    );
    told.push(
        refused(AskedTargets {
            owner: said("acme"),
            sha: said(&"a".repeat(40)),
            ..none.clone()
        })
        .await,
    );
    told.push(
        refused(AskedTargets {
            repo: said("app"),
            repos: said("a"),
            ..none
        })
        .await,
    );
    insta::assert_snapshot!(told.join("\n"));
    machine.stop().await;
}

#[tokio::test]
async fn goals_of_a_command_can_be_canceled_like_others() {
    let machine = TestMachine::start(BUMP).await;
    machine.scm.commit("main", &[("Cargo.toml", "")]);
    machine.executor.hold("bump");
    let mut asked = ask("bump", &json!({}));
    asked.here = Some(machine.repo.slug.clone());
    let id = asked_job(&machine, asked).await;
    machine
        .wait_for("it runs", async || {
            (machine.executor.started().len() == 1).then_some(())
        })
        .await;
    let (_, tasks) = machine.engine.store().job(id).await.unwrap().unwrap();
    let person = Person {
        login: "ada".to_owned(),
        ..Person::default()
    };
    let cancel = Action::Cancel {
        scope: sdm::model::goal_set::CancelScope::All,
        actor: sdm::model::Actor::Person { person },
        reason: "by @ada".to_owned(),
    };
    machine
        .engine
        .act(tasks[0].goal_set.unwrap(), &cancel)
        .await
        .unwrap();
    machine
        .wait_for("its process is ended", async || {
            (machine.executor.stopped() == ["bump"]).then_some(())
        })
        .await;
    machine.stop().await;
}
