//! The schema of one value by its type.

use serde_json::{Map, Value, json};

use crate::model::descriptor::{Bounds, Form};
use crate::model::variables::CONTRACT;
use crate::model::{Field, ValueType};

use super::super::value::size_pattern;
use super::super::yaml;

/// Anything that YAML reads as one value, which is text to those who want text.
pub(super) fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// Variables by name, those of the machine left out.
fn environment() -> Value {
    let reserved = format!("^({})", CONTRACT.join("|"));
    json!({
        "type": "object",
        "propertyNames": { "not": { "pattern": reserved } },
        "additionalProperties": scalar(),
    })
}

/// The schema of a value of this type.
pub(super) fn value(wanted: &ValueType) -> Value {
    match wanted {
        ValueType::Text
        | ValueType::Verbatim
        | ValueType::CacheKey
        | ValueType::Regex
        | ValueType::Expression => scalar(),
        ValueType::Glob | ValueType::GlobOfCache | ValueType::Path | ValueType::PathTemplate => {
            json!({ "type": ["string", "number", "boolean"], "pattern": "^[^/]" })
        }
        ValueType::Boolean => json!({ "type": "boolean" }),
        ValueType::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ValueType::Duration => json!({
            "type": ["string", "integer"],
            "minimum": 0,
            "pattern": "^ *([0-9]+|([0-9]+(d|h|m|s|ms))+) *$",
        }),
        ValueType::Choice(words) => json!({ "enum": words }),
        ValueType::Argv => json!({
            "type": "array",
            "items": scalar(),
            "prefixItems": [{ "type": ["string", "number", "boolean"], "minLength": 1 }],
            "minItems": 1,
        }),
        ValueType::List(inner) => {
            let inner = value(inner);
            json!({ "anyOf": [inner, { "type": "array", "items": inner }] })
        }
        ValueType::Map(inner) => json!({ "type": "object", "additionalProperties": value(inner) }),
        ValueType::Fields(fields) => object(fields.iter()),
        ValueType::BooleanOr(fields) => json!({ "anyOf": [{ "type": "boolean" }, object(fields.iter())] }),
        ValueType::TextOr(key, fields) => {
            let main = fields.iter().find(|field| field.name == *key);
            let main = main.map_or_else(scalar, |field| value(&field.value));
            json!({ "anyOf": [{ "type": ["string", "number", "boolean"], "allOf": [main] }, object(fields.iter())] })
        }
        ValueType::Size => json!({ "type": ["string", "integer"], "minimum": 0, "pattern": size_pattern() }),
        ValueType::Environment => environment(),
        ValueType::Variables => {
            let variable = json!({
                "type": "object",
                "properties": { "name": scalar(), "value": scalar() },
                "required": ["name"],
            });
            json!({ "anyOf": [environment(), { "type": "array", "items": variable }, variable] })
        }
        ValueType::Test => json!({ "$ref": "#/$defs/test" }),
        ValueType::With { main, .. } => value(main),
        ValueType::Form(form) => match name(*form) {
            Some(name) => json!({ "$ref": format!("#/$defs/{name}") }),
            None => scalar(),
        },
        ValueType::Any => json!({}),
    }
}

/// The definition of a form; names of goals and rules have none.
fn name(form: Form) -> Option<&'static str> {
    match form {
        Form::Test => Some("test"),
        Form::Goal => Some("goal"),
        Form::Steps => Some("steps"),
        Form::Rule => Some("rule"),
        Form::Command => Some("command"),
        Form::Parameter => Some("parameter"),
        Form::Intent => Some("intent"),
        Form::Listener => Some("listener"),
        Form::GoalName | Form::RuleName | Form::TestName | Form::Used | Form::Event => None,
    }
}

/// A list that cannot be left out for a single item, as at the top of a file; `None` for other types.
pub(super) fn strict_list(wanted: &ValueType) -> Option<Value> {
    match wanted {
        ValueType::List(inner) => Some(json!({ "type": "array", "items": value(inner) })),
        _ => None,
    }
}

/// The schema of what stands under a key, with what people want to know about it.
pub(super) fn described(field: &Field, schema: Value) -> Value {
    let mut described = json!({ "description": field.help });
    if let Some(default) = yaml::value(field.default) {
        described["default"] = default.to_json();
    }
    if field.bounds == Bounds::NotEmpty {
        described["not"] = json!({ "enum": ["", []] });
    }
    if let (Some(described), Value::Object(mut schema)) = (described.as_object_mut(), schema) {
        described.append(&mut schema);
    }
    described
}

/// A map with these keys and no others, each in any of its spellings.
pub(super) fn object<'f>(fields: impl Iterator<Item = &'f Field> + Clone) -> Value {
    object_of(fields.map(|field| (*field, described(field, value(&field.value)))))
}

/// The same with schemas given for the keys.
pub(super) fn object_of(fields: impl Iterator<Item = (Field, Value)>) -> Value {
    let (mut properties, mut spelled, mut required) = (Map::new(), Map::new(), Vec::new());
    for (field, schema) in fields {
        let names = names(&field);
        if field.required {
            required.push(any_of_names(&field));
        }
        if let Some(pattern) = other_spellings(&field, &names) {
            spelled.insert(pattern, schema.clone());
        }
        properties.insert(field.name.to_owned(), schema);
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": spelled,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["allOf"] = required.into();
    }
    object
}

/// A map with these keys in their one spelling, for files that know no other.
pub fn fields_only(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), described(field, plain(&field.value))))
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Values of files in which a list is a list and a map has one spelling.
fn plain(wanted: &ValueType) -> Value {
    match wanted {
        ValueType::List(inner) => json!({ "type": "array", "items": plain(inner) }),
        ValueType::Map(inner) => json!({ "type": "object", "additionalProperties": plain(inner) }),
        ValueType::Fields(fields) => fields_only(fields),
        other => value(other),
    }
}

fn names(field: &Field) -> Vec<&'static str> {
    let mut names = vec![field.name];
    names.extend(field.aliases);
    names
}

/// That a key is there, under any of its names.
pub(super) fn any_of_names(field: &Field) -> Value {
    let spellings = names(field).into_iter().flat_map(spellings);
    let alternatives: Vec<Value> = spellings.map(|name| json!({ "required": [name] })).collect();
    match <[Value; 1]>::try_from(alternatives) {
        Ok([only]) => only,
        Err(several) => json!({ "anyOf": several }),
    }
}

/// A pattern of all spellings but the canonical one; `None` when there are none.
fn other_spellings(field: &Field, names: &[&str]) -> Option<String> {
    let others = names
        .iter()
        .filter(|name| name.contains('_') || **name != field.name);
    let patterns: Vec<String> = others.map(|name| pattern(name)).collect();
    // A key that is spelled canonically may match both; what it says then holds twice.
    (!patterns.is_empty()).then(|| format!("^({})$", patterns.join("|")))
}

/// The three spellings of a name: snake_case, kebab-case, camelCase.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![name.to_owned()];
    if name.contains('_') {
        spellings.push(name.replace('_', "-"));
        let mut parts = name.split('_');
        let mut camel = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let mut letters = part.chars();
            camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            camel.push_str(letters.as_str());
        }
        spellings.push(camel);
    }
    spellings
}

/// A regular expression of them, every joint on its own: `pre([_-]a|A)pproval`.
pub(super) fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '_') {
            (_, true) => match letters.next() {
                Some(next) if next.is_ascii_alphabetic() => {
                    pattern.push_str(&format!("([_-]{next}|[_-]?{})", next.to_ascii_uppercase()));
                }
                next => {
                    pattern.push_str("[_-]");
                    pattern.extend(next);
                }
            },
            (letter, false) => pattern.push(letter),
        }
    }
    pattern
}
