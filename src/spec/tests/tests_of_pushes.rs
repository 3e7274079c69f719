//! Tests: tests · tests_of_pushes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::super::testing::{load_files, problems, right, shown};
use crate::model::TestExpression;

/// A test as it was understood, without places.
fn understood(test: &str) -> Value {
    let text = format!("rules:\n- name: a\n  goals: cancel\n  test: {test}\n");
    plain(&right(&text).rules[0].test)
}

fn plain(test: &TestExpression) -> Value {
    let all = |tests: &[TestExpression]| tests.iter().map(plain).collect::<Value>();
    match test {
        TestExpression::AnyPush => json!("any push"),
        TestExpression::Test { name, arguments, .. } => json!({name: arguments}),
        TestExpression::Not { inner, .. } => json!({"not": plain(inner)}),
        TestExpression::And { all: tests, .. } => json!({"and": all(tests)}),
        TestExpression::Or { any: tests, .. } => json!({"or": all(tests)}),
    }
}

/// The problems of a test, which stands on line 4.
fn wrong(test: &str) -> String {
    let test = test.replace('\n', "\n  ");
    problems(&format!(
        "rules:\n- name: a\n  goals: cancel\n  test:\n  {test}\n"
    ))
}

#[test]
fn ym_10_the_shapes_of_a_test() {
    assert_eq!(
        understood("is_default_branch"),
        json!({"is_default_branch": null})
    );
    assert_eq!(understood("toDefaultBranch"), json!({"is_default_branch": null}));
    assert_eq!(
        understood("{is-default-branch: true}"),
        json!({"is_default_branch": null})
    );
    assert_eq!(understood("{hasFile: ./a/}"), json!({"has_file": ["a"]}));
    assert_eq!(understood("[{has_file: a}]"), json!({"has_file": ["a"]}));
    assert_eq!(
        understood("[{has_file: [a, b]}, is_default_branch]"),
        json!({"and": [{"has_file": ["a", "b"]}, {"is_default_branch": null}]})
    );
    assert_eq!(
        understood("{has_file_containing: {content: 'TODO|FIXME'}}"),
        json!({"has_file_containing": {"pattern": ["**/*"], "content": "TODO|FIXME"}})
    );
    assert_eq!(
        understood("{hasFileContaining: {patterns: ['*.rs', '*.md'], content: x}}"),
        json!({"has_file_containing": {"pattern": ["*.rs", "*.md"], "content": "x"}})
    );
    assert_eq!(
        understood("{is_branch: '^release/.*$'}"),
        json!({"is_branch": "^release/.*$"})
    );
}

#[test]
fn ym_10_bare_names_and_unknown_objects() {
    assert_snapshot!(wrong("- hasFile\n- isBranch\n- has_flie: x\n- nonsense\n- use: x\n- []\n- 5\n- is_default_branch: false"), @r#"
    a.yaml:5:5 Error unknown_test (+7): Unable to construct push test from '"hasFile"'
      hint: `has_file` needs a value: `{has_file: Cargo.toml}`
    a.yaml:6:5 Error unknown_test (+8): Unable to construct push test from '"isBranch"'
      hint: `is_branch` needs a value: `{is_branch: ^main$}`
    a.yaml:7:5 Error unknown_test (+1): Unable to construct push test from '{"has_flie":"x"}'
      hint: did you mean `has_file`?
    a.yaml:8:5 Error unknown_test (+8): Unable to construct push test from '"nonsense"'
      hint: tests are `has_file`, `has_file_containing`, `is_branch`, `has_commit`, `is_default_branch`, `when` and `not`, `and`, `or`
    a.yaml:9:5 Error unknown_test (+1): Unable to construct push test from '{"use":"x"}'
      hint: define it below `push_tests` at the top of a goal file
    a.yaml:10:5 Error empty_test (+1): there is no test here
      hint: write one below it, or remove the key: a rule without `test` applies to any push
    a.yaml:11:5 Error unknown_test (+1): Unable to construct push test from '5'
      hint: tests are `has_file`, `has_file_containing`, `is_branch`, `has_commit`, `is_default_branch`, `when` and `not`, `and`, `or`
    a.yaml:12:24 Error wrong_type (+5): `is_default_branch` takes no value
      hint: write `is_default_branch` alone, or `not: is_default_branch`
    "#);
}

#[test]
fn ym_10_missing_properties() {
    assert_snapshot!(wrong("- has_file_containing: {pattern: '*'}\n- has_file_containing:\n- has_file_containing: x"), @r#"
    a.yaml:5:26 Error missing_property (+1): `has_file_containing` can't be used without 'content' property
      hint: add `content`: what one of them must contain
    a.yaml:6:5 Error unknown_test (+1): Unable to construct push test from '{"has_file_containing":null}'
      hint: `has_file_containing` needs a value: `{has_file_containing: {content: TODO}}`
    a.yaml:7:26 Error wrong_type (+1): `has_file_containing` must be a map, and this is text
      hint: write its options as keys, such as `content`, indented below it
    "#);
}

#[test]
fn ym_10_wrong_values_have_their_own_column() {
    assert_snapshot!(wrong("- is_branch: 'release/(a'\n- has_file: ../x\n- has_file_containing: {content: '(?=a)', pattern: '[a'}"), @r#"
    a.yaml:5:25 Error invalid_regex (+1): `is_branch` is not a regular expression: unclosed group
      hint: a character with a meaning of its own is taken literally after `\`
    a.yaml:6:15 Error invalid_path (+4): `has_file` is not a path in the repository: `..` would leave the repository
      hint: write it relative to the root of the repository, with `/` between its parts
    a.yaml:7:37 Error invalid_regex (+7): `content` is not a regular expression: look-around, including look-ahead and look-behind, is not supported
      hint: say it with two tests, or with `not`; patterns here always take linear time
    a.yaml:7:54 Error invalid_glob (+4): `pattern` is not a glob: unclosed character class; missing ']'
      hint: `*` stays within a directory, `**/` crosses them, `{a,b}` and `[a-z]` choose
    "#);
}

#[test]
fn ym_12_combinators_nest() {
    assert_eq!(
        understood("{not: {has_file: a}}"),
        json!({"not": {"has_file": ["a"]}})
    );
    assert_eq!(
        understood("{all: is_default_branch}"),
        json!({"and": [{"is_default_branch": null}]})
    );
    assert_eq!(
        understood("{and: [{not: {has_file: a}}, {any: [is_default_branch, {not: [{has_file: b}]}]}]}"),
        json!({"and": [
            {"not": {"has_file": ["a"]}},
            {"or": [{"is_default_branch": null}, {"not": {"has_file": ["b"]}}]},
        ]})
    );
}

#[test]
fn ym_12_combinators_need_their_operands() {
    assert_snapshot!(wrong("- not: [is_default_branch, is_default_branch]\n- and: []\n- or:\n- not: null"), @r#"
    a.yaml:5:10 Error several_tests (+1): `not` takes exactly one test
      hint: write `not: {or: […]}` when none may hold, `not: {and: […]}` when not all may hold
    a.yaml:6:10 Error empty_test (+1): there is no test here
      hint: write one below it, or remove the key: a rule without `test` applies to any push
    a.yaml:7:5 Error empty_test (+2): there is no test here
      hint: write one below it, or remove the key: a rule without `test` applies to any push
    a.yaml:8:10 Error empty_test (+4): `not` negates nothing
      hint: write the test it negates below it, indented further than `not`
    "#);
}

/// Definitions, beside a rule with this test.
fn with_tests(definitions: &str, test: &str) -> String {
    format!("push_tests:\n{definitions}rules:\n- name: a\n  goals: cancel\n  test: {test}\n")
}

const NAMED: &str = "  rust: {has_file: Cargo.toml}
  touches: {has_file_containing: {pattern: '${parameters.dir}/**', content: '${parameters.text:TODO}'}}
  shipped: [is_default_branch, {use: rust}]
  docs: {not: {use: touches, parameters: {dir: '${parameters.dir:docs}'}}}
";

#[test]
fn ym_11_a_test_is_used_by_its_name_with_and_without_parameters() {
    let used = |test: &str| plain(&right(&with_tests(NAMED, test)).rules[0].test);
    let touches = |dir: &str, text: &str| json!({"has_file_containing": {"pattern": [dir], "content": text}});
    assert_eq!(used("{use: rust}"), json!({"has_file": ["Cargo.toml"]}));
    assert_eq!(
        used("{use: touches, parameters: {dir: src}}"),
        touches("src/**", "TODO")
    );
    assert_eq!(
        used("[{use: touches, parameters: {dir: a, text: x|y}}, {not: {use: shipped}}]"),
        json!({"and": [
            touches("a/**", "x|y"),
            {"not": {"and": [{"is_default_branch": null}, {"has_file": ["Cargo.toml"]}]}},
        ]})
    );
    assert_eq!(used("{use: docs}"), json!({"not": touches("docs/**", "TODO")}));
    assert_eq!(
        used("{use: docs, parameters: {dir: man}}"),
        json!({"not": touches("man/**", "TODO")}),
        "what it is given is handed on"
    );
    let elsewhere = load_files(&[
        "rules: [{name: a, goals: cancel, test: {use: rust}}]",
        "push_tests: {rust: {has_file: Cargo.toml}}",
    ]);
    assert_eq!(shown(&elsewhere.diagnostics), "", "whichever file defines it");
    let TestExpression::Test { place, .. } = &elsewhere.rules[0].test else {
        panic!("one test")
    };
    assert_eq!(
        place.to_string(),
        "b.yaml:1:20",
        "people are led to where it is written"
    );
}

#[test]
fn ym_11_what_is_wrong_with_a_name_or_a_parameter_is_said() {
    let wrong = |test: &str| problems(&with_tests(NAMED, test));
    assert_snapshot!(wrong("{use: rusty}"), @r#"
    a.yaml:9:9 Error unknown_test (+1): Unable to construct push test from '{"use":"rusty"}'
      hint: did you mean `rust`?
    "#);
    assert_snapshot!(wrong("{use: touches}"), @r#"
    a.yaml:9:15 Error missing_parameter (+7): the test `touches` needs the parameter `dir`
      hint: add `parameters: {dir: …}` beside `use`, or a default there: `${parameters.dir:…}`
    "#);
    assert_snapshot!(wrong("{use: touches, parameters: {dri: a}}"), @r"
    a.yaml:9:15 Error missing_parameter (+7): the test `touches` needs the parameter `dir`
      hint: add `parameters: {dir: …}` beside `use`, or a default there: `${parameters.dir:…}`
    a.yaml:9:37 Error unknown_parameter (+3): the test `touches` has no parameter `dri`
      hint: did you mean `dir`?
    ");
    assert_snapshot!(wrong("{use: rust, parameters: {dir: a}}"), @r#"
    a.yaml:9:34 Error unknown_parameter (+3): the test `rust` has no parameter `dir`
      hint: it has none; remove it
    "#);
    assert_snapshot!(wrong("{use: rust, parameters: a, dir: b}"), @r#"
    a.yaml:9:33 Error wrong_type (+1): `parameters` must be a map, and this is text
    a.yaml:9:36 Error unknown_key (+3): a test that uses another has no key `dir`
      hint: the keys that can stand here are `use`, `parameters`
    "#);
    assert_snapshot!(wrong("{use: touches, parameters: {dir: src, text: '('}}"), @r#"
    a.yaml:9:54 Error invalid_regex (+3): `content` is not a regular expression: unclosed group
      hint: a character with a meaning of its own is taken literally after `\`
    "#);
    // What is wrong with a definition is said where it is written, once, used or not.
    let defined = |definitions: &str, test: &str| problems(&with_tests(definitions, test));
    assert_snapshot!(defined("  a: {has_flie: x}\n  has_file: {has_file: x}\n  b: {use: a}\n", "[{use: a}, {use: b}]"), @r#"
    a.yaml:2:6 Error unknown_test (+1): Unable to construct push test from '{"has_flie":"x"}'
      hint: did you mean `has_file`?
    a.yaml:3:3 Error duplicate_test (+8): `has_file` is a test already
      hint: give this one another name
    "#);
    assert_snapshot!(problems("push_tests: [a]"), @r#"
    a.yaml:1:13 Error wrong_type (+1): `push_tests` must be a map, and this is a list
      hint: write each test under its name: `rust: {has_file: Cargo.toml}`
    "#);
    let twice = load_files(&[
        "push_tests: {a: is_default_branch}",
        "push_tests: {a: is_default_branch}",
    ]);
    assert_snapshot!(shown(&twice.diagnostics), @r#"
    b.yaml:1:14 Error duplicate_test (+1): there is a test `a` already, at a.yaml:1:14
      hint: rename one of them
    "#);
}

#[test]
fn ym_11_b7_tests_that_use_each_other_come_to_an_end() {
    let circle = "  a: {not: {use: b}}\n  b: [{use: c}]\n  c: {use: a}\n";
    assert_snapshot!(problems(&with_tests(circle, "{use: b}")), @r#"
    a.yaml:2:18 Error cyclic_test (+1): the test `b` uses itself: b → c → a → b
    a.yaml:3:13 Error cyclic_test (+1): the test `c` uses itself: c → a → b → c
    a.yaml:4:12 Error cyclic_test (+1): the test `a` uses itself: a → b → c → a
    "#);
    let doubling: String = (0..40)
        .map(|n| format!("  t{n}: [{{use: t{0}}}, {{use: t{0}}}]\n", n + 1))
        .collect();
    let doubling = doubling + "  t40: is_default_branch\n";
    let found = problems(&with_tests(&doubling, "{use: t0}"));
    assert!(found.contains("levels deep"), "{found}");
    let wide: String = (0..6)
        .map(|n| format!("  t{n}: [{}]\n", format!("{{use: t{}}}, ", n + 1).repeat(20)))
        .collect();
    let found = problems(&with_tests(&(wide + "  t6: is_default_branch\n"), "{use: t0}"));
    assert!(found.contains("become too large"), "{found}");
}

#[test]
fn ym_14_not_beside_its_test_is_explained() {
    assert_snapshot!(wrong("- not:\n  has_file: x"), @r#"
    a.yaml:5:5 Error several_tests (+1): `not`, `has_file` stand in one object, which can hold only one test
      hint: `has_file` is at the same indentation as `not:` and so not below it; indent it by two more spaces
    "#);
    assert_snapshot!(wrong("- has_file: x\n  is_branch: ^y$"), @r#"
    a.yaml:5:5 Error several_tests (+1): `has_file`, `is_branch` stand in one object, which can hold only one test
      hint: begin each test with `- ` to make a list of tests that must all hold
    "#);
    assert_snapshot!(wrong("- has_file_containing:\n  content: x\n  patern: y"), @r#"
    a.yaml:6:5 Error unknown_key (+7): `content` stands beside `has_file_containing`, not below it
      hint: indent it further than `has_file_containing`
    a.yaml:7:5 Error unknown_key (+6): `has_file_containing` has no key `patern`
      hint: did you mean `pattern`?
    "#);
}

#[test]
fn pt_33_a7_a_pattern_that_takes_more_than_it_says_is_warned_about() {
    assert_snapshot!(wrong("- is_branch: main\n- is_branch: main|release-1.0\n- is_branch: ^main$\n- is_branch: feature/\n- has_commit: fix\n- is_branch: release/*"), @r#"
    a.yaml:5:16 Warning unanchored_pattern (+4): `is_branch: main` searches: it also holds for `main-old` and `my-main`
      hint: write `^main$` for exactly that
    a.yaml:6:16 Warning unanchored_pattern (+16): `is_branch: main|release-1.0` searches: it also holds for `main-old` and `my-main`
      hint: write `^(main|release-1.0)$` for exactly that
    a.yaml:8:16 Warning unanchored_pattern (+8): `is_branch: feature/` searches: it also holds for `other/feature/x`
      hint: write `^feature/` for what begins so
    a.yaml:10:16 Warning unanchored_pattern (+9): `is_branch: release/*` is a regular expression, in which `*` repeats what stands before it
      hint: write `^release/.*$` for what a glob means
    "#);
}
