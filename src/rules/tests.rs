//! Acceptance PT-25…32 and RU-*: combinators, memory, rules, locks and folding.

mod first_of;
mod original;
mod prediction;
mod triggers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::fixtures::*;
use super::view::{ProjectView, ViewError};
use super::*;
use crate::model::plan::{RuleOutcome, TestOutcome};
use crate::model::{RuleDefinition, TestExpression};

fn holds(test: TestExpression) -> bool {
    answer(test, &push_to("main"), &Untouchable).0
}

fn content() -> TestExpression {
    test("has_file", json!(["a"]))
}

fn any(name: &str, steps: &[&[&str]]) -> RuleDefinition {
    rule(name, TestExpression::AnyPush, steps)
}

fn planned(rules: &[RuleDefinition]) -> (Option<String>, Vec<String>) {
    let plan = plan(rules, &push_to("main"), &MemoryView::new().file("a", "")).unwrap();
    (plan.name.clone(), words(&plan))
}

#[test]
fn pt_25_pt_26_ym_12_combinators() {
    let (t, f) = (|| constant(true), || constant(false));
    assert!(!holds(not(t())) && holds(not(f())));
    assert!(holds(and(vec![t()])) && holds(and(vec![t(), t()])) && !holds(and(vec![t(), f()])));
    assert!(holds(or(vec![t(), f()])) && !holds(or(vec![f(), f()])));
    assert!(holds(and(vec![t(), not(or(vec![f(), and(vec![t(), f()])]))])));
}

#[test]
fn pt_27_pt_32_a_cheap_decision_leaves_content_alone() {
    assert!(!holds(and(vec![content(), constant(false)])));
    assert!(holds(or(vec![content(), constant(true)])));
    assert!(!holds(and(vec![
        or(vec![constant(true), content()]),
        constant(false)
    ])));
    let error = plan(
        &[rule("r", and(vec![content(), constant(true)]), &[&["g"]])],
        &push_to("main"),
        &Unreadable,
    );
    assert_eq!(
        error.unwrap_err().message,
        "rule r: has_file: a: failed to read a: the object is missing"
    );
}

#[test]
fn pt_32_rules_without_content_say_so() {
    assert!(!compiled(&[rule("r", constant(true), &[&["g"]])]).needs_content());
    assert!(compiled(&[rule("r", content(), &[&["g"]])]).needs_content());
    assert!(compiled(&[rule("r", test("when", json!("changed('a')")), &[&["g"]])]).needs_content());
}

#[test]
fn pt_28_an_error_beside_a_decision_does_not_matter() {
    let absent = || not(test("non_empty", json!(null)));
    let outcome = |test| plan(&[rule("r", test, &[&["g"]])], &push_to("main"), &FilesUnreadable);
    let no_file = || content();
    assert!(outcome(and(vec![absent(), no_file()])).unwrap().goals.is_empty());
    assert!(
        !outcome(or(vec![absent(), not(no_file())]))
            .unwrap()
            .goals
            .is_empty()
    );
    assert!(outcome(and(vec![absent(), not(no_file())])).is_err());
    assert!(outcome(or(vec![absent(), no_file()])).is_err());
}

/// Look-ups work and find nothing; listings fail.
struct FilesUnreadable;

impl ProjectView for FilesUnreadable {
    fn has_file(&self, _: &str) -> Result<bool, ViewError> {
        Ok(false)
    }
    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        Unreadable.files()
    }
    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        Unreadable.content(path)
    }
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        Unreadable.changed_files()
    }
}

#[test]
fn pt_30_a_test_without_an_answer_fails_planning_with_its_name_and_the_trace() {
    let rules = [
        any("first", &[&["a"]]),
        rule("second", content(), &[&["b"]]),
        any("third", &[&["c"]]),
    ];
    let set = compiled(&rules);
    let error = set
        .plan(&push_to("main"), &PlanningFacts::default(), &Unreadable)
        .unwrap_err();
    assert!(error.message.contains("has_file: a"), "{}", error.message);
    let outcomes: Vec<RuleOutcome> = error.trace.rules.iter().map(|rule| rule.outcome).collect();
    assert_eq!(outcomes, [RuleOutcome::Matched, RuleOutcome::Error]);
    assert_eq!(error.trace.rules[1].tests[0].outcome, TestOutcome::Error);
    assert!(
        set.plan(&push_to("main"), &PlanningFacts::default(), &MemoryView::new())
            .is_ok()
    );
}

#[derive(Default)]
struct Counting(AtomicUsize);

impl ProjectView for Counting {
    fn has_file(&self, _: &str) -> Result<bool, ViewError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(["a.rs".to_owned()].into())
    }
    fn content(&self, _: &str) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(None)
    }
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        Ok(None)
    }
}

#[test]
fn pt_31_equal_tests_and_listings_are_asked_once() {
    let rules: Vec<RuleDefinition> = (0..5)
        .map(|n| rule(&format!("r{n}"), test("has_file", json!(["a"])), &[&["g"]]))
        .collect();
    let view = Counting::default();
    plan(&rules, &push_to("main"), &view).unwrap();
    assert_eq!(view.0.load(Ordering::Relaxed), 1);

    let globs = ["rs", "md", "txt"].map(|extension| {
        rule(
            extension,
            test("has_file_with_extension", json!([extension])),
            &[&["g"]],
        )
    });
    let view = Counting::default();
    plan(&globs, &push_to("main"), &view).unwrap();
    assert_eq!(view.0.load(Ordering::Relaxed), 1);
}

#[test]
fn ru_05_ru_06_ru_07_rules_add_up_in_order() {
    let off = rule("off", constant(false), &[&["x"]]);
    assert_eq!(planned(std::slice::from_ref(&off)), (None, vec![]));
    assert_eq!(
        planned(&[any("one", &[&["a"]])]),
        (Some("one".into()), vec!["a".into()])
    );
    assert_eq!(
        planned(&[off, any("two", &[&["b"]])]),
        (Some("two".into()), vec!["b".into()])
    );
    let three = [any("A", &[&["a"]]), any("B", &[&["b"]]), any("C", &[&["c"]])];
    assert_eq!(
        planned(&three),
        (Some("A, B, C".into()), ["a", "b", "c"].map(String::from).into())
    );
}

#[test]
fn ru_08_ru_09_ru_10_ru_11_nothing_is_evaluated_after_a_lock() {
    let rules = [
        any("first", &[&["a"]]),
        locking(any("second", &[&["b"]])),
        rule("third", content(), &[&["c"]]),
    ];
    let plan = plan(&rules, &push_to("main"), &Untouchable).unwrap();
    assert_eq!(words(&plan), ["a", "b"]);
    assert_eq!(plan.name.as_deref(), Some("first, second"));
    let third = &plan.trace.rules[2];
    assert_eq!(third.outcome, RuleOutcome::LockedOut);
    assert_eq!(third.because, "rule second allows no further goals");
    assert_eq!(third.goals, ["c"]);
    assert_eq!(third.tests[0].outcome, TestOutcome::NotEvaluated);
}

#[test]
fn ru_13_a_real_mix() {
    let rules = [
        any("checks", &[&["lint", "test"]]),
        locking(rule("delivery", content(), &[&["build"], &["deploy"]])),
        any("later", &[&["x"]]),
        rule("never", constant(false), &[&["y"]]),
    ];
    let (name, goals) = planned(&rules);
    assert_eq!(name.as_deref(), Some("checks, delivery"));
    assert_eq!(goals, ["lint", "test", "build", "deploy<-build"]);
}

#[test]
fn ru_18_a_single_locking_rule_sets_its_goals_and_no_marker() {
    assert_eq!(
        planned(&[locking(any("immaterial", &[&["nevermind"]]))]),
        (Some("immaterial".into()), vec!["nevermind".into()])
    );
    assert_eq!(planned(&[locking(any("stop", &[]))]), (None, vec![]));
    let unnamed = [any("a", &[&["g"]]), locking(any("stop", &[]))];
    assert_eq!(planned(&unnamed).0.as_deref(), Some("a"));
}

#[test]
fn ru_19_the_same_goal_of_two_rules_is_one_with_both_preconditions() {
    let rules = [any("one", &[&["a"], &["g"]]), any("two", &[&["b"], &["g"]])];
    let plan = plan(&rules, &push_to("main"), &Untouchable).unwrap();
    assert_eq!(words(&plan), ["a", "g<-a,b", "b"]);
    assert_eq!(plan.goals[1].rules, ["one", "two"]);
}

#[test]
fn ru_21_no_match_is_an_empty_plan_with_its_reasons() {
    let plan = plan(
        &[rule("r", constant(false), &[&["g"]])],
        &push_to("main"),
        &Untouchable,
    )
    .unwrap();
    assert!(plan.goals.is_empty() && plan.name.is_none());
    assert_eq!(plan.trace.rules[0].outcome, RuleOutcome::NotMatched);
    assert_eq!(plan.trace.rules[0].goals, ["g"]);
}

#[test]
fn ru_22_ym_09_depends_on_is_soft_and_binds_the_first_step() {
    let build = |test| rule("build", test, &[&["compile"], &["pack"]]);
    let ship = || depending(any("ship", &[&["stage"], &["publish"]]), &["build"]);
    assert_eq!(
        planned(&[build(constant(false)), ship()]).1,
        ["stage", "publish<-stage"]
    );
    assert_eq!(
        planned(&[build(constant(true)), ship()]).1,
        [
            "compile",
            "pack<-compile",
            "stage<-compile,pack",
            "publish<-stage"
        ]
    );
    let problems = compile(&[ship(), build(constant(true))]).unwrap_err();
    assert_eq!(problems[0].code, "unknown_rule");
}

#[test]
fn ym_08_steps_are_sequential_and_their_goals_parallel() {
    assert_eq!(
        planned(&[any("test_underscore", &[&["g1"]])]).0.as_deref(),
        Some("test underscore")
    );
    assert_eq!(planned(&[any("r", &[&["g1"], &["g2"]])]).1, ["g1", "g2<-g1"]);
    assert_eq!(planned(&[any("r", &[&["g1", "g2"]])]).1, ["g1", "g2"]);
    assert_eq!(
        planned(&[any("r", &[&["g1", "g2"], &["g3"]])]).1,
        ["g1", "g2", "g3<-g1,g2"]
    );
}

#[test]
fn goals_that_would_wait_for_each_other_are_no_plan() {
    let problems = compile(&[any("r", &[&["a"], &["b"], &["a"]])]).unwrap_err();
    assert_eq!(problems[0].code, "goal_cycle");
    let rules = [any("one", &[&["a"], &["b"]]), any("two", &[&["b"], &["a"]])];
    let error = plan(&rules, &push_to("main"), &Untouchable).unwrap_err();
    assert_eq!(
        error.message,
        "the goals of the matching rules wait for each other: a after b after a"
    );
}

#[test]
fn the_trace_lists_tests_as_written_and_why() {
    let test = and(vec![
        content(),
        or(vec![
            test("is_branch", json!("^x")),
            not(test("is_default_branch", json!(null))),
        ]),
    ]);
    let plan = plan(&[rule("r", test, &[&["g"]])], &push_to("main"), &Untouchable).unwrap();
    let lines: Vec<String> = plan.trace.rules[0]
        .tests
        .iter()
        .map(|test| {
            let indent = "  ".repeat(test.depth as usize);
            format!("{indent}{} {:?}: {}", test.test, test.outcome, test.because)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    and False: branch main does not match ^x; branch main is the default branch
      has_file: a NotEvaluated: not needed: another test decided
      or False: branch main does not match ^x; branch main is the default branch
        is_branch: ^x False: branch main does not match ^x
        not False: branch main is the default branch
          is_default_branch True: branch main is the default branch
    ");
}

/// Operands whose answers are fixed: true, false or unreadable, cheap or content.
fn operand() -> impl Strategy<Value = TestExpression> {
    let leaf = prop_oneof![
        Just(constant(true)),
        Just(constant(false)),
        Just(test("has_file", json!(["present"]))),
        Just(test("has_file", json!(["absent"]))),
        Just(test("non_empty", json!(null))),
        Just(test("changed", json!(["**"]))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(not),
            prop::collection::vec(inner.clone(), 1..4).prop_map(and),
            prop::collection::vec(inner, 1..4).prop_map(or),
        ]
    })
}

/// Files can be looked up but not listed; one exists.
struct Partly;

impl ProjectView for Partly {
    fn has_file(&self, path: &str) -> Result<bool, ViewError> {
        Ok(path == "present")
    }
    fn files(&self) -> Result<Arc<[String]>, ViewError> {
        Unreadable.files()
    }
    fn content(&self, path: &str) -> Result<Option<Vec<u8>>, ViewError> {
        Unreadable.content(path)
    }
    fn changed_files(&self) -> Result<Option<Arc<[String]>>, ViewError> {
        Ok(Some(["present".to_owned()].into()))
    }
}

fn outcome(test: &TestExpression) -> Option<bool> {
    let plan = plan(&[rule("r", test.clone(), &[&["g"]])], &push_to("main"), &Partly);
    plan.ok().map(|plan| !plan.goals.is_empty())
}

fn step_names() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec("[a-f]", 0..3), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_operands_never_changes_the_outcome(
        operands in prop::collection::vec(operand(), 1..6), rotation in 0_usize..6,
    ) {
        let mut turned = operands.clone();
        turned.rotate_left(rotation % operands.len());
        turned.reverse();
        prop_assert_eq!(outcome(&and(operands.clone())), outcome(&and(turned.clone())));
        prop_assert_eq!(outcome(&or(operands)), outcome(&or(turned)));
    }

    #[test]
    fn plans_know_all_their_preconditions_and_folding_twice_changes_nothing(
        rules in prop::collection::vec(step_names(), 1..4),
    ) {
        let rules: Vec<RuleDefinition> = rules.iter().enumerate().map(|(index, steps)| {
            let steps: Vec<Vec<&str>> = steps.iter().map(|step| step.iter().map(String::as_str).collect()).collect();
            let steps: Vec<&[&str]> = steps.iter().map(Vec::as_slice).collect();
            any(&format!("r{index}"), &steps)
        }).collect();
        let Ok(set) = compile(&rules) else { return Ok(()) };
        let Ok(once) = set.plan(&push_to("main"), &PlanningFacts::default(), &Untouchable) else { return Ok(()) };
        let keys: Vec<_> = once.goals.iter().map(crate::model::PlannedGoal::key).collect();
        for goal in &once.goals {
            prop_assert!(goal.preconditions.iter().all(|key| keys.contains(key) && *key != goal.key()));
        }
        let doubled: Vec<RuleDefinition> = rules.iter().chain(&rules).cloned().collect();
        let twice = compiled(&doubled).plan(&push_to("main"), &PlanningFacts::default(), &Untouchable).unwrap();
        prop_assert_eq!(words(&once), words(&twice));
    }
}
