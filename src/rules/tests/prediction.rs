//! Acceptance RU-17 and PT-28: what is said of a push before there is one.

use serde_json::json;

use super::super::fixtures::*;
use super::super::*;
use super::any;
use crate::model::plan::{RuleOutcome, TestOutcome};
use crate::model::{RuleDefinition, TestExpression};

fn predicted(rules: &[RuleDefinition], branch: &str) -> Prediction {
    compiled(rules).predict(&push_to(branch), &PlanningFacts::default())
}

/// `goal` when it is certain, `goal?` when it is possible.
fn goals(prediction: &Prediction) -> Vec<String> {
    let word = |goal: &PredictedGoal| {
        let doubt = if goal.is_certain { "" } else { "?" };
        format!("{}{doubt}", goal.definition.name)
    };
    prediction.goals.iter().map(word).collect()
}

fn main_only(name: &str) -> RuleDefinition {
    rule(name, test("is_branch", json!("^main$")), &[&[name]])
}

fn content() -> TestExpression {
    test("has_file", json!(["Cargo.toml"]))
}

fn outcomes(prediction: &Prediction) -> Vec<RuleOutcome> {
    prediction.trace.rules.iter().map(|rule| rule.outcome).collect()
}

#[test]
fn ru_17_certain_and_possible_goals_are_told_apart() {
    let rules = [
        any("checks", &[&["format"], &["lint"]]),
        main_only("ship"),
        rule("rust", content(), &[&["test", "format"]]),
        rule("chores", test("has_commit", json!("chore")), &[&["sweep"]]),
    ];
    let on_main = predicted(&rules, "main");
    assert_eq!(goals(&on_main), ["format", "lint", "ship", "test?", "sweep?"]);
    assert_eq!(on_main.goals[0].rules, ["checks", "rust"]);
    let elsewhere = predicted(&rules, "feature");
    assert_eq!(goals(&elsewhere), ["format", "lint", "test?", "sweep?"]);
    assert_eq!(
        outcomes(&elsewhere),
        [
            RuleOutcome::Matched,
            RuleOutcome::NotMatched,
            RuleOutcome::Possible,
            RuleOutcome::Possible
        ]
    );
}

#[test]
fn ru_17_opaque_tests_are_reported() {
    let prediction = predicted(&[rule("r", constant(true), &[&["g"]])], "main");
    assert_eq!(goals(&prediction), ["g?"]);
    let test = &prediction.trace.rules[0].tests[0];
    assert_eq!(test.outcome, TestOutcome::Unknown);
    assert_eq!(test.because, "it may ask anything, so nothing is said about it");
}

#[test]
fn pt_28_what_decides_does_so_beside_what_is_unknown() {
    let other = || test("is_branch", json!("^other$"));
    let main = || test("is_branch", json!("^main$"));
    let of = |test| goals(&predicted(&[rule("r", test, &[&["g"]])], "main"));
    assert!(of(and(vec![content(), other()])).is_empty());
    assert_eq!(of(or(vec![constant(false), main()])), ["g"]);
    assert_eq!(of(and(vec![content(), main()])), ["g?"]);
    assert_eq!(of(or(vec![content(), other()])), ["g?"]);
    assert_eq!(of(not(content())), ["g?"]);
    assert!(of(not(main())).is_empty());
}

#[test]
fn ru_17_a_lock_that_may_come_makes_later_goals_possible_only() {
    let locked = |test| locking(rule("docs", test, &[&["nevermind"]]));
    let later = || any("later", &[&["build"]]);
    assert_eq!(
        goals(&predicted(&[locked(content()), later()], "main")),
        ["nevermind?", "build?"]
    );
    let certain = predicted(
        &[locked(TestExpression::AnyPush), locked(content()), later()],
        "main",
    );
    assert_eq!(goals(&certain), ["nevermind"]);
    assert_eq!(certain.trace.rules[2].outcome, RuleOutcome::LockedOut);
}

#[test]
fn ru_17_of_a_first_match_list_only_the_chosen_one_can_be_certain() {
    let tree = |first: TestExpression, guard: TestExpression| {
        let inner = vec![
            rule("a", first, &[&["a"]]),
            any("b", &[&["b"]]),
            any("c", &[&["c"]]),
        ];
        predicted(&[super::super::fixtures::first_of("tree", guard, inner)], "main")
    };
    let any_push = || TestExpression::AnyPush;
    assert_eq!(goals(&tree(content(), any_push())), ["a?", "b?"]);
    assert_eq!(goals(&tree(any_push(), any_push())), ["a"]);
    assert_eq!(goals(&tree(not(any_push()), any_push())), ["b"]);
    assert_eq!(goals(&tree(any_push(), content())), ["a?"]);
    assert!(goals(&tree(any_push(), not(any_push()))).is_empty());
    assert_eq!(
        tree(content(), any_push()).trace.rules[0].outcome,
        RuleOutcome::Matched
    );
}
