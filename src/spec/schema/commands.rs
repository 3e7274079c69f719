//! Commands and listeners.

use serde_json::{Value, json};

use crate::model::Field;

use super::super::catalogue::Catalogue;
use super::super::command::{INTENT_FIELDS, PARAMETER_FIELDS, RUN_FIELDS};
use super::super::shape::{command_keys, key_of, listener_keys};
use super::values::{any_of_names, described, object, object_of, scalar, value};

/// A command: exactly one key says what it does.
pub(super) fn command(catalogue: &Catalogue<'_>) -> Value {
    let keys = command_keys(catalogue);
    let mut schema = object(keys.iter());
    let run = Field::new("run", crate::model::ValueType::Argv, "");
    let kinds = catalogue.kinds_of_commands().map(key_of);
    let work: Vec<Value> = std::iter::once(run)
        .chain(kinds)
        .map(|field| any_of_names(&field))
        .collect();
    schema["oneOf"] = json!(work);
    // Beside a kind the options of `run` would have no effect.
    let options = RUN_FIELDS.iter().filter(|field| field.name != "run");
    let named: Vec<Value> = options.map(any_of_names).collect();
    schema["if"] = json!({ "required": ["run"] });
    schema["else"] = json!({ "not": { "anyOf": named } });
    schema
}

/// What is known of a parameter; nothing has to be.
pub(super) fn parameter() -> Value {
    let mut known = object(PARAMETER_FIELDS.iter());
    let is_on = json!({ "const": true });
    let switched =
        |name: &str, other: &str| json!({ "required": [name, other], "properties": { name: is_on } });
    // A value comes from one place.
    let several = [
        json!({ "required": ["mapped", "value"] }),
        json!({ "required": ["mapped", "caller_token"] }),
        json!({ "required": ["value", "caller_token"] }),
        switched("secret", "mapped"),
        switched("secret", "value"),
        switched("secret", "caller_token"),
        switched("org_token", "mapped"),
        switched("org_token", "value"),
        switched("org_token", "caller_token"),
        json!({ "required": ["secret", "org_token"], "properties": { "secret": is_on, "org_token": is_on } }),
    ];
    known["not"] = json!({ "anyOf": several });
    json!({ "anyOf": [{ "type": "null" }, known] })
}

/// Words, or a pattern.
pub(super) fn intent() -> Value {
    json!({ "anyOf": [scalar(), object(INTENT_FIELDS.iter())] })
}

/// A listener: for an event, or a timer.
pub(super) fn listener() -> Value {
    let keys = listener_keys().into_iter().map(|field| {
        let is_run = field.name == "run";
        let field = Field {
            required: field.required || is_run,
            ..field
        };
        (field, described(&field, value(&field.value)))
    });
    let mut schema = object_of(keys);
    let when = ["event", "cron", "interval"].map(|key| json!({ "required": [key] }));
    schema["anyOf"] = json!(when);
    schema["not"] = json!({ "required": ["cron", "interval"] });
    schema
}
