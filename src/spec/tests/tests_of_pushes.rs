//! Tests: tests · tests_of_pushes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::super::testing::{problems, right};
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
      hint: tests are `has_file`, `has_file_containing`, `is_branch`, `has_commit`, `is_default_branch` and `not`, `and`, `or`
    a.yaml:9:5 Error unknown_test (+1): Unable to construct push test from '{"use":"x"}'
      hint: `use` is not available in this version
    a.yaml:10:5 Error empty_test (+1): there is no test here
      hint: write one below it, or remove the key: a rule without `test` applies to any push
    a.yaml:11:5 Error unknown_test (+1): Unable to construct push test from '5'
      hint: tests are `has_file`, `has_file_containing`, `is_branch`, `has_commit`, `is_default_branch` and `not`, `and`, `or`
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
fn pt_33_a_plain_word_as_pattern_is_warned_about() {
    assert_snapshot!(wrong("- is_branch: main\n- is_branch: main|release-1.0\n- is_branch: ^main$\n- is_branch: feature/\n- has_commit: fix"), @r#"
    a.yaml:5:16 Warning unanchored_pattern (+4): `is_branch: main` searches: it also holds for `main-old` and `my-main`
      hint: write `^main$` for exactly that
    a.yaml:6:16 Warning unanchored_pattern (+16): `is_branch: main|release-1.0` searches: it also holds for `main-old` and `my-main`
      hint: write `^(main|release-1.0)$` for exactly that
    "#);
}
