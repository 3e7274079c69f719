//! Tests: tests · rules.

use insta::assert_snapshot;

use super::super::testing::{load_files, problems, right, shown};
use crate::model::{RuleDefinition, TestExpression};

/// The steps of a rule by the names of their goals.
fn steps(rule: &RuleDefinition) -> Vec<Vec<&str>> {
    rule.steps
        .iter()
        .map(|step| step.iter().map(|goal| goal.name.as_str()).collect())
        .collect()
}

const THREE_GOALS: &str = "
goals:
- {name: one, execute: {run: [one]}}
- {name: two, execute: {run: [two]}}
- {name: three, execute: {run: [three]}}
";

fn rule(goals: &str) -> RuleDefinition {
    let loaded = right(&format!(
        "{THREE_GOALS}rules:\n- name: test_underscore\n  goals: {goals}\n"
    ));
    loaded.rules.into_iter().next().expect("one rule")
}

#[test]
fn ym_08_steps_are_sequential_and_nested_lists_parallel() {
    assert_eq!(steps(&rule("one")), [["one"]]);
    assert_eq!(steps(&rule("[one, two]")), [["one"], ["two"]]);
    assert_eq!(steps(&rule("[[one, two]]")), [["one", "two"]]);
    assert_eq!(
        steps(&rule("[[one, two], three]")),
        [vec!["one", "two"], vec!["three"]]
    );
    assert_eq!(steps(&rule("{use: one}")), [["one"]]);
    assert!(steps(&rule("[]")).is_empty());
    assert_eq!(rule("one").label(), "test underscore");
    assert_eq!(rule("one").test, TestExpression::AnyPush);
}

#[test]
fn ym_08_a_parallel_step_has_no_steps() {
    assert_snapshot!(problems(&format!("{THREE_GOALS}rules: [{{name: a, goals: [[one, [two]]]}}]")), @r#"
    a.yaml:6:33 Error nested_steps (+1): a step of parallel goals cannot have steps of its own
      hint: one list is steps in order, a list within it is one step of parallel goals
    "#);
}

#[test]
fn ym_02_lock_and_immaterial() {
    let locked = rule("[one, lock]");
    assert_eq!((steps(&locked), locked.locks), (vec![vec!["one"]], true));
    let locked = rule("{use: lock}");
    assert!(locked.steps.is_empty() && locked.locks);
    let immaterial = rule("immaterial");
    assert_eq!(
        (steps(&immaterial), immaterial.locks),
        (vec![vec!["immaterial"]], true)
    );
    assert_eq!(immaterial.steps[0][0].work.kind, "immaterial");
    assert!(!rule("one").locks);
}

#[test]
fn ym_02_a_lock_is_only_a_marker() {
    assert_snapshot!(problems("goals: [lock]\nrules: [{name: a, goals: {use: lock, name: b}}]"), @r#"
    a.yaml:1:9 Error misplaced_lock (+4): `lock` ends the evaluation of rules and means nothing outside of one
      hint: move it to the `goals` of a rule
    a.yaml:2:26 Error unknown_key (+1): `lock` is only a marker and takes no other keys
      hint: write `use: lock` alone
    "#);
}

#[test]
fn ym_09_dependencies_go_backwards() {
    let loaded = load_files(&[
        "rules:\n- {name: a, goals: cancel}\n- {name: b, dependsOn: a, goals: cancel}\n",
        "rules:\n- {name: c, depends-on: [a, b], goals: cancel}\n",
    ]);
    assert_eq!(loaded.diagnostics, []);
    let depends: Vec<_> = loaded
        .rules
        .iter()
        .map(|rule| rule.depends_on.join(" "))
        .collect();
    assert_eq!(depends, ["", "a", "a b"]);
}

#[test]
fn ym_09_unknown_later_and_own_names_are_errors() {
    let text = "
rules:
- {name: build_all, goals: {name: compile, execute: {run: [make]}}}
- {name: b, depends_on: [bild_all, c, b, compile, nothing], goals: cancel}
- {name: c, goals: cancel}
";
    assert_snapshot!(problems(text), @r#"
    a.yaml:4:26 Error unknown_rule (+8): Provided depends_on goals named 'bild_all' do not exist or is after current goals named 'b'
      hint: did you mean `build_all`?
    a.yaml:4:36 Error unknown_rule (+1): Provided depends_on goals named 'c' do not exist or is after current goals named 'b'
      hint: move this rule below `c`, which is at a.yaml:5:10
    a.yaml:4:39 Error unknown_rule (+1): Provided depends_on goals named 'b' do not exist or is after current goals named 'b'
      hint: a rule cannot depend on itself; its own steps run in order already
    a.yaml:4:42 Error unknown_rule (+7): Provided depends_on goals named 'compile' do not exist or is after current goals named 'b'
      hint: `compile` is a goal; name its rule instead: `depends_on: build_all`
    a.yaml:4:51 Error unknown_rule (+7): Provided depends_on goals named 'nothing' do not exist or is after current goals named 'b'
      hint: name a rule that stands before this one
    "#);
}

#[test]
fn ym_09_a_name_that_may_be_in_an_unreadable_file_is_no_second_problem() {
    let loaded = load_files(&["rules: [", "rules: [{name: b, depends_on: a, goals: other}]"]);
    assert_eq!(loaded.diagnostics.len(), 1, "{}", shown(&loaded.diagnostics));
    assert_eq!(loaded.diagnostics[0].code, "syntax");
}

#[test]
fn rules_have_one_name_unless_they_override() {
    let twice = load_files(&[
        "rules: [{name: a, goals: cancel}]",
        "rules: [{name: a, goals: queue}]",
    ]);
    assert_snapshot!(shown(&twice.diagnostics), @r#"
    b.yaml:1:16 Error duplicate_rule (+1): there is a rule `a` already, at a.yaml:1:16
      hint: rename one of them, or write `override: true` to replace the earlier one
    "#);
    let replaced = load_files(&[
        "rules: [{name: a, goals: cancel}, {name: b, depends_on: a, goals: []}]",
        "rules: [{name: a, override: true, goals: queue}]",
    ]);
    assert_eq!(replaced.diagnostics, []);
    let names: Vec<&str> = replaced.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(steps(&replaced.rules[0]), [["queue"]]);
    assert_snapshot!(problems("rules: [{name: a, override: true, goals: queue}]"), @r#"
    a.yaml:1:16 Warning nothing_to_override (+1): there is no earlier rule `a` to override
      hint: remove `override`, or read the file with the earlier rule first
    "#);
}

#[test]
fn what_is_missing_in_a_rule() {
    let text = "
rules:
- test: is_default_branch
- name: b
  goals:
- name:
  goals: cancel
- name: c
  test:
  goals: cancel
- just text
";
    assert_snapshot!(problems(text), @r#"
    a.yaml:3:3 Error missing_property (+1): Property 'name' missing in push rule
      hint: add `name`; it appears in the name of the goal set
    a.yaml:3:3 Error missing_property (+1): Property 'goals' missing in push rule
      hint: add `goals`; write `goals: []` for a rule that sets none
    a.yaml:4:3 Error missing_property (+1): Property 'goals' missing in push rule
      hint: add `goals`; write `goals: []` for a rule that sets none
    a.yaml:6:3 Error missing_property (+1): Property 'name' missing in push rule
      hint: add `name`; it appears in the name of the goal set
    a.yaml:9:3 Error empty_test (+4): there is no test here
      hint: write one below it, or remove the key: a rule without `test` applies to any push
    a.yaml:11:3 Error wrong_type (+9): a rule must be a map, and this is text
      hint: write `name`, `test` and `goals` as its keys
    "#);
}

#[test]
fn ym_20_unknown_keys_have_a_line_and_a_suggestion() {
    let text = "
rules:
- name: a
  tset: is_default_branch
  goals:
  - name: build
    approvl: true
    execute: {run: [make], timeot: 5m}
ruels: []
";
    assert_snapshot!(problems(text), @r#"
    a.yaml:4:3 Error unknown_key (+4): a rule has no key `tset`
      hint: did you mean `test`?
    a.yaml:7:5 Error unknown_key (+7): a goal has no key `approvl`
      hint: did you mean `approval`?
    a.yaml:8:28 Error unknown_key (+6): `execute` has no key `timeot`
      hint: did you mean `timeout`?
    a.yaml:9:1 Error unknown_key (+5): a goal file has no key `ruels`
      hint: did you mean `rules`?
    "#);
}

#[test]
fn spellings_of_keys_and_two_of_the_same() {
    let text = "
rules:
- name: a
  goals:
  - {name: build, preApproval: true, pre-approval: false, execute: {run: [make]}}
  test: is_default_branch
  tests: is_default_branch
";
    assert_snapshot!(problems(text), @r#"
    a.yaml:5:38 Error ambiguous_key (+12): `pre-approval` and `preApproval` (at a.yaml:5:19) both mean `pre_approval`
      hint: keep one of them
    a.yaml:7:3 Error ambiguous_key (+5): `tests` and `test` (at a.yaml:6:3) both mean `test`
      hint: keep one of them
    "#);
}

#[test]
fn the_older_shape_is_a_map_of_rules() {
    let loaded = right(
        "first_rule:\n  goals: cancel\nsecondRule:\n  depends_on: first_rule\n  test: is_default_branch\n  goals: queue\n",
    );
    let names: Vec<&str> = loaded.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["first_rule", "secondRule"]);
    assert_snapshot!(problems("a: {goals: cancel}\nb: {test: is_default_branch}"), @r#"
    a.yaml:1:1 Error unknown_key (+1): a goal file has no key `a`
      hint: if it is a rule, write `- name: a` in the list `rules`
    a.yaml:2:1 Error unknown_key (+1): a goal file has no key `b`
      hint: the keys that can stand here are `name`, `rules`, `goals`, `push_tests`, `tests`, `commands`, `on`, `configuration`, `skill`
    "#);
    assert_snapshot!(problems("a: {goals: cancel, name: b}"), @r#"
    a.yaml:1:20 Error ambiguous_key (+4): this rule is called by its key, `a`
      hint: remove `name`
    "#);
    assert_snapshot!(problems("a: {goals: cancel}\nrules: []"), @r#"
    a.yaml:1:1 Error unknown_key (+1): a goal file has no key `a`
      hint: if it is a rule, write `- name: a` in the list `rules`
    "#);
}

#[test]
fn other_top_level_keys() {
    assert_snapshot!(problems("name: x\ntests: []\ncommands: []\non: []\nconfiguration: {a: 1}\nskill: {}\nx-anchors: &a {b: 1}"), @r#"
    a.yaml:5:1 Warning ignored (+13): `configuration` has no meaning for this machine and is ignored
      hint: configure the machine in `sdm.yaml`
    a.yaml:6:1 Warning ignored (+5): `skill` has no meaning for this machine and is ignored
      hint: configure the machine in `sdm.yaml`
    "#);
    assert_snapshot!(problems("- a"), @r#"
    a.yaml:1:1 Error wrong_type (+1): a goal file is a map, and this is a list
      hint: begin it with `rules:` and write the rules as a list below
    "#);
    assert_snapshot!(problems("goals: {a: b}\nrules: a"), @r#"
    a.yaml:1:8 Error wrong_type (+1): `goals` must be a list, and this is a map
      hint: begin each goal with `- `: `- {name: a, …}`
    a.yaml:2:8 Error wrong_type (+1): `rules` must be a list, and this is text
      hint: begin each rule with `- name: …`
    "#);
    right("# nothing\n");
    right("");
}

#[test]
fn all_problems_of_all_files_come_at_once_and_in_order() {
    let loaded = load_files(&["rules: [{name: a}]\n", "rules: [\n", "rules: [{goals: [nope]}]\n"]);
    let places: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|problem| problem.place.to_string())
        .collect();
    assert_eq!(places, ["a.yaml:1:9", "b.yaml:2:1", "c.yaml:1:9"]);
    assert!(loaded.has_errors());
    assert!(loaded.rules.is_empty() && loaded.goals.is_empty());
}

#[test]
fn semantics_3_2_tags_are_names_perhaps_with_a_value() {
    let tagged = |tags: &str| format!("rules: [{{name: r, goals: [], tags: {tags}}}]");
    let loaded = right(&tagged("[nightly, 'team:payments']"));
    let tags: Vec<String> = loaded.rules[0].tags.iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["nightly", "team:payments"]);
    assert_eq!(right(&tagged("nightly")).rules[0].tags.len(), 1);
    for (wrong, said) in [
        ("[a, a]", "`a` stands twice in `tags`"),
        ("[{team: payments}]", "a tag is text, and this is a map"),
        ("['on ${branch}']", "the name of a tag has"),
        ("['on:${branch}']", "placeholders are not filled in here"),
        ("[]", "a rule has 1 to 20 tags"),
    ] {
        let found = problems(&tagged(wrong));
        assert!(found.contains(said), "{wrong}: {found}");
    }
    let inner = "rules: [{name: r, first_of: [{name: a, goals: [], tags: [x]}]}]";
    assert!(problems(inner).contains("a rule in `first_of` has no `tags`"));
}
