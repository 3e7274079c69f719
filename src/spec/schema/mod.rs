//! JSON Schema (2020-12) of goal files, made from the tables that goal files are read with.
//!
//! What the reader takes, the schema takes, in every shape; what it cannot say (patterns that compile, names that exist)
//! is left to `sdm check`. Begin with [`goal_files`]; values of one type are in `values`, and `shared` writes once what stands at several
//! places.

mod commands;
mod forms;
mod shared;
mod values;

use serde_json::{Map, Value, json};

use crate::model::Field;

use super::catalogue::Catalogue;
use super::document;

pub use values::fields_only;

/// The dialect of every schema of this program.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of one document of a goal file.
pub fn goal_files(catalogue: &Catalogue<'_>) -> Value {
    json!({
        "$schema": DIALECT,
        "title": "sdm goal file",
        "description": "Rules, goals and tests of a software delivery machine.",
        "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/document" }],
        "$defs": shared::shared(definitions(catalogue)),
    })
}

/// The schema of a file that is one map with these keys, written in this spelling only.
pub fn plain_map(title: &str, fields: &[Field]) -> Value {
    let mut schema = fields_only(fields);
    schema["type"] = json!(["object", "null"]);
    let mut whole = json!({ "$schema": DIALECT, "title": title });
    if let (Some(whole), Some(schema)) = (whole.as_object_mut(), schema.as_object_mut()) {
        whole.append(schema);
    }
    whole
}

fn definitions(catalogue: &Catalogue<'_>) -> Map<String, Value> {
    let mut definitions = Map::new();
    let mut define = |name: &str, schema: Value| definitions.insert(name.to_owned(), schema);
    define("document", document_schema());
    define("rule", forms::rule(true));
    define("rule_under_its_name", forms::rule(false));
    define("test", forms::test(catalogue));
    define("one_test", forms::one_test(catalogue));
    define("goal", forms::goal(catalogue));
    define("steps", forms::steps());
    for kind in catalogue.kinds {
        define(&forms::kind_name(kind), forms::kind(kind));
    }
    define("goal_keys", forms::goal_keys());
    define("command", commands::command(catalogue));
    define("parameter", commands::parameter());
    define("intent", commands::intent());
    define("listener", commands::listener());
    definitions
}

/// With `rules`, only the known keys; without, every other key is a rule in the older shape.
fn document_schema() -> Value {
    let mut keys = values::object(document::FIELDS.iter());
    for field in document::FIELDS {
        if let Some(list) = values::strict_list(&field.value) {
            keys["properties"][field.name] = values::described(field, list);
        }
    }
    keys["patternProperties"]["^x-"] = json!({});
    let mut older = keys.clone();
    older["additionalProperties"] = json!({ "$ref": "#/$defs/rule_under_its_name" });
    json!({ "if": { "required": ["rules"] }, "then": keys, "else": older })
}
