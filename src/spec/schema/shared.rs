//! What stands at several places of a schema becomes a definition of its own, and a reference at each of them.
//!
//! The tables nest: what may stand in a container may stand in a list of them, under each spelling of its key and in every goal that
//! has containers. Written out each time, a schema is twenty times as long and says the same.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

/// Keywords whose value is a map of schemas.
const MAPS: &[&str] = &["properties", "patternProperties"];

/// Keywords whose value is a schema.
const SINGLE: &[&str] = &[
    "additionalProperties",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
];

/// Keywords whose value is a list of schemas.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// Shortest part that is shared, in bytes without spaces: of others a reference would not be shorter.
const SHORTEST: usize = 90;

/// The definitions, with those of their parts that stand several times as further ones behind them.
pub(super) fn shared(definitions: Map<String, Value>) -> Map<String, Value> {
    let mut parts = Parts {
        reserved: definitions.keys().cloned().collect(),
        ..Parts::default()
    };
    let inside = |(name, schema): (String, Value)| {
        let schema = parts.inside(schema, &name);
        (name, schema)
    };
    let definitions: Map<String, Value> = definitions.into_iter().map(inside).collect();
    parts.count(&definitions);
    let own = definitions.iter();
    let further = parts.known.iter().filter(|(name, _)| !parts.is_single(name));
    own.chain(further)
        .map(|(name, schema)| (name.clone(), parts.written(schema)))
        .collect()
}

/// Parts of schemas by the names they have as definitions.
#[derive(Default)]
struct Parts {
    /// Names that others have.
    reserved: BTreeSet<String>,
    /// Parts, whose own parts are references, in the order in which they were found.
    known: Map<String, Value>,
    /// Their names by what they say.
    names: HashMap<String, String>,
    /// How often each is referred to.
    uses: HashMap<String, usize>,
}

impl Parts {
    /// A schema whose parts became references; `name` is what it is the schema of.
    fn inside(&mut self, schema: Value, name: &str) -> Value {
        let Value::Object(keywords) = schema else {
            return schema;
        };
        let mut shrunk = Map::new();
        for (keyword, value) in keywords {
            let value = self.below(&keyword, value, name);
            shrunk.insert(keyword, value);
        }
        Value::Object(shrunk)
    }

    /// The same of the value of a keyword.
    fn below(&mut self, keyword: &str, value: Value, name: &str) -> Value {
        match value {
            Value::Object(schemas) if MAPS.contains(&keyword) => {
                let is_named = keyword == "properties";
                let part = |(key, schema): (String, Value)| {
                    let schema = self.part(schema, if is_named { &key } else { name });
                    (key, schema)
                };
                Value::Object(schemas.into_iter().map(part).collect())
            }
            Value::Array(schemas) if LISTS.contains(&keyword) => {
                let parts = schemas.into_iter().map(|schema| self.part(schema, name));
                Value::Array(parts.collect())
            }
            value if SINGLE.contains(&keyword) => self.part(value, name),
            value => value,
        }
    }

    /// A reference to a schema, which is kept; itself where it is short.
    fn part(&mut self, schema: Value, name: &str) -> Value {
        let schema = self.inside(schema, name);
        let text = schema.to_string();
        if text.len() < SHORTEST {
            return schema;
        }
        let name = match self.names.get(&text) {
            Some(known) => known.clone(),
            None => {
                let free = self.free(name);
                self.names.insert(text, free.clone());
                self.known.insert(free.clone(), schema);
                free
            }
        };
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// A name that no definition has yet: this one, or this one with a number.
    fn free(&self, name: &str) -> String {
        let is_taken = |name: &str| self.reserved.contains(name) || self.known.contains_key(name);
        let (mut free, mut number) = (name.to_owned(), 1);
        while is_taken(&free) {
            number += 1;
            free = format!("{name}_{number}");
        }
        free
    }

    fn count(&mut self, definitions: &Map<String, Value>) {
        let mut uses = HashMap::new();
        for schema in definitions.values().chain(self.known.values()) {
            self.count_in(schema, &mut uses);
        }
        self.uses = uses;
    }

    fn count_in(&self, value: &Value, uses: &mut HashMap<String, usize>) {
        if let Some(name) = self.referred(value) {
            *uses.entry(name.to_owned()).or_default() += 1;
        }
        match value {
            Value::Object(entries) => entries.values().for_each(|value| self.count_in(value, uses)),
            Value::Array(items) => items.iter().for_each(|value| self.count_in(value, uses)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The part that a value is a reference to.
    fn referred<'v>(&self, value: &'v Value) -> Option<&'v str> {
        let name = value.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        self.known.contains_key(name).then_some(name)
    }

    fn is_single(&self, name: &str) -> bool {
        self.uses.get(name) == Some(&1)
    }

    /// A schema with what stands once in its place.
    fn written(&self, value: &Value) -> Value {
        let single = self.referred(value).filter(|name| self.is_single(name));
        if let Some(part) = single.and_then(|name| self.known.get(name)) {
            return self.written(part);
        }
        match value {
            Value::Object(entries) => {
                let written = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.written(value)));
                Value::Object(written.collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.written(item)).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema that is long enough to be shared.
    fn long(description: &str) -> Value {
        json!({ "description": format!("{description}, as it is said where much is to be said"), "type": ["string", "number", "boolean"] })
    }

    #[test]
    fn what_stands_twice_is_written_once_and_what_stands_once_stays() {
        let both = json!({
            "type": "object",
            "properties": { "env": long("variables"), "a": long("once") },
            "additionalProperties": false,
        });
        let definitions = json!({
            "x": { "anyOf": [both, { "type": "array", "items": both }] },
            "env": { "default": { "items": long("no schema") }, "type": "object" },
        });
        let Value::Object(definitions) = definitions else {
            panic!("it is a map")
        };
        assert_eq!(
            Value::Object(shared(definitions)),
            json!({
                "x": { "anyOf": [{ "$ref": "#/$defs/x_2" }, { "type": "array", "items": { "$ref": "#/$defs/x_2" } }] },
                "env": { "default": { "items": long("no schema") }, "type": "object" },
                "x_2": both,
            })
        );
    }

    #[test]
    fn parts_of_different_wholes_are_shared_and_short_ones_are_not() {
        let short = json!({ "type": "string" });
        let definitions = json!({
            "a": { "properties": { "env": long("variables"), "s": short } },
            "b": { "patternProperties": { "^x$": long("variables") }, "items": short },
        });
        let Value::Object(definitions) = definitions else {
            panic!("it is a map")
        };
        let env = json!({ "$ref": "#/$defs/env" });
        assert_eq!(
            Value::Object(shared(definitions)),
            json!({
                "a": { "properties": { "env": env, "s": short } },
                "b": { "patternProperties": { "^x$": env }, "items": short },
                "env": long("variables"),
            })
        );
    }
}
