//! Tests: placeholder · tests.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn facts(path: &str) -> Option<Value> {
    let facts = json!({
        "parameters.name": "build", "parameters.count": 3, "parameters.flag": false, "parameters.empty": "",
        "parameters.image2": "node:20", "parameters.the-dash": "yes", "parameters.null": null,
        "parameters.map": {"a": [1, 2]},
        "push.branch": "$(rm -rf x) ${parameters.name} $${x}",
        "push.after.sha": "a1b2c3",
    });
    facts.get(path).cloned()
}

fn resolve(text: &str) -> Result<Resolved, PlaceholderError> {
    Template::parse(text)?.resolve(&facts)
}

fn text(text: &str) -> String {
    match resolve(text) {
        Ok(Resolved::Text(text)) => text,
        other => panic!("{text} became {other:?}"),
    }
}

fn problem(text: &str) -> (usize, PlaceholderProblem) {
    let error = resolve(text).expect_err("a problem");
    (error.offset, error.problem)
}

#[test]
fn ym_13_two_in_a_sentence() {
    assert_eq!(
        text("run ${parameters.name} at ${push.after.sha}!"),
        "run build at a1b2c3!"
    );
}

#[test]
fn ym_13_a_map_replaces_the_whole_value() {
    assert_eq!(
        resolve("${parameters.map}"),
        Ok(Resolved::Whole(json!({"a": [1, 2]})))
    );
    assert_eq!(
        resolve("${x:${parameters.map}}"),
        Ok(Resolved::Whole(json!({"a": [1, 2]})))
    );
    assert_eq!(
        problem("a ${parameters.map}"),
        (2, PlaceholderProblem::NotText("parameters.map".into()))
    );
}

#[test]
fn ym_13_nested_defaults_end_at_the_sha() {
    assert_eq!(
        text("${parameters.tag:${push.after.version:${push.after.sha}}}"),
        "a1b2c3"
    );
    assert_eq!(text("${a:v${b:1}-${c:2}}"), "v1-2");
}

#[test]
fn ym_13_optional_placeholders_remove_the_value() {
    assert_eq!(resolve("x ${!parameters.none} y"), Ok(Resolved::Absent));
    assert_eq!(resolve("${a:${!b}}"), Ok(Resolved::Absent));
    assert_eq!(text("${!parameters.name}"), "build");
    let arguments =
        json!({"env": {"A": "${!a}", "B": "${parameters.count}"}, "args": ["${!a}", "b", 1, null]});
    assert_eq!(
        resolve_all(&arguments, &facts),
        Ok(Some(json!({"env": {"B": "3"}, "args": ["b", 1, null]})))
    );
}

#[test]
fn ym_15_defaults_reach_to_the_matching_brace() {
    assert_eq!(
        text("${parameters.registry:registry.example/team}/app"),
        "registry.example/team/app"
    );
    assert_eq!(text("${opts:-Dx=1 --y=\"z\"}"), "-Dx=1 --y=\"z\"");
    assert_eq!(text(r#"${json:{"a":{"b":1}}}"#), r#"{"a":{"b":1}}"#);
    assert_eq!(text("${empty:}"), "");
}

#[test]
fn ym_16_scalars_expand_and_empty_is_a_value() {
    assert_eq!(text("${parameters.count} ${parameters.flag}"), "3 false");
    assert_eq!(text("[${parameters.empty:default}]"), "[]");
    assert_eq!(text("${parameters.null:nothing}"), "nothing");
    assert_eq!(text("${parameters.image2} ${parameters.the-dash}"), "node:20 yes");
}

#[test]
fn ym_23_what_is_filled_in_is_never_read_again() {
    assert_eq!(
        text("on ${push.branch}"),
        "on $(rm -rf x) ${parameters.name} $${x}"
    );
    assert_eq!(text("${push.branch}"), "$(rm -rf x) ${parameters.name} $${x}");
}

#[test]
fn the_shell_keeps_what_is_its_own() {
    for own in ["$HOME", "$(date)", "$$", "100$", "{a}", "}", "a$b{c}", "$"] {
        assert_eq!(text(own), own);
        assert!(Template::parse(own).unwrap().is_literal());
    }
    assert_eq!(text("$${HOME} and ${parameters.name}"), "${HOME} and build");
    assert_eq!(text("${none:$${HOME}}"), "${HOME}");
}

#[test]
fn mistakes_have_a_place() {
    assert_eq!(problem("a ${b"), (2, PlaceholderProblem::Unclosed));
    assert_eq!(problem("${b:c ${d}"), (0, PlaceholderProblem::Unclosed));
    assert_eq!(problem("ü${}"), (2, PlaceholderProblem::Empty));
    assert_eq!(problem("${a b}"), (3, PlaceholderProblem::BadCharacter(' ')));
    assert_eq!(problem("${#a}"), (2, PlaceholderProblem::BadCharacter('#')));
    assert_eq!(problem("${x.${y}}"), (4, PlaceholderProblem::BadCharacter('$')));
    let error = resolve("${parameters.none}").expect_err("unresolved");
    assert_eq!(
        error.to_string(),
        "Placeholder 'parameters.none' can't be resolved"
    );
}

#[test]
fn ym_23_expansion_is_bounded() {
    let deep = format!("{}x{}", "${a:".repeat(33), "}".repeat(33));
    assert_eq!(problem(&deep), (4 * 32, PlaceholderProblem::TooDeep));
    assert_eq!(text(&format!("{}x{}", "${a:".repeat(32), "}".repeat(32))), "x");
    let long = |_: &str| Some(Value::String("x".repeat(600_000)));
    let template = Template::parse("${a}${b}").unwrap();
    assert_eq!(
        template.resolve(&long).unwrap_err().problem,
        PlaceholderProblem::TooLong
    );
}

#[test]
fn paths_tell_what_will_be_asked_for() {
    assert_eq!(
        Template::parse("${a:${b}} ${!c}").unwrap().paths(),
        ["a", "b", "c"]
    );
}

proptest! {
    #[test]
    fn any_text_ends_in_a_template_or_a_place_inside_it(text in "[a${}:!. ü]{0,40}") {
        match Template::parse(&text) {
            Ok(template) => { let _ = template.resolve(&|path| Some(Value::from(path))); }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset)),
        }
    }

    #[test]
    fn text_without_a_dollar_stays_as_it_is(text in "[^$]{0,60}") {
        prop_assert_eq!(Template::parse(&text).unwrap().resolve(&|_| None).unwrap(), Resolved::Text(text));
    }
}
