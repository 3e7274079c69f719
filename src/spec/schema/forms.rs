//! The parts of goal files with a form of their own: rules, tests, goals and the steps of a rule.

use serde_json::{Value, json};

use crate::model::{Descriptor, Field};

use super::super::catalogue::{Catalogue, beside, fields};
use super::super::goal::{COMMON_FIELDS, REF};
use super::super::named_test;
use super::super::rule;
use super::super::shape::key_of;
use super::values::{described, object_of, pattern, scalar, spellings, value};

/// A rule; in the older shape it stands under its name and has none of its own.
pub(super) fn rule(is_named: bool) -> Value {
    let fields = rule::FIELDS
        .iter()
        .filter(|field| is_named || field.name != "name");
    let mut schema = object_of(fields.map(|field| (*field, described(field, value(&field.value)))));
    let sets =
        ["goals", "first_of", "first-of", "firstOf", "facts", "let"].map(|key| json!({ "required": [key] }));
    schema["anyOf"] = json!(sets);
    schema["not"] = json!({ "required": ["goals", "first_of"] });
    schema
}

/// A test: a word, a map with one test, or a list of tests.
pub(super) fn test(_: &Catalogue<'_>) -> Value {
    json!({
        "description": "when it holds; a list must hold together",
        "anyOf": [
            { "$ref": "#/$defs/one_test" },
            { "type": "array", "items": { "$ref": "#/$defs/test" }, "minItems": 1 },
        ],
    })
}

/// A test that is no list.
pub(super) fn one_test(catalogue: &Catalogue<'_>) -> Value {
    let words = catalogue.push_tests.iter().filter(|test| test.value.is_none());
    let words: Vec<Value> = words.flat_map(|test| word(test)).collect();
    let leaves = catalogue.push_tests.iter().map(|test| leaf(test));
    let mut map = object_of(leaves.chain(combinators()));
    map["minProperties"] = json!(1);
    map["maxProperties"] = json!(1);
    let named = super::values::object(named_test::FIELDS.iter());
    json!({ "anyOf": [{ "type": "string", "anyOf": words }, map, named] })
}

/// A bare word in every spelling, the canonical one as a value so that editors offer it.
fn word(descriptor: &Descriptor) -> Vec<Value> {
    let names = std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied());
    let mut schemas = vec![json!({ "const": descriptor.name, "description": descriptor.help })];
    let patterns: Vec<String> = names.map(pattern).collect();
    schemas.push(json!({ "pattern": format!("^({})$", patterns.join("|")) }));
    schemas
}

fn leaf(descriptor: &Descriptor) -> (Field, Value) {
    let field = key_of(descriptor);
    let schema = match &descriptor.value {
        Some(wanted) => value(wanted),
        None => json!({ "enum": [null, true, "true"] }),
    };
    (field, described(&field, schema))
}

/// `not`, `and` and `or` with the tests they take.
fn combinators() -> impl Iterator<Item = (Field, Value)> {
    let some = json!({ "$ref": "#/$defs/test" });
    let one = json!({
        "anyOf": [
            { "$ref": "#/$defs/one_test" },
            { "type": "array", "items": { "$ref": "#/$defs/test" }, "minItems": 1, "maxItems": 1 },
        ],
    });
    let schema = move |field: &Field| match field.name {
        "not" => one.clone(),
        _ => some.clone(),
    };
    super::super::push_test::COMBINATORS
        .iter()
        .map(move |field| (*field, described(field, schema(field))))
}

/// A goal: a word, or a map that is one kind of goal or uses one by name.
pub(super) fn goal(catalogue: &Catalogue<'_>) -> Value {
    let mut shapes = vec![scalar()];
    shapes.push(json!({
        "title": "use",
        "type": "object",
        "properties": { "use": { "description": "a goal by its name, or `lock`", "type": ["string", "number", "boolean"] } },
        "required": ["use"],
        "additionalProperties": false,
    }));
    shapes.push(json!({
        "title": "ref",
        "type": "object",
        "properties": { "ref": described(&REF[0], scalar()) },
        "required": ["ref"],
        "additionalProperties": true,
    }));
    let kinds = catalogue.kinds.iter();
    shapes.extend(kinds.map(|kind| json!({ "$ref": format!("#/$defs/{}", kind_name(kind)) })));
    json!({ "anyOf": shapes })
}

/// Where the schema of a kind is.
pub(super) fn kind_name(kind: &Descriptor) -> String {
    format!("{}_goal", kind.name)
}

/// A goal of one kind: its key, or `use` with its keys beside it, and what every goal may have.
pub(super) fn kind(kind: &Descriptor) -> Value {
    let common = COMMON_FIELDS.iter().map(|field| {
        let field = Field {
            required: field.name == "name" && !kind.by_use,
            ..*field
        };
        (
            field,
            json!({ "$ref": format!("#/$defs/goal_keys/properties/{}", field.name) }),
        )
    });
    let own: Vec<(Field, Value)> = match kind.by_use {
        true => fields(kind)
            .iter()
            .map(|field| (*field, described(field, value(&field.value))))
            .collect(),
        false => {
            let own = std::iter::once(key_of(kind).required()).chain(beside(kind).iter().copied());
            own.map(|field| (field, described(&field, value(&field.value))))
                .collect()
        }
    };
    let own_names: Vec<&str> = own.iter().map(|(field, _)| field.name).collect();
    let common = common.filter(|(field, _)| !own_names.contains(&field.name));
    let mut schema = object_of(common.chain(own.iter().cloned()));
    schema["title"] = json!(kind.name);
    if kind.by_use {
        let names = std::iter::once(kind.name).chain(kind.aliases.iter().copied());
        let words: Vec<String> = names.flat_map(spellings).collect();
        schema["properties"]["use"] = json!({ "description": kind.help, "enum": words });
        schema["required"] = json!(["use"]);
    }
    schema
}

/// What every goal may have.
pub(super) fn goal_keys() -> Value {
    super::values::object(COMMON_FIELDS.iter())
}

/// One goal, or a list of steps, each a goal or a list of goals side by side.
pub(super) fn steps() -> Value {
    let goal = json!({ "$ref": "#/$defs/goal" });
    json!({
        "anyOf": [
            goal,
            {
                "type": "array",
                "items": { "anyOf": [goal, { "type": "array", "items": goal }] },
            },
        ],
    })
}
