//! Acceptance entries that describe the original's programming interface, as far as goal files have a counterpart.
//!
//! | Entry | In the original | Here |
//! |---|---|---|
//! | PT-29 | a guard may be a function, or a promise of its answer | `when:`, which is compiled at load; lists are AND (PT-26) |
//! | RU-04, computed variables | closures set while the tree is built | facts, which belong to one evaluation (RU-12) |
//! | RU-14, name of an array | the names of its goals, joined | a rule always has a name of its own: `ru_14_…` |
//! | RU-15 | a rule without a name is called by its tests | a rule without `name` is an error: `spec::tests::rules` |
//! | RU-16, handlers | no rules, no subscription to pushes | no rules, no goals, nothing asked: `ru_16_…` |
//! | RU-16, packs | an extension may bring the first rule | goal files are read in order and are one list: `ym_01_…`, `ym_03_…` |
//! | RU-23 | definitions, goals and sets are all accepted by a builder | goals by name or in place, steps, `depends_on`: `ru_23_…` |
//! | RU-26 | a display name changed after planning shows | definitions never change once planned (semantics 7.8) |

use serde_json::json;

use super::super::fixtures::*;
use super::super::*;
use super::{any, planned};
use crate::model::TestExpression;

#[test]
fn ru_13_checks_then_delivery_that_locks() {
    let rules = [
        any("checks", &[&["review", "lint"]]),
        locking(rule(
            "delivery",
            test("has_file", json!(["a"])),
            &[&["build"], &["deploy"]],
        )),
        any("later", &[&["never"]]),
        rule("last", test("is_branch", json!("^main$")), &[&["never-either"]]),
    ];
    assert_eq!(
        planned(&rules),
        (
            Some("checks, delivery".to_owned()),
            ["review", "lint", "build", "deploy<-build"]
                .map(str::to_owned)
                .to_vec()
        )
    );
}

#[test]
fn ru_14_a_list_of_goals_is_named_by_its_rule() {
    let (name, goals) = planned(&[any("both_of_them", &[&["one"], &["two"]])]);
    assert_eq!(name.as_deref(), Some("both of them"));
    assert_eq!(goals, ["one", "two<-one"]);
}

#[test]
fn ru_16_without_rules_nothing_is_asked_and_nothing_set() {
    let set = compiled(&[]);
    assert!(set.is_empty() && !set.needs_content());
    let plan = set.plan(&push_to("main"), &PlanningFacts::default(), &Untouchable);
    let plan = plan.unwrap();
    assert_eq!(
        (plan.name, plan.goals.len(), plan.trace.rules.len()),
        (None, 0, 0)
    );
    assert!(!compiled(&[any("first", &[&["g"]])]).is_empty());
}

#[test]
fn ru_23_ru_24_order_is_kept_and_dependencies_are_preconditions() {
    let rules = [
        any("first", &[&["a", "b"], &["c"]]),
        depending(any("second", &[&["d"]]), &["first"]),
    ];
    assert_eq!(planned(&rules).1, ["a", "b", "c<-a,b", "d<-a,b,c"]);
}

#[test]
fn ru_25_preconditions_of_one_plan_are_not_those_of_the_next() {
    let on = |branch: &str| test("is_branch", json!(format!("^{branch}$")));
    let set = compiled(&[
        rule("a", or(vec![on("main"), on("one")]), &[&["a"], &["shared"]]),
        rule("b", or(vec![on("main"), on("two")]), &[&["b"], &["shared"]]),
        rule("c", TestExpression::AnyPush, &[&["shared"]]),
    ]);
    let plan = |branch: &str| {
        let plan = set.plan(&push_to(branch), &PlanningFacts::default(), &Untouchable);
        words(&plan.unwrap())
    };
    assert_eq!(plan("main"), ["a", "shared<-a,b", "b"]);
    assert_eq!(plan("one"), ["a", "shared<-a"]);
    assert_eq!(plan("two"), ["b", "shared<-b"]);
    assert_eq!(plan("three"), ["shared"]);
}
