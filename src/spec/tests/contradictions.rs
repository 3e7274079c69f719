//! Tests of rules that cannot hold.

use insta::assert_snapshot;

use super::super::testing::problems;

const RULES: &str = "
goals:
- {name: format, execute: {run: [a]}}
- {name: unit test, execute: {run: [b]}}
- {name: publish, environment: prod, pre_approval: true, execute: {run: [c]}}
rules:
- {name: rust, goals: [format, unit test]}
- {name: ship_it, depends_on: rust, goals: publish}
";

fn expecting(expect: &str) -> String {
    problems(&format!("{RULES}tests:\n- name: a\n  expect: {{{expect}}}\n"))
}

#[test]
fn a_goal_is_set_or_not() {
    assert_snapshot!(expecting("goals: [format, unit test], not: [unit-test, publish]"), @r"
    a.yaml:11:46 Error cannot_hold (+9): `unit-test` must not be set here, and must be at a.yaml:11:28
      hint: a goal is set or not; remove it from one of them
    ");
    assert_snapshot!(expecting("includes: publish in prod, not: publish"), @r"
    a.yaml:11:44 Error cannot_hold (+7): `publish` must not be set here, and must be at a.yaml:11:22
      hint: a goal is set or not; remove it from one of them
    ");
    assert_snapshot!(expecting("order: [format, unit test], not: format"), @r"
    a.yaml:11:45 Error cannot_hold (+6): `format` must not be set here, and must be at a.yaml:11:20
      hint: a goal is set or not; remove it from one of them
    ");
    assert_snapshot!(expecting("goals: [format], includes: publish, order: [format, unit test], states: {publish: planned}"), @r"
    a.yaml:11:39 Error cannot_hold (+7): `publish` is not among `goals`, and those are all that are set
      hint: add it there, or write `includes` instead of `goals`
    a.yaml:11:64 Error cannot_hold (+9): `unit test` is not among `goals`, and those are all that are set
      hint: add it there, or write `includes` instead of `goals`
    a.yaml:11:85 Error cannot_hold (+7): `publish` is not among `goals`, and those are all that are set
      hint: add it there, or write `includes` instead of `goals`
    ");
    assert_snapshot!(expecting("goals: [format, unit test, unit_test]"), @r"
    a.yaml:11:39 Error cannot_hold (+9): `unit_test` is named already, at a.yaml:11:28: a goal is set once
      hint: remove one of them
    ");
    assert_eq!(
        expecting("includes: format, not: publish, order: [format, unit test], states: {format: requested}"),
        ""
    );
}

#[test]
fn no_goal_waits_for_itself() {
    assert_snapshot!(expecting("order: [format, format]"), @r"
    a.yaml:11:28 Error cannot_hold (+6): `format` cannot wait for itself
      hint: name each goal once, after those that it waits for
    ");
    assert_snapshot!(expecting("order: [[format, unit test], [publish, format], [unit-test, publish]]"), @r"
    a.yaml:11:51 Error cannot_hold (+6): `format` would have to wait for itself: it comes before `unit test`, then `publish`
      hint: name each goal once, after those that it waits for
    ");
    assert_eq!(
        expecting("order: [[format, unit test, publish], [format, publish]]"),
        ""
    );
}

#[test]
fn goals_begin_as_they_can() {
    assert_snapshot!(expecting("states: {format: waiting_for_pre_approval, publish: waiting_for_pre_approval}"), @r"
    a.yaml:11:21 Error cannot_hold (+6): `format` has no `pre_approval`
      hint: it begins as `requested`, or as `planned` where it waits for others
    ");
    assert_snapshot!(expecting("order: [format, unit test], states: {unit test: requested}"), @r"
    a.yaml:11:49 Error cannot_hold (+9): `unit test` waits for another goal, says a.yaml:11:28, and cannot begin as `requested`
      hint: goals that wait for others begin as `planned`
    ");
}

#[test]
fn rules_come_to_what_they_can() {
    assert_snapshot!(expecting("rules: {rust: locked_out, ship_it: not_reached}, locked: true"), @r"
    a.yaml:11:20 Error cannot_hold (+4): no rule before `rust` locks
      hint: a rule locks with the goal `lock` or `immaterial`
    a.yaml:11:38 Error cannot_hold (+7): `ship_it` stands in no `first_of`, so it is always asked
      hint: write `not_matched` or `locked_out`
    a.yaml:11:61 Error cannot_hold (+1): no rule locks
      hint: a rule locks with the goal `lock` or `immaterial`; remove this
    ");
    assert_snapshot!(expecting("set: 'rust, ship'"), @r"
    a.yaml:11:12 Error cannot_hold (+1): no rule is called `ship`, and goal sets are called after rules
      hint: did you mean `ship it`?
    ");
    assert_snapshot!(expecting("goals: [], set: rust"), @r"
    a.yaml:11:23 Error cannot_hold (+1): no goal is set, so there is no goal set with a name
      hint: remove `set`, or name the goals
    ");
    assert_snapshot!(expecting("error: no, includes: format, not: publish"), @r"
    a.yaml:11:23 Error cannot_hold (+1): planning must fail, says a.yaml:11:12, and sets no goal then
      hint: remove this, or what says that planning fails
    ");
    assert_snapshot!(expecting("rules: {rust: error}, goals: [format]"), @r"
    a.yaml:11:34 Error cannot_hold (+1): planning must fail, says a.yaml:11:12, and sets no goal then
      hint: remove this, or what says that planning fails
    ");
    assert_eq!(expecting("set: 'rust, ship it', locked: false"), "");
    assert_eq!(expecting("error: no, goals: []"), "");
    let locking = "rules:\n- {name: l, goals: lock}\n- {name: r, first_of: [{name: i, goals: []}]}\ntests:\n- name: a\n  expect: ";
    assert_eq!(
        problems(&format!(
            "{locking}{{rules: {{r: locked_out, i: not_reached}}, locked: true}}\n"
        )),
        ""
    );
    assert_snapshot!(problems(&format!("{locking}{{rules: {{r: locked_out}}, locked: false}}\n")), @r"
    a.yaml:6:36 Error cannot_hold (+1): nothing locks here, and `r` must be locked out
      hint: remove one of them
    ");
}

#[test]
fn names_of_goals_are_known_also_where_they_are_planned() {
    let planned = "rules:\n- name: r\n  goals:\n  - {name: unit test, plan: {matrix: {os: [linux]}}, execute: {run: [x]}}\n  - {name: b, plan: {matrix: {os: [linux]}, name: 'build on ${parameters.os} now'}, execute: {run: [x]}}\ntests:\n- name: a\n  expect: ";
    assert_snapshot!(problems(&format!("{planned}{{includes: [unit test (linux), build-on-linux-now, biuld on linux now, untit test (linux)]}}\n")), @r"
    a.yaml:8:62 Error unknown_goal (+18): no rule sets a goal `biuld on linux now`
      hint: name a goal that some rule sets
    a.yaml:8:82 Error unknown_goal (+18): no rule sets a goal `untit test (linux)`
      hint: name a goal that some rule sets
    ");
    let computed = planned.replace("{matrix: {os: [linux]}}", "'[{}]'");
    assert_eq!(
        problems(&format!("{computed}{{includes: anything}}\n")),
        "",
        "it may be called anything"
    );
}

#[test]
fn a_goal_that_is_the_reason_exists() {
    let test = |goal: &str| {
        problems(&format!(
            "{RULES}tests: [{{name: a, goal: {goal}, expect: {{goals: []}}}}]\n"
        ))
    };
    assert_snapshot!(test("{name: fromat}"), @r"
    a.yaml:9:32 Error unknown_goal (+6): no rule sets a goal `fromat`
      hint: did you mean `format`?
    ");
    for goal in [
        "{name: fromat, machine: other}",
        "{name: unit-test}",
        "{name: 'unit-test#2'}",
    ] {
        assert_eq!(test(goal), "", "{goal}");
    }
}
