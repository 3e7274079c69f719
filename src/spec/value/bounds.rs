//! What a field refuses of what its type takes: nothing where something is meant, and amounts that make no sense.

use serde_json::Value;

use crate::model::descriptor::Bounds;
use crate::model::{Field, ValueType};

use super::super::problems::shorten;
use super::super::yaml::Node;
use super::Checker;
use super::duration::shown_duration;
use super::size::shown_size;

impl Checker<'_> {
    /// Whether a value that its type takes is one for the field.
    pub(super) fn is_within(&mut self, field: &Field, node: &Node, value: &Value) -> bool {
        match field.bounds {
            Bounds::Any => true,
            Bounds::NotEmpty => self.is_not_empty(field, node, value),
            Bounds::Within { least, most } => {
                let amount = value.as_u64().unwrap_or_default();
                self.is_an_amount(field, node, amount, (least, most))
            }
        }
    }

    fn is_not_empty(&mut self, field: &Field, node: &Node, value: &Value) -> bool {
        let is_empty = match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            other => is_blank(other),
        };
        if is_empty {
            let message = format!("`{}` is empty", field.name);
            let hint = match field.required {
                true => format!("write something: {}", field.help),
                false => format!("write something, or remove the key: {}", field.help),
            };
            self.problems.error_with_hint("empty_value", node, message, hint);
            return false;
        }
        match value {
            Value::Array(items) => self.are_different(field, node, items),
            _ => true,
        }
    }

    /// Whether the items of a list say something, each something else.
    fn are_different(&mut self, field: &Field, node: &Node, items: &[Value]) -> bool {
        let mut all = true;
        for (index, item) in items.iter().enumerate() {
            let at = node
                .items()
                .and_then(|items| items.get(index))
                .map_or(node, |at| at);
            let (code, message) = if is_blank(item) {
                ("empty_value", format!("an item of `{}` is empty", field.name))
            } else if items[..index].contains(item) {
                let shown = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                let message = format!("`{}` stands twice in `{}`", shorten(&shown, 60), field.name);
                ("duplicate_item", message)
            } else {
                continue;
            };
            all = false;
            self.problems
                .error_with_hint(code, at, message, "remove it, or write another");
        }
        all
    }

    fn is_an_amount(&mut self, field: &Field, node: &Node, amount: u64, (least, most): (u64, u64)) -> bool {
        if (least..=most).contains(&amount) {
            return true;
        }
        let shown = |amount: u64| match field.value {
            ValueType::Size => shown_size(amount),
            _ => shown_duration(amount),
        };
        let message = match amount < least {
            true if amount == 0 => format!("`{}` is nothing at all", field.name),
            true => format!("`{}` is less than {}", field.name, shown(least)),
            false => format!("`{}` is more than {}", field.name, shown(most)),
        };
        let hint = match amount < least {
            true if amount == 0 => format!("write an amount, or remove the key: {}", field.help),
            true => format!("write at least {}: {}", shown(least), field.help),
            false => format!("write at most {}: {}", shown(most), field.help),
        };
        self.problems.error_with_hint("out_of_range", node, message, hint);
        false
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}
