//! Tests: tests · facts of rules and plans of goals (semantics 2.7, 2.10).

use insta::assert_snapshot;
use serde_json::json;

use super::super::testing::{problems, right};
use crate::model::instances::{AxisValues, DynamicPlan, NamePart};

#[test]
fn ru_04_let_is_another_word_for_facts() {
    let loaded = right(
        "rules:\n- name: tree\n  let: {count: size(push.commits)}\n  first_of:\n  - {name: r, goals: []}\n- {name: alone, let: {flag: 'true'}}\n",
    );
    assert_eq!(loaded.rules[0].facts[0].name, "count");
    assert!(loaded.rules[0].first_of.is_some());
}

#[test]
fn ru_12_a_rule_may_only_attach_facts() {
    let loaded = right("rules:\n- name: figures\n  facts:\n    count: size(push.commits)\n    flag: true\n");
    let [rule] = loaded.rules.as_slice() else {
        panic!("one rule")
    };
    assert!(rule.steps.is_empty());
    assert_eq!(rule.facts[0].expression, "size(push.commits)");
    assert_eq!(
        (rule.facts[1].name.as_str(), rule.facts[1].place.line),
        ("flag", 5)
    );
    assert_snapshot!(problems("rules:\n- name: figures\n  facts: {1x: a, b: [c]}\n- {name: r, facts: [a]}\n"), @r"
    a.yaml:3:11 Error invalid_name (+2): the name of a fact has letters, digits and `_`, and does not begin with a digit
    a.yaml:3:21 Error wrong_type (+1): the fact `b` must be text, and this is a list
    a.yaml:4:20 Error wrong_type (+1): `facts` must be a map, and this is a list
      hint: write `name: expression` for each, indented below it
    ");
}

#[test]
fn a_plan_is_a_matrix_groups_or_an_expression() {
    let loaded = right(
        "goals:
- name: one
  execute: {run: [x]}
  plan: '[{}]'
- name: two
  execute: {run: [x]}
  plan:
    matrix: {crate: 'project.directories(\"*\")', profile: [dev, 2]}
    exclude: {profile: 2}
    name: test ${parameters.crate} as ${parameters.jobs}
    inOrder: true
    parameters: {jobs: 4}
- name: three
  execute: {run: [x]}
  plan:
    groups:
      unit tests: {matrix: {os: [linux]}}
      later: {depends_on: unit tests}
",
    );
    let plans: Vec<_> = loaded
        .goals
        .iter()
        .map(|goal| goal.plan.clone().unwrap())
        .collect();
    assert!(
        matches!(&plans[0], DynamicPlan::Expression { source, place } if source == "[{}]" && place.line == 4)
    );
    let DynamicPlan::Groups(two) = &plans[1] else {
        panic!("groups")
    };
    assert_eq!(
        (two[0].matrix[0].name.as_str(), two[0].matrix[0].place.line),
        ("crate", 8)
    );
    assert!(
        matches!(&two[0].matrix[0].values, AxisValues::Expression(source) if source.starts_with("project"))
    );
    assert_eq!(
        two[0].matrix[1].values,
        AxisValues::List(vec![json!("dev"), json!(2)])
    );
    assert!(two[0].in_order && two[0].exclude.len() == 1);
    let parameter = |name: &str| NamePart::Parameter(name.into());
    let text = |text: &str| NamePart::Text(text.into());
    assert_eq!(
        two[0].display_name,
        Some(vec![
            text("test "),
            parameter("crate"),
            text(" as "),
            parameter("jobs")
        ])
    );
    let DynamicPlan::Groups(three) = &plans[2] else {
        panic!("groups")
    };
    assert_eq!(three[1].depends_on, ["unit tests"]);
}

#[test]
fn mistakes_in_plans_have_a_place_and_a_fix() {
    let wrong = |plan: &str| {
        problems(&format!(
            "goals:\n- name: g\n  execute: {{run: [x]}}\n  plan: {plan}\n"
        ))
    };
    let said: Vec<String> = [
        "{matrix: {os: linux(), 1x: [a]}}",
        "{matrix: {os: {a: b}}}",
        "{matrix: {os: [a]}, exclude: [{so: a}]}",
        "{matrix: {os: [a]}, name: 'x ${push.branch}'}",
        "{groups: {a: {depends_on: b}, b: {}}}",
        "{groups: {}}",
        "{matrx: {}}",
        "[a]",
    ]
    .into_iter()
    .map(wrong)
    .collect();
    assert_snapshot!(said.join("\n"), @r"
    a.yaml:4:36 Error invalid_name (+1): the parameter `1x` of a matrix must have letters, digits and `_`
    a.yaml:4:23 Error wrong_type (+1): the values of `os` must be a list, and this is a map
      hint: write `[a, b]`, or a CEL expression that gives a list
    a.yaml:4:38 Error unknown_parameter (+1): `exclude` names `so`, which the matrix does not have
      hint: did you mean `os`?
    a.yaml:4:38 Error invalid_placeholder (+1): the name of an instance can only have `${parameters.…}` of its own matrix and parameters
      hint: there are `${parameters.os}`
    a.yaml:4:22 Error unknown_group (+1): there is no group `b` above this one
      hint: name a group that is written earlier
    a.yaml:4:9 Error invalid_plan (+1): a plan has one `matrix`, or 1 to 64 `groups` that each may have one
    a.yaml:4:10 Error unknown_key (+5): `plan` has no key `matrx`
      hint: did you mean `matrix`?
    a.yaml:4:9 Error wrong_type (+1): `plan` must be a map, and this is a list
      hint: write its options as keys, such as `matrix`, indented below it
    ");
}

#[test]
fn d9_what_a_plan_computes_is_no_program() {
    let chosen = |matrix: &str, run: &str| {
        let goal = format!("{{name: a, plan: {{matrix: {{t: {matrix}}}}}, execute: {{run: {run}}}}}");
        let found = problems(&format!("rules:\n- name: r\n  goals: {goal}\n"));
        found.matches("the plan computes").count()
    };
    for run in ["['${parameters.t}', x]", "[timeout, '5', './${parameters.t}']"] {
        assert_eq!(chosen("push.commits", run), 1, "{run}");
        assert_eq!(chosen("[cargo, make-it]", run), 0, "{run}");
    }
    assert_eq!(chosen("push.commits", "[x, '${parameters.t}']"), 0);
}
