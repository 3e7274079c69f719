//! Variables of an environment: `{NAME: value}`, or `[{name: NAME, value: value}]` as containers have it.

use serde_json::{Value, json};

use crate::model::{Field, ValueType};

use super::super::yaml::Node;
use super::Checker;

const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("value", ValueType::Text, "what it says; placeholders allowed").required(),
];

impl Checker<'_> {
    /// A list of `{name, value}`, in the order in which they are written.
    pub(super) fn variables(&mut self, node: &Node, what: &str) -> Option<Value> {
        if node.entries().is_none() {
            let listed = self.value(&ValueType::List(&ValueType::Fields(FIELDS)), node, what)?;
            let names = listed
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["name"].as_str());
            let wrong: Vec<String> = names.filter(|name| !is_name(name)).map(str::to_owned).collect();
            wrong.iter().for_each(|name| self.wrong_name(name, node));
            return wrong.is_empty().then_some(listed);
        }
        let mut all = Vec::new();
        let mut is_complete = true;
        for entry in node.entries().unwrap_or_default() {
            let what = format!("`{}` of {what}", entry.name());
            if !is_name(entry.name()) {
                self.wrong_name(entry.name(), &entry.key);
                is_complete = false;
            }
            match self.text(&entry.value, &what) {
                Some(value) => all.push(json!({"name": entry.name(), "value": value})),
                None => is_complete = false,
            }
        }
        is_complete.then_some(Value::Array(all))
    }

    fn wrong_name(&mut self, name: &str, node: &Node) {
        let message = format!("`{}` is not the name of a variable", name.escape_debug());
        self.problems.error_with_hint(
            "invalid_variable",
            node,
            message,
            "write letters, digits, `_`, `.` and `-`, not beginning with a digit",
        );
    }
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(legal)
}
