//! Maps with known keys.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::model::{Field, ValueType};

use super::super::foreign::is_foreign;
use super::super::keys::Sorted;
use super::super::yaml::{self, Node};
use super::Checker;

impl Checker<'_> {
    /// A map with known keys: canonical names, defaults filled in, unknown and missing keys reported.
    pub(crate) fn fields(
        &mut self,
        fields: &'static [Field],
        node: &Node,
        what: &str,
    ) -> Option<Map<String, Value>> {
        let Some(entries) = node.entries() else {
            self.not_a_map(fields, node, what);
            return None;
        };
        let sorted = Sorted::over(entries, &[fields], self.problems);
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for entry in &sorted.unknown {
            self.problems.unknown_key(entry, what, &names);
        }
        let is_complete = sorted.unknown.is_empty();
        self.sorted(fields, &sorted, node, what).filter(|_| is_complete)
    }

    /// The same for entries that are sorted already, some of which may belong to other fields.
    pub(crate) fn sorted(
        &mut self,
        fields: &'static [Field],
        sorted: &Sorted<'_>,
        node: &Node,
        what: &str,
    ) -> Option<Map<String, Value>> {
        let mut values = Map::new();
        let mut is_complete = true;
        self.foreign_variables.push(foreign_variables(fields, sorted));
        for field in fields {
            match self.field(field, sorted, node, what) {
                Ok(Some(value)) => {
                    values.insert(field.name.to_owned(), value);
                }
                Ok(None) => {}
                Err(Reported) => is_complete = false,
            }
        }
        self.foreign_variables.pop();
        is_complete.then_some(values)
    }

    fn field(
        &mut self,
        field: &Field,
        sorted: &Sorted<'_>,
        node: &Node,
        what: &str,
    ) -> Result<Option<Value>, Reported> {
        if let Some(value) = sorted.value(field.name) {
            let name = format!("`{}`", field.name);
            let read = self.value(&field.value, value, &name).ok_or(Reported)?;
            return match self.is_within(field, value, &read) {
                true => Ok(Some(read)),
                false => Err(Reported),
            };
        }
        if field.required {
            self.missing_field(field, node, what);
            return Err(Reported);
        }
        if field.default.is_empty() {
            return Ok(None);
        }
        self.default(field, node).map(Some).ok_or(Reported)
    }

    fn missing_field(&mut self, field: &Field, node: &Node, what: &str) {
        let message = format!("{what} can't be used without '{}' property", field.name);
        let hint = format!("add `{}`: {}", field.name, field.help);
        self.problems
            .error_with_hint("missing_property", node, message, hint);
    }

    /// Where a map is wanted and a word stands, the word is probably meant for the key that must be there.
    fn not_a_map(&mut self, fields: &[Field], node: &Node, what: &str) {
        let message = format!("{what} must be a map, and this is {}", node.what());
        let required: Vec<&str> = fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        match fields.first() {
            Some(_) if required.len() > 1 => {
                let keys: Vec<String> = required.iter().map(|name| format!("{name}: …")).collect();
                let hint = format!("write its options as keys: `{{{}}}`", keys.join(", "));
                self.problems.error_with_hint("wrong_type", node, message, hint);
            }
            Some(first) => {
                let hint = format!(
                    "write its options as keys, such as `{}`, indented below it",
                    required.first().unwrap_or(&first.name)
                );
                self.problems.error_with_hint("wrong_type", node, message, hint);
            }
            None => self.problems.error("wrong_type", node, message),
        }
    }

    /// The defaults of all fields but one.
    pub(super) fn defaults(
        &mut self,
        fields: &'static [Field],
        but: &str,
        node: &Node,
    ) -> Option<Map<String, Value>> {
        let others = fields
            .iter()
            .filter(|field| field.name != but && !field.default.is_empty());
        others
            .map(|field| Some((field.name.to_owned(), self.default(field, node)?)))
            .collect()
    }

    /// A default is written as YAML and checked like everything else; a wrong one is the program's own fault.
    fn default(&mut self, field: &Field, node: &Node) -> Option<Value> {
        let value = yaml::value(field.default)
            .and_then(|default| self.value(&field.value, &default, &format!("`{}`", field.name)));
        if value.is_none() {
            let message = format!(
                "the built-in default `{}` of `{}` is wrong",
                field.default, field.name
            );
            self.problems.error("invalid_default", node, message);
        }
        value
    }
}

/// The variables among some keys that hold what others say.
fn foreign_variables(fields: &[Field], sorted: &Sorted<'_>) -> BTreeSet<String> {
    let is_environment = |field: &&Field| matches!(field.value, ValueType::Environment);
    let nodes = fields
        .iter()
        .filter(is_environment)
        .filter_map(|field| sorted.value(field.name));
    let entries = nodes.flat_map(|node| node.entries().unwrap_or_default());
    let foreign = entries.filter(|entry| entry.value.text().is_some_and(is_foreign));
    foreign.map(|entry| entry.name().to_owned()).collect()
}

/// The problem is in the list already.
struct Reported;
