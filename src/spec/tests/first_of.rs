//! Tests: rules of which the first that applies contributes.

use insta::assert_snapshot;

use super::super::testing::{problems, right};
use crate::model::TestExpression;

#[test]
fn ru_01_ru_03_a_rule_holds_rules_in_order() {
    let loaded = right(
        "
rules:
- name: build
  test: {is_branch: ^main$}
  first_of:
  - name: maven
    test: {has_file: pom.xml}
    goals: {name: package, execute: {run: [mvn, package]}}
  - name: node
    test: {has_file: package.json}
    firstOf:
    - {name: documentation, test: {has_commit: docs}, goals: []}
    - name: npm
      goals: [{name: install, execute: {run: [npm, ci]}}, lock]
- name: ship
  depends_on: build
  goals: {name: ship, execute: {run: [ship]}}
",
    );
    let build = &loaded.rules[0];
    let inner = build.first_of.as_deref().expect("it is a list of rules");
    let names = |rules: &[crate::model::RuleDefinition]| {
        let names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
        names.join(" ")
    };
    assert_eq!(names(inner), "maven node");
    let node = inner[1].first_of.as_deref().expect("so is it");
    assert_eq!(names(node), "documentation npm");
    assert_eq!(node[1].test, TestExpression::AnyPush);
    assert!(node[1].locks && !build.locks && build.steps.is_empty());
    let goals: Vec<&str> = build.goals().iter().map(|goal| goal.name.as_str()).collect();
    assert_eq!(goals, ["package", "install"]);
}

#[test]
fn ru_01_an_empty_list_is_legal() {
    let loaded = right("rules: [{name: a, first_of: []}]");
    assert_eq!(loaded.rules[0].first_of, Some(vec![]));
}

#[test]
fn wrong_lists_of_rules() {
    assert_snapshot!(problems("
goals: [{name: g, execute: {run: [g]}}]
rules:
- {name: both, goals: g, first_of: []}
- {name: no-list, first_of: {name: x}}
- {name: keys, first_of: [{name: k1, depends_on: both, override: true, goals: g}]}
- {name: none, first_of: [{name: n1}, {goals: g}]}
- {name: twice, first_of: [{name: both, goals: g}, {name: w, goals: g}, {name: w, goals: g}]}
- {name: on-inner, depends_on: k1, goals: g}
"), @r#"
    a.yaml:4:16 Error ambiguous_key (+5): a rule has `goals` or `first_of`, not both
      hint: put the goals that are always set into a rule of their own
    a.yaml:5:29 Error wrong_type (+1): `first_of` must be a list of rules, and this is a map
      hint: begin each rule with `- name: …`
    a.yaml:6:38 Error misplaced_key (+10): a rule in `first_of` has no `depends_on`
      hint: write it at the outermost rule; it counts for all rules in it
    a.yaml:6:56 Error misplaced_key (+8): a rule in `first_of` has no `override`
      hint: write it at the outermost rule; it counts for all rules in it
    a.yaml:7:27 Error missing_property (+1): Property 'goals' missing in push rule
      hint: add `goals`; write `goals: []` for a rule that sets none
    a.yaml:7:39 Error missing_property (+1): Property 'name' missing in push rule
      hint: add `name`; it appears in the name of the goal set
    a.yaml:8:35 Error duplicate_rule (+4): there is a rule `both` already, at a.yaml:4:10
      hint: rename one of them
    a.yaml:8:80 Error duplicate_rule (+1): there is a rule `w` already, at a.yaml:8:59
      hint: rename one of them
    a.yaml:9:32 Error unknown_rule (+2): Provided depends_on goals named 'k1' do not exist or is after current goals named 'on-inner'
      hint: `k1` stands in the `first_of` of `keys`; depend on `keys`
    "#);
}

#[test]
fn b7_lists_of_rules_are_not_nested_for_ever() {
    let open = |n: usize| {
        (0..n)
            .map(|i| format!("{{name: r{i}, first_of: ["))
            .collect::<String>()
    };
    let nested = |n: usize| format!("rules: [{}{}]", open(n), "]}".repeat(n));
    right(&nested(8));
    assert_snapshot!(problems(&nested(9)), @r#"
        a.yaml:1:206 Error too_deep (+1): `first_of` stands in `first_of` more than 8 times
          hint: write the inner rules into one list, with their tests together
        "#);
}

#[test]
fn ru_20_goals_in_lists_are_held_against_each_other() {
    assert_snapshot!(problems("
rules:
- name: list
  first_of:
  - {name: one, goals: {name: g, execute: {run: [one]}}}
  - {name: two, goals: {name: g, execute: {run: [two]}}}
"), @r#"
    a.yaml:6:24 Error conflicting_goal (+1): the goal `g in 0-code` is defined at a.yaml:5:24 and again, differently, at a.yaml:6:24
      hint: give one of them another name, or define it once at top level and use it by name
    "#);
}
