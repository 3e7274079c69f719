//! Variables of an environment: `{NAME: value}`, or `[{name: NAME, value: value}]` as containers have it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::model::{Field, ValueType};

use super::super::keys::snake_case;
use super::super::yaml::{Entry, Node};
use super::Checker;

const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("value", ValueType::Text, "what it says; placeholders allowed").required(),
];

impl Checker<'_> {
    /// A list of `{name, value}`, in the order in which they are written.
    pub(super) fn variables(&mut self, node: &Node, what: &str) -> Option<Value> {
        let Some(entries) = node.entries() else {
            return self.listed_variables(node, what);
        };
        let all = self.named(entries, what)?.into_iter();
        Some(
            all.map(|(name, value)| json!({"name": name, "value": value}))
                .collect(),
        )
    }

    /// An object of names and values.
    pub(super) fn environment(&mut self, node: &Node, what: &str) -> Option<Value> {
        let Some(entries) = node.entries() else {
            self.wrong_type(node, what, "a map");
            return None;
        };
        let written = self.named(entries, what)?.into_iter();
        let all: Map<String, Value> = written
            .map(|(name, value)| (name, Value::String(value)))
            .collect();
        Some(Value::Object(all))
    }

    fn named(&mut self, entries: &[Entry], what: &str) -> Option<Vec<(String, String)>> {
        let read = |entry: &Entry| {
            let what = format!("`{}` of {what}", entry.name());
            let is_right =
                self.is_right_name(entry.name(), &entry.key) & self.is_settled(entry.name(), &entry.value);
            let value = self.text(&entry.value, &what)?;
            is_right.then(|| (entry.name().to_owned(), value))
        };
        let read: Vec<Option<(String, String)>> = entries.iter().map(read).collect();
        read.into_iter().collect()
    }

    fn listed_variables(&mut self, node: &Node, what: &str) -> Option<Value> {
        let listed = self.value(&ValueType::List(&ValueType::Fields(FIELDS)), node, what)?;
        let mut is_right = true;
        let mut seen = HashSet::new();
        for (item, read) in node.items().unwrap_or_default().iter().zip(listed.as_array()?) {
            let name = read["name"].as_str().unwrap_or_default();
            let mut entries = item.entries().into_iter().flatten();
            let value = entries.find(|entry| snake_case(entry.name()) == "value");
            is_right &= self.is_right_name(name, item) & self.is_new(seen.insert(name), name, item);
            is_right &= value.is_none_or(|value| self.is_settled(name, &value.value));
        }
        is_right.then_some(listed)
    }

    fn is_new(&mut self, is_new: bool, name: &str, at: &Node) -> bool {
        if !is_new {
            let message = format!("the variable `{name}` is set twice");
            self.problems
                .error_with_hint("duplicate_item", at, message, "keep one of them");
        }
        is_new
    }

    fn is_right_name(&mut self, name: &str, at: &Node) -> bool {
        if is_name(name) {
            return self.may_be_set(name, at);
        }
        let message = format!("`{}` is not the name of a variable", name.escape_debug());
        self.problems.error_with_hint(
            "invalid_variable",
            at,
            message,
            "write letters, digits, `_`, `.` and `-`, not beginning with a digit",
        );
        false
    }
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-@:/%".contains(c);
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(legal)
}
