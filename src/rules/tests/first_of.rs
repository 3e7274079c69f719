//! First-match lists and decision trees (RU-01…04), which goal files write as `first_of`.

use serde_json::json;

use super::super::fixtures::*;
use super::{any, planned};
use crate::model::plan::RuleOutcome;
use crate::model::{RuleDefinition, TestExpression};

/// A rule that applies and sets a goal named like it.
fn yes(name: &str) -> RuleDefinition {
    any(name, &[&[name]])
}

/// A rule that does not apply: a candidate without a value that is passed over.
fn no(name: &str) -> RuleDefinition {
    rule(name, constant(false), &[&[name]])
}

/// The original's *null*: it applies, sets nothing and ends the search.
fn null(name: &str) -> RuleDefinition {
    any(name, &[])
}

/// The original's *undefined*: its test holds, and none of its rules applies.
fn undefined(name: &str) -> RuleDefinition {
    first_of(name, TestExpression::AnyPush, vec![no(&format!("{name}-inner"))])
}

fn goals_of(inner: Vec<RuleDefinition>) -> Vec<String> {
    planned(&[first_of("list", TestExpression::AnyPush, inner)]).1
}

#[test]
fn ru_01_the_first_rule_that_applies_contributes() {
    assert!(goals_of(vec![]).is_empty());
    assert_eq!(goals_of(vec![yes("t")]), ["t"]);
    assert!(goals_of(vec![no("f")]).is_empty());
    assert!(goals_of(vec![undefined("u")]).is_empty());
    assert_eq!(goals_of(vec![undefined("u"), yes("t")]), ["t"]);
    assert_eq!(goals_of(vec![yes("t"), yes("later")]), ["t"]);
}

#[test]
fn ru_02_a_rule_without_goals_ends_the_search() {
    assert!(goals_of(vec![null("n")]).is_empty());
    assert!(goals_of(vec![null("n"), yes("t")]).is_empty());
    assert_eq!(goals_of(vec![yes("t"), null("n")]), ["t"]);
    assert!(goals_of(vec![no("f"), null("n"), yes("t")]).is_empty());
    let inside = first_of("group", TestExpression::AnyPush, vec![null("n")]);
    assert!(goals_of(vec![inside, yes("t")]).is_empty());
}

#[test]
fn ru_03_the_guard_is_asked_before_the_rules_in_it() {
    let tree = |guard| planned(&[first_of("tree", guard, vec![yes("inner")])]);
    assert_eq!(
        tree(constant(true)),
        (Some("inner".to_owned()), vec!["inner".to_owned()])
    );
    assert_eq!(tree(constant(false)), (None, vec![]));
    assert_eq!(tree(and(vec![constant(true), constant(true)])).1, ["inner"]);
    assert!(tree(and(vec![constant(true), constant(false)])).1.is_empty());
    // Nothing in a tree is asked when its guard does not hold.
    let content = rule("inner", test("has_file", json!(["a"])), &[&["inner"]]);
    let unasked = first_of("tree", constant(false), vec![content]);
    assert!(
        plan(&[unasked], &push_to("main"), &Untouchable)
            .unwrap()
            .goals
            .is_empty()
    );
}

#[test]
fn ru_04_nested_trees_come_to_the_first_leaf_that_applies() {
    let tree = first_of(
        "outer",
        TestExpression::AnyPush,
        vec![
            first_of("left", constant(true), vec![no("left-1"), no("left-2")]),
            first_of(
                "right",
                constant(true),
                vec![no("right-1"), yes("right-2"), yes("right-3")],
            ),
            yes("last"),
        ],
    );
    let plan = plan(&[tree], &push_to("main"), &Untouchable).unwrap();
    assert_eq!(words(&plan), ["right-2"]);
    assert_eq!(plan.goals[0].rules, ["right-2"]);
    let trace: Vec<(u32, &str, RuleOutcome)> = plan
        .trace
        .rules
        .iter()
        .map(|rule| (rule.depth, rule.name.as_str(), rule.outcome))
        .collect();
    use RuleOutcome::{Matched, NotMatched, NotReached};
    assert_eq!(
        trace,
        [
            (0, "outer", Matched),
            (1, "left", NotMatched),
            (2, "left-1", NotMatched),
            (2, "left-2", NotMatched),
            (1, "right", Matched),
            (2, "right-1", NotMatched),
            (2, "right-2", Matched),
            (2, "right-3", NotReached),
            (1, "last", NotReached),
        ]
    );
    assert_eq!(
        plan.trace.rules[0].because,
        "it applies to any push; right-2 is the first that applies"
    );
    assert_eq!(plan.trace.rules[8].because, "right applies and comes before it");
}

#[test]
fn ru_04_a_value_computed_for_the_tree_is_seen_by_the_guards_in_it() {
    let guard = |name: &str| test("when", json!(format!("facts.language == '{name}'")));
    let mut tree = first_of(
        "tree",
        constant(true),
        vec![
            rule("go", guard("go"), &[&["go"]]),
            first_of(
                "deeper",
                guard("rust"),
                vec![rule("rust", guard("rust"), &[&["rust"]])],
            ),
        ],
    );
    tree.facts = vec![crate::model::definition::FactDefinition {
        name: "language".into(),
        expression: "project.has_file('a') ? 'rust' : 'go'".into(),
        place: place(4),
    }];
    assert_eq!(planned(&[tree]).1, ["rust"]);
}

#[test]
fn ru_04_an_error_in_a_tree_fails_planning_with_the_rules_name() {
    let unreadable = rule("inner", test("has_file", json!(["a"])), &[&["g"]]);
    let tree = first_of("tree", TestExpression::AnyPush, vec![unreadable]);
    let error = plan(&[tree], &push_to("main"), &Unreadable).unwrap_err();
    assert_eq!(
        error.message,
        "rule inner: has_file: a: failed to read a: the object is missing"
    );
    assert_eq!(error.trace.rules.len(), 2);
}

#[test]
fn ru_08_a_lock_in_a_tree_locks_the_plan_when_it_is_chosen() {
    let tree = |first| {
        let locked = locking(yes("locked"));
        first_of("tree", TestExpression::AnyPush, vec![first, locked])
    };
    assert_eq!(planned(&[tree(no("f")), yes("later")]).1, ["locked"]);
    assert_eq!(planned(&[tree(yes("t")), yes("later")]).1, ["t", "later"]);
}

#[test]
fn ru_24_a_dependency_on_a_tree_is_one_on_the_goals_it_chose() {
    let tree = first_of(
        "build",
        TestExpression::AnyPush,
        vec![no("maven"), any("npm", &[&["install", "compile"]]), yes("make")],
    );
    let make = any("other", &[&["make"]]);
    let ship = depending(yes("ship"), &["build"]);
    assert_eq!(
        planned(&[tree, make, ship]),
        (
            Some("npm, other, ship".to_owned()),
            ["install", "compile", "make", "ship<-install,compile"]
                .map(str::to_owned)
                .to_vec()
        )
    );
}
