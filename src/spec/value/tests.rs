//! Tests: value · tests.

use serde_json::{Value, json};

use crate::model::{Field, ValueType};

use super::super::problems::Problems;
use super::super::yaml;
use super::Checker;

/// The canonical form of a value, or the codes of what is wrong with it.
fn check(wanted: &ValueType, text: &str) -> Result<Value, Vec<String>> {
    let node = yaml::value(text).expect("valid YAML");
    let mut problems = Problems::default();
    let value = Checker::new(&mut problems).value(wanted, &node, "`it`");
    let codes: Vec<String> = problems
        .into_sorted(&[])
        .into_iter()
        .map(|found| found.code)
        .collect();
    assert_eq!(value.is_some(), codes.is_empty(), "{text}: {value:?} {codes:?}");
    value.ok_or(codes)
}

fn wrong(wanted: &ValueType, text: &str) -> Vec<String> {
    check(wanted, text).expect_err("a problem")
}

#[test]
fn scalars_are_text_just_as_they_are_written() {
    for (text, value) in [
        ("1.20", "1.20"),
        ("0x1F", "0x1F"),
        ("true", "true"),
        ("'~'", "~"),
        ("\"\"", ""),
    ] {
        assert_eq!(check(&ValueType::Text, text), Ok(json!(value)));
    }
    assert_eq!(wrong(&ValueType::Text, "~"), ["missing_value"]);
    assert_eq!(wrong(&ValueType::Text, "[a]"), ["wrong_type"]);
}

#[test]
fn lists_are_always_lists() {
    let texts = ValueType::List(&ValueType::Text);
    assert_eq!(check(&texts, "a"), Ok(json!(["a"])));
    assert_eq!(check(&texts, "[a, 1]"), Ok(json!(["a", "1"])));
    assert_eq!(check(&texts, "[]"), Ok(json!([])));
    assert_eq!(wrong(&texts, "[a, [b], ~]"), ["wrong_type", "missing_value"]);
    let commands = ValueType::List(&ValueType::Argv);
    assert_eq!(check(&commands, "[make, all]"), Ok(json!([["make", "all"]])));
    assert_eq!(check(&commands, "[[a], [b, c]]"), Ok(json!([["a"], ["b", "c"]])));
    assert_eq!(wrong(&ValueType::Argv, "['']"), ["empty_command"]);
}

#[test]
fn maps_keep_their_keys_and_fields_get_theirs() {
    const FIELDS: &[Field] = &[
        Field::new("max_age", ValueType::Duration, "").default("1h"),
        Field::new("needed", ValueType::Integer { min: 0, max: 9 }, "")
            .required()
            .aliases(&["need"]),
        Field::new("broken", ValueType::Boolean, ""),
    ];
    let fields = ValueType::Fields(FIELDS);
    assert_eq!(
        check(&fields, "{need: 3}"),
        Ok(json!({"max_age": 3_600_000, "needed": 3}))
    );
    assert_eq!(
        check(&fields, "{maxAge: 2, needed: 0x9}"),
        Ok(json!({"max_age": 2000, "needed": 9}))
    );
    assert_eq!(
        wrong(&fields, "{max-age: x, Broken: true, broken: 'yes'}"),
        [
            "missing_property",
            "invalid_duration",
            "unknown_key",
            "wrong_type"
        ]
    );
    assert_eq!(check(&ValueType::BooleanOr(FIELDS), "false"), Ok(json!(false)));
    let map = ValueType::Map(&ValueType::Text);
    assert_eq!(
        check(&map, "{A_b: 1, c-D: x}"),
        Ok(json!({"A_b": "1", "c-D": "x"}))
    );
    assert_eq!(check(&ValueType::Any, "{a: [1, ~]}"), Ok(json!({"a": [1, null]})));
}

#[test]
fn ca_09_a_word_stands_for_the_map_with_its_main_key() {
    const FIELDS: &[Field] = &[
        Field::new("classifier", ValueType::Text, "").required(),
        Field::new("scope", ValueType::Choice(&["set", "repo"]), "").default("set"),
    ];
    let either = ValueType::List(&ValueType::TextOr("classifier", FIELDS));
    let expected = json!([{"classifier": "version", "scope": "set"}]);
    for written in [
        "version",
        "[version]",
        "{classifier: version}",
        "[{classifier: version}]",
    ] {
        assert_eq!(check(&either, written), Ok(expected.clone()), "{written}");
    }
    assert_eq!(
        wrong(&either, "[{clasifier: version}]"),
        ["missing_property", "unknown_key"]
    );
    assert_eq!(wrong(&either, "[[version]]"), ["wrong_type"]);
    assert_eq!(wrong(&either, "[~]"), ["missing_value"]);
}

#[test]
fn a_wrong_default_is_a_problem_and_not_a_panic() {
    const FIELDS: &[Field] = &[Field::new("age", ValueType::Duration, "").default("[")];
    assert_eq!(wrong(&ValueType::Fields(FIELDS), "{}"), ["invalid_default"]);
}
