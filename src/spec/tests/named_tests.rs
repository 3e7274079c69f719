//! Tests by name: what their parameters become, and what is wrong with them (semantics 7.5).

use insta::assert_snapshot;

use super::super::testing::{problems, right};
use crate::model::TestExpression;

/// Definitions, beside a rule with this test.
fn with_tests(definitions: &str, test: &str) -> String {
    format!("push_tests:\n{definitions}rules:\n- name: a\n  goals: cancel\n  test: {test}\n")
}

fn wrong(definitions: &str, test: &str) -> String {
    problems(&with_tests(definitions, test))
}

#[test]
fn ym_11_a_parameter_of_the_wrong_type_is_not_a_missing_one() {
    let part = "  t: {has_file: 'src/${parameters.f}'}\n";
    assert_snapshot!(wrong(part, "{use: t, parameters: {f: [a, b]}}"), @r"
    a.yaml:6:34 Error wrong_type (+1): `f` of the test `t` must be one value, and this is a list
      hint: it becomes part of the text at a.yaml:2:24
    ");
    assert_snapshot!(wrong(part, "{use: t, parameters: {f: {a: b}}}"), @r"
    a.yaml:6:34 Error wrong_type (+1): `f` of the test `t` must be one value, and this is a map
      hint: it becomes part of the text at a.yaml:2:24
    ");
    assert_snapshot!(wrong(part, "{use: t, parameters: {f: }}"), @r"
    a.yaml:6:31 Error missing_parameter (+1): the test `t` needs the parameter `f`, and nothing is written for it
      hint: write its value; it is asked for at a.yaml:2:24
    ");
    let default = "  t: {has_file: 'src/${parameters.f:x}'}\n";
    assert_snapshot!(wrong(default, "{use: t, parameters: {f: [a]}}"), @r"
    a.yaml:6:34 Error wrong_type (+1): `f` of the test `t` must be one value, and this is a list
      hint: it becomes part of the text at a.yaml:2:24
    ");
    assert_eq!(wrong(default, "{use: t, parameters: {f: }}"), "");
    let below = "  t: {has_file: '${parameters.f.path}'}\n";
    assert_snapshot!(wrong(below, "{use: t, parameters: {f: a}}"), @r"
    a.yaml:6:34 Error missing_parameter (+1): the test `t` needs `f.path`, and this is text without it
      hint: it is asked for at a.yaml:2:20
    ");
    assert_snapshot!(wrong(below, "{use: t, parameters: {f: {pth: a}}}"), @r"
    a.yaml:6:34 Error missing_parameter (+1): the test `t` needs `f.path`, and this is a map without it
      hint: it is asked for at a.yaml:2:20
    ");
    assert_snapshot!(wrong(below, "{use: t}"), @r"
    a.yaml:6:15 Error missing_parameter (+1): the test `t` needs the parameter `f`
      hint: add `parameters: {f: …}` beside `use`, or a default there: `${parameters.f.path:…}`
    ");
    let whole = "  t: {has_file: '${parameters.f}'}\n";
    assert_eq!(wrong(whole, "{use: t, parameters: {f: [a, b]}}"), "");
    assert_snapshot!(wrong(whole, "{use: t, parameters: {f: {a: b}}}"), @"a.yaml:6:34 Error wrong_type (+1): `has_file` must be text, and this is a map");
    let two = "  t: [{has_file: '${parameters.f}'}, {has_file: 'a/${parameters.g}'}]\n";
    assert_snapshot!(wrong(two, "{use: t}"), @r"
    a.yaml:6:15 Error missing_parameter (+1): the test `t` needs the parameter `f`
      hint: add `parameters: {f: …}` beside `use`, or a default there: `${parameters.f:…}`
    a.yaml:6:15 Error missing_parameter (+1): the test `t` needs the parameter `g`
      hint: add `parameters: {g: …}` beside `use`, or a default there: `${parameters.g:…}`
    ");
}

#[test]
fn ym_11_placeholders_of_a_definition_are_closed_and_ask_for_parameters() {
    assert_snapshot!(wrong("  t: {has_file: '${parameters.f'}\n", "{use: t}"), @r"
    a.yaml:2:18 Error invalid_placeholder (+1): placeholder is not closed: `}` is missing
      hint: write `${parameters.name}` or `${parameters.name:default}`; `$${` stands for a literal `${`
    ");
    assert_snapshot!(wrong("  t: {has_file: 'a ${parameters f}'}\n  u: {has_file: '${push.branch}'}\n  v: {has_file: '${parameters}'}\n", "is_default_branch"), @r"
    a.yaml:2:32 Error invalid_placeholder (+1): placeholder has ` ` in its path, which may have letters, digits, `_`, `-` and `.`
      hint: write `${parameters.name}` or `${parameters.name:default}`; `$${` stands for a literal `${`
    a.yaml:3:20 Error unknown_placeholder (+1): `${push.branch}` is not filled in here: only parameters are
      hint: write `${parameters.name}` or `${parameters.name:default}`; `$${` stands for a literal `${`
    a.yaml:4:20 Error unknown_placeholder (+1): `${parameters}` is not filled in here: only parameters are
      hint: write `${parameters.name}` or `${parameters.name:default}`; `$${` stands for a literal `${`
    ");
    let inner = "  t: {has_file: '${parameters.f}'}\n  u: {use: t, parameters: {f: '${parameters.x'}}\n";
    assert!(wrong(inner, "is_default_branch").contains("placeholder is not closed"));
}

#[test]
fn ym_11_two_dollars_stand_for_one() {
    let loaded = right(&with_tests(
        "  t: {has_commit: '[$${]${parameters.y}'}\n",
        "{use: t, parameters: {y: 'z[$${]'}}",
    ));
    let TestExpression::Test { arguments, .. } = &loaded.rules[0].test else {
        panic!("one test")
    };
    assert_eq!(arguments, "[${]z[$${]", "what is given is not looked at");
}

#[test]
fn ym_13_a_placeholder_where_none_is_filled_in_is_seen() {
    assert_snapshot!(problems("rules:\n- name: a\n  goals: cancel\n  test: [{when: 'push.branch == \"${push.branch}\"'}, {when: '\"${\" == \"x\"'}]\n"), @r"
    a.yaml:4:17 Warning placeholder_not_filled (+33): placeholders are not filled in `when`; `${` is taken as it is
      hint: name the fact without `${` and `}`, such as `push.branch`
    ");
    assert_snapshot!(problems("rules:\n- name: a\n  goals: cancel\n  test: [{has_commit: '^${push.branch}$'}, {has_commit: '[${]'}]\n"), @r"
    a.yaml:4:27 Error invalid_regex (+1): `has_commit` is not a regular expression: repetition quantifier expects a valid decimal
      hint: placeholders are not filled in patterns: write the pattern itself
    ");
}

#[test]
fn d9_a_parameter_in_an_expression_is_data() {
    let when = |expression: &str, parameters: &str| {
        let text = with_tests(
            &format!("  t: {{when: '{}'}}\n", expression.replace('\'', "''")),
            &format!("{{use: t, parameters: {{{parameters}}}}}"),
        );
        let loaded = right(&text);
        let TestExpression::Test { arguments, .. } = &loaded.rules[0].test else {
            panic!("one test")
        };
        arguments.as_str().unwrap().to_owned()
    };
    let hostile = r#"x: 'a" || true || "'"#;
    assert_eq!(
        when(r#"push.branch == "${parameters.x}""#, hostile),
        r#"push.branch == "a\" || true || \"""#
    );
    assert_eq!(
        when("push.branch == ${parameters.x}", hostile),
        r#"push.branch == "a\" || true || \"""#
    );
    assert_eq!(
        when(
            "size(push.commits) > ${parameters.n} && push.branch in ${parameters.l}",
            "n: 3, l: [a, \"b'\"]"
        ),
        r#"size(push.commits) > 3 && push.branch in ["a", "b'"]"#
    );
    assert_eq!(
        when("push.branch == '${parameters.x:it}s'", "x: \"'\""),
        r"push.branch == '\'s'"
    );
    assert_eq!(
        when("'v${parameters.n}' == ${parameters.d:push.branch}", "n: 1.10"),
        "'v1.10' == push.branch"
    );
    assert_eq!(
        when("${parameters.x}", "x: push.forced"),
        "push.forced",
        "all of an expression may be given"
    );
    assert_snapshot!(wrong("  t: {when: 'push.branch.matches(r\"${parameters.x}\")'}\n", "{use: t, parameters: {x: 'a\"'}}"), @r"
    a.yaml:6:34 Error wrong_type (+4): `x` of the test `t` would end the raw text that it becomes part of
      hint: write the text at a.yaml:2:38 without `r` before its quotes
    ");
    let handed_on = "  t: {when: 'push.branch == \"${parameters.when}\"'}\n  u: {use: t, parameters: {when: '${parameters.x}-'}}\n";
    let loaded = right(&with_tests(handed_on, "{use: u, parameters: {x: '\"'}}"));
    let TestExpression::Test { arguments, .. } = &loaded.rules[0].test else {
        panic!("one test")
    };
    assert_eq!(arguments, r#"push.branch == "\"-""#, "escaped once");
}

#[test]
fn b7_who_spends_everything_is_named_and_nobody_else() {
    let wide: String = (0..6)
        .map(|n| format!("  t{n}: [{}]\n", format!("{{use: t{}}}, ", n + 1).repeat(20)))
        .collect();
    let innocent = "  a: {has_file: b}\n  t6: is_default_branch\n  z: {use: a}\n";
    assert_snapshot!(wrong(&(wide + innocent), "[{use: z}, {use: a}, {use: t0}, {use: t6}]"), @r"
    a.yaml:2:3 Error too_large (+2): the tests that are used become too large with everything filled in, and most of it is `t0` with what it uses
      hint: let it use fewer tests, or smaller ones
    ");
    let large = format!("  t: {{has_file: [{}]}}\n", "'${parameters.x}', ".repeat(3_000));
    let given = format!("{{use: t, parameters: {{x: {}}}}}", "y".repeat(160));
    assert_snapshot!(wrong(&large, &format!("[{given}, {given}]")), @r"
    a.yaml:2:3 Error too_large (+1): the test `t` becomes too large with its parameters filled in
      hint: make it smaller, or give it smaller parameters
    ");
}

#[test]
fn b7_text_that_is_given_counts_however_often_it_is_filled_in() {
    let definitions = format!("  t: {{has_commit: '{}'}}\n", "a${parameters.x}".repeat(5_000));
    let given = format!("{{use: t, parameters: {{x: {}}}}}", "y".repeat(100_000));
    assert!(wrong(&definitions, &given).contains("becomes too large"));
}
