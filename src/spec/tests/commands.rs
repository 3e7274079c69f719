//! Commands (semantics 5.1, 5.2) and listeners (6).

use serde_json::json;

use super::super::testing::{problems, right};
use crate::model::{CommandWork, Intent, ParameterSource, ParameterType, ScheduleDefinition};

const BUMP: &str = r#"
commands:
  - name: bump
    description: Bump the version
    intent: ["bump  version", {pattern: "^bump to (.+)$"}]
    tags: release
    parameters:
      level: {pattern: "^(major|minor|patch)$", default: patch, validInput: "major, minor or patch", order: 1}
      count: {type: number, required: false}
      where: {options: [eu, us], multiple: true}
      sure: {type: boolean, default: false}
      token: {secret: true}
      who: {mapped: userLogin}
      region: {value: region}
      free:
    run: ["./scripts/bump", "${parameters.level}", "${matches.1:none}"]
    env: {LEVEL: "${parameters.level}"}
    timeout: 1m
    targets: {repos: "^acme/", test: {has_file: Cargo.toml}, concurrent: 3}
  - name: hello world
    run: [echo, hello]
"#;

#[test]
fn cm_01_parameters_have_every_attribute() {
    let loaded = right(BUMP);
    let bump = &loaded.commands[0];
    let parameter = |name: &str| bump.parameter(name).unwrap();
    let level = parameter("level");
    assert_eq!(
        (level.default.clone(), level.required, level.order),
        (Some(json!("patch")), false, Some(1))
    );
    assert_eq!(level.valid_input.as_deref(), Some("major, minor or patch"));
    assert_eq!(parameter("count").kind, ParameterType::Number);
    assert!(!parameter("count").required);
    let options = vec!["eu".to_owned(), "us".to_owned()];
    assert_eq!(
        parameter("where").kind,
        ParameterType::Options {
            options,
            multiple: true
        }
    );
    assert_eq!(parameter("sure").kind, ParameterType::Boolean);
    assert_eq!(parameter("token").source, ParameterSource::Secret);
    assert_eq!(
        parameter("who").source,
        ParameterSource::Mapped("user_login".to_owned())
    );
    assert_eq!(
        parameter("region").source,
        ParameterSource::Value("region".to_owned())
    );
    assert!(parameter("free").required && parameter("free").displayable);
}

#[test]
fn cm_13_a_parameter_can_hold_a_token_of_whoever_asks() {
    let text = "commands:\n  - name: x\n    run: [x]\n    parameters: {t: {caller_token: [repo, 'read:org']}, u: {caller_token: []}}\n";
    let loaded = right(text);
    let parameter = |name: &str| loaded.commands[0].parameter(name).unwrap();
    let scopes = ["repo", "read:org"].map(str::to_owned).to_vec();
    assert_eq!(parameter("t").source, ParameterSource::CallerToken(scopes));
    assert!(!parameter("t").required, "it may be absent");
    assert!(parameter("t").is_secret() && !parameter("t").is_given());
    assert_eq!(parameter("u").source, ParameterSource::CallerToken(Vec::new()));
    let wrong = text.replace("'read:org'", "'read org'");
    assert!(problems(&wrong).contains("`read org` is no scope of a forge"));
}

#[test]
fn semantics_5_2_a_parameter_can_hold_the_token_of_the_hub() {
    let text = "commands:\n  - name: x\n    run: [x]\n    parameters: {t: {org_token: true}}\n";
    let loaded = right(text);
    let token = loaded.commands[0].parameter("t").unwrap();
    assert_eq!(token.source, ParameterSource::OrgToken);
    assert!(token.is_secret() && !token.is_given() && !token.required);
    let wrong = text.replace("true}", "true, secret: true}");
    assert!(problems(&wrong).contains("more than one of `mapped`"));
}

#[test]
fn a_command_says_what_people_say_and_what_it_does() {
    let loaded = right(BUMP);
    let [bump, hello] = loaded.commands.as_slice() else {
        panic!("two commands")
    };
    let intents = [
        Intent::Words("bump version".to_owned()),
        Intent::Pattern("^bump to (.+)$".to_owned()),
    ];
    assert_eq!(bump.intents, intents);
    assert_eq!(
        hello.intents,
        [Intent::Words("hello world".to_owned())],
        "the name without an intent"
    );
    let CommandWork::Goal(work) = &bump.work else {
        panic!("a goal on repositories")
    };
    assert_eq!(work.kind, "execute");
    assert_eq!(work.arguments["timeout"], json!(60_000));
    assert_eq!(bump.targets.as_ref().unwrap().concurrent, 3);
    assert!(
        matches!(&hello.work, CommandWork::Run(run) if run.argv == ["echo", "hello"] && run.timeout == 600_000)
    );
    assert_eq!(hello.targets, None);
}

#[test]
fn problems_of_commands_have_places_and_hints() {
    insta::assert_snapshot!(problems(
        r#"
commands:
  - name: bump
    intent: bump version
    run: [bump, "${parameters.levle}", "${event.x}", "${parameters.token}"]
    parameters:
      level: {default: huge, pattern: "^(major|minor)$"}
      token: {secret: true, default: x}
      help:
      who: {mapped: user_logn}
      many: {type: number, options: [a]}
      long: {min_length: 5, max_length: 2}
      both: {secret: true, value: x}
  - name: bump
    intent: bump version
    run: [x]
  - name: nothing
  - name: two
    run: [x]
    execute: {run: [y]}
  - name: option
    intent: --version
    run: [x]
    wrong: 1
  - just text
"#
    ));
}

#[test]
fn what_only_commands_can_be_is_said_in_rules_and_slips_are_seen() {
    insta::assert_snapshot!(problems(
        "commands: [{name: a, transfrom: {run: [x]}}]\nrules: [{name: r, goals: [{name: g, transform: {run: [x]}}]}]"
    ), @r#"
    a.yaml:1:12 Error missing_property (+1): this command does nothing
      hint: add `run: [program, argument, …]`, `transform`, `inspect` or `generate`
    a.yaml:1:22 Error unknown_key (+9): a command has no key `transfrom`
      hint: did you mean `transform`?
    a.yaml:2:27 Error unknown_goal (+1): Unable to construct goal from '{"name":"g","transform":{"run":["x"]}}'
      hint: `transform` is something that people ask for: write it below `commands`
    "#);
}

#[test]
fn a_command_of_a_kind_is_checked_with_its_tests_and_placeholders() {
    let loaded = right(
        "commands: [{name: logo, parameters: {to: {}}, transform: {run: [x, '${parameters.to}'], test: {has_file: a}}}]",
    );
    let CommandWork::Goal(work) = &loaded.commands[0].work else {
        panic!("a goal on repositories")
    };
    assert_eq!(work.kind, "transform");
    assert!(
        work.arguments["test"].is_object(),
        "its test is read: {}",
        work.arguments
    );
    assert!(loaded.commands[0].targets.is_some(), "without saying so");
    let wrong =
        problems("commands: [{name: logo, transform: {run: [x, '${parameters.to}'], test: is_wrong}}]");
    assert!(
        wrong.contains("unknown_placeholder") || wrong.contains("unknown_test"),
        "{wrong}"
    );
}

#[test]
fn a_placeholder_of_a_command_has_a_meaning() {
    insta::assert_snapshot!(problems(
        r#"
commands:
  - name: bump
    parameters: {level: {}, token: {secret: true}}
    run: [bump, "${parameters.levle}", "${event.x}", "${parameters.token}", "${push.branch}", "${preferences.x:y}"]
  - name: on repositories
    targets: true
    run: [bump, "${push.branch}", "${goal.name}", "${parameters.x}"]
"#
    ));
}

#[test]
fn listeners_have_events_filters_and_schedules() {
    let loaded = right(
        r#"
on:
  - name: greet new repositories
    event: RepoCreated
    run: ["./scripts/onboard", "${event.repo.owner}/${event.repo.name}"]
  - {name: failed, event: goal_completed, goal: test, state: [failure], branch: ^main$, repo: ^acme/, run: [notify, "${event.goal.name}"]}
  - {name: nightly, cron: "0 30 6 * * MON-FRI", timezone: Europe/Berlin, run: [report, "${event.due}"]}
  - {name: often, event: Timer, interval: 90s, run: [look]}
  - {name: own, event: acme.greeting, where: {who: ^a}, run: [greet, "${event.anything.at.all}"]}
  - {name: authors, event: GoalState, state: failure, forEach: event.push.authors, run: [mail, "${item.email}", "${event.goal.name}"]}
"#,
    );
    let events: Vec<&str> = loaded
        .listeners
        .iter()
        .map(|listener| listener.event.as_str())
        .collect();
    assert_eq!(
        events,
        [
            "RepoCreated",
            "GoalCompletion",
            "Timer",
            "Timer",
            "acme.greeting",
            "GoalState"
        ]
    );
    assert_eq!(loaded.listeners[4].for_each, None);
    assert_eq!(loaded.listeners[5].for_each.as_deref(), Some("push.authors"));
    assert_eq!(loaded.listeners[1].filter.goals, ["test"]);
    assert_eq!(
        loaded.listeners[3].schedule,
        Some(ScheduleDefinition::Interval(90_000))
    );
    assert_eq!(
        loaded.listeners[4].filter.fields,
        [("who".to_owned(), "^a".to_owned())]
    );
    let Some(ScheduleDefinition::Cron { time_zone, .. }) = &loaded.listeners[2].schedule else {
        panic!("cron")
    };
    assert_eq!(time_zone, "Europe/Berlin");
}

#[test]
fn problems_of_listeners_have_places_and_hints() {
    insta::assert_snapshot!(problems(
        r#"
on:
  - {name: a, event: PullRequst, run: [x]}
  - {name: b, run: [x]}
  - {name: c, event: Push, run: [x, "${event.goal.name}", "${parameters.x}"], state: failure}
  - {name: d, event: Timer, run: [x]}
  - {name: e, cron: "61 * * * *", run: [x]}
  - {name: f, cron: "* * * * *", time_zone: Mars/Olympus, run: [x]}
  - {name: g, cron: "* * * * *", interval: 1m, run: [x]}
  - {name: h, interval: 10ms, run: [x]}
  - {name: i, event: Startup}
  - {name: a, event: Startup, run: [x]}
  - {name: a, event: Startup, run: [x]}
  - {name: j, event: Startup, run: [x], directory: src}
"#
    ));
    insta::assert_snapshot!(problems(
        r#"
on:
  - {name: a, event: Push, for_each: goal.authors, run: [x]}
  - {name: b, event: Push, for_each: "push..authors", run: [x]}
  - {name: c, event: Push, run: [x, "${item.email}"]}
  - {name: d, event: Push, for_each: push.authors, run: [x, "${itme.email}"]}
"#
    ), @r#"
    a.yaml:3:38 Error unknown_placeholder (+12): the event Push has no `goal.authors`
      hint: it has `push`, `repo`
    a.yaml:4:38 Error invalid_path (+15): `push..authors` is not the path of a list in the event
      hint: write its parts with `.` between them, such as `push.authors`
    a.yaml:5:40 Error unknown_placeholder (+1): `${item.email}` has no meaning here
      hint: placeholders here begin with `event`, `machine`, `preferences`
    a.yaml:6:62 Error unknown_placeholder (+1): `itme.email` is no fact
      hint: did you mean `item`? Or write `$${itme.email`, with two `$`, to leave it to the shell
    "#);
}

#[test]
fn two_commands_that_are_said_alike_are_told_where_each_is_said() {
    insta::assert_snapshot!(problems(
        r#"
commands:
  - name: one
    intent: [first, {pattern: "^x (.)$"}]
    run: [x]
  - name: two
    intent:
      - second
      - {pattern: "^x (.)$"}
      - first
    run: [x]
  - name: first
    run: [x]
  - name: two
    intent: third
    run: [x]
"#
    ), @r"
    a.yaml:9:9 Error duplicate_intent (+1): `^x (.)$` is the intent of a command already, at a.yaml:4:21
      hint: people could not say which one they mean; change one of them
    a.yaml:10:9 Error duplicate_intent (+5): `first` is the intent of a command already, at a.yaml:4:14
      hint: people could not say which one they mean; change one of them
    a.yaml:12:11 Error duplicate_intent (+5): `first` is the intent of a command already, at a.yaml:10:9
      hint: people could not say which one they mean; change one of them
    a.yaml:14:11 Error duplicate_command (+3): there is a command `two` already, at a.yaml:6:11
      hint: rename one of them
    ");
}
