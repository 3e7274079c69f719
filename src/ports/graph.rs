//! The event graph as it is read: nodes, what they point at, and what points at them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

/// Something that happened or is known: a push, a commit, a goal, an object of a custom type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Its type in the schema.
    pub kind: String,
    /// What it is known by, its id first; links may name any of them.
    pub keys: Vec<String>,
    /// Its own fields.
    pub body: Map<String, Value>,
    /// Keys of the nodes that its link fields point at. A node that is not there yet may be pointed at.
    pub links: BTreeMap<String, Vec<String>>,
}

impl Node {
    /// Its id.
    pub fn id(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }
}

/// Fields that must have one of these values.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// A field of the node's own, or one within an object of its own: `at.place`; `[]` behind a name stands for any element of its
    /// list: `labels[].name`.
    pub field: String,
    /// Legal values; never empty.
    pub any_of: Vec<Value>,
}

impl Filter {
    /// Whether a node with these fields of its own is one of those that are meant.
    pub fn holds(&self, body: &Map<String, Value>) -> bool {
        let (name, rest) = step(&self.field);
        self.holds_behind(name, rest, body.get(name.trim_end_matches("[]")))
    }

    fn holds_behind(&self, name: &str, rest: Option<&str>, value: Option<&Value>) -> bool {
        let is_met = |value: Option<&Value>| match rest {
            None => self.admits(value),
            Some(rest) => {
                let (next, rest) = step(rest);
                let inner = value.and_then(|value| value.get(next.trim_end_matches("[]")));
                self.holds_behind(next, rest, inner)
            }
        };
        match name.ends_with("[]") {
            true => value
                .and_then(Value::as_array)
                .is_some_and(|items| items.iter().any(|item| is_met(Some(item)))),
            false => is_met(value),
        }
    }

    /// Whether a value is one of these. Numbers and texts that read alike are alike, because clients write either.
    pub fn admits(&self, value: Option<&Value>) -> bool {
        let value = value.unwrap_or(&Value::Null);
        self.any_of.iter().any(|wanted| is_alike(wanted, value))
    }
}

/// The first step of the way to a field, and what comes behind it.
fn step(path: &str) -> (&str, Option<&str>) {
    match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    }
}

fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            number.to_string() == *text
        }
        _ => one == other,
    }
}

/// What puts nodes in order. Those without a value come before all others; texts count with their first 200 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// A field of the node's own.
    pub field: String,
    /// Largest first.
    pub descending: bool,
    /// Whether it holds numbers.
    pub is_number: bool,
}

impl Order {
    /// How two nodes with these fields of their own stand to each other.
    pub fn compare(&self, one: &Map<String, Value>, other: &Map<String, Value>) -> Ordering {
        let (one, other) = (one.get(&self.field), other.get(&self.field));
        let ordering = match self.is_number {
            true => {
                let number = |value: Option<&Value>| value.and_then(Value::as_f64);
                number(one).partial_cmp(&number(other)).unwrap_or(Ordering::Equal)
            }
            false => text_of(one).cmp(&text_of(other)),
        };
        match self.descending {
            true => ordering.reverse(),
            false => ordering,
        }
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.chars().take(200).collect()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Nodes that point somewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointing {
    /// With this link field.
    pub field: String,
    /// At one of these keys.
    pub keys: Vec<String>,
}

/// Which nodes to find.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Find {
    /// Of this type.
    pub kind: String,
    /// Only those that point somewhere.
    pub pointing: Option<Pointing>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// What orders, the first before the others. What has the same place stands in the order of changes, in the direction of
    /// the last of these.
    pub order_by: Vec<Order>,
    /// Without `order_by` they stand in the order in which they were last changed, or in which they came if they are those that
    /// point somewhere: the latest first if this is set.
    pub descending: bool,
    /// At most so many.
    pub first: u32,
    /// Leaving out so many.
    pub offset: u32,
    /// Every version that was stored instead of the newest (wire protocol 10.1, `_showHistory`).
    pub history: bool,
}

/// A part of what a search finds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// Its nodes, in the order of the search.
    pub nodes: Vec<Arc<Node>>,
    /// Where the next part begins, for whoever asked; `None` when there is none.
    pub next: Option<i64>,
}

/// Why the graph cannot be read.
#[derive(Debug, Error)]
#[error("failed to {doing}")]
pub struct GraphError {
    /// What we were doing.
    pub doing: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The graph of one workspace at one moment.
#[async_trait]
pub trait GraphReader: Send + Sync {
    /// The nodes of a type that are known by these keys, in their order; those that are not there are left out.
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError>;

    /// The nodes of a type whose link field points at one of these keys, oldest first, at most `limit`.
    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError>;

    /// The nodes that a search finds, in its order.
    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError>;

    /// The first part of what a search finds, or the one that begins at the mark of the part before it, which is not looked for
    /// again. A part has at most `find.first` nodes; `find.offset` counts for the first.
    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError>;

    /// How many nodes or entries of an index have to be looked at for that search, as far as that is at most `most`; more than
    /// `most` if it is more.
    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(field: &str, any_of: &Value, body: &Value) -> bool {
        let filter = Filter {
            field: field.to_owned(),
            any_of: any_of.as_array().unwrap().clone(),
        };
        filter.holds(body.as_object().unwrap())
    }

    #[test]
    fn a_filter_goes_into_objects_and_lists() {
        let body = json!({
            "at": {"place": "x", "level": 3}, "labels": [{"name": "bug"}, {"name": "new"}], "tags": ["a", "b"], "number": 7
        });
        for (field, any_of) in [
            ("at.place", json!(["x"])),
            ("at.level", json!(["3"])),
            ("labels[].name", json!(["none", "new"])),
            ("tags[]", json!(["b"])),
            ("number", json!([7])),
            ("absent.place", json!([null])),
        ] {
            assert!(holds(field, &any_of, &body), "{field}");
        }
        for (field, any_of) in [
            ("at.place", json!(["y"])),
            ("labels[].name", json!(["old"])),
            ("labels.name", json!(["new"])),
            ("tags", json!(["b"])),
            ("absent[]", json!([null])),
        ] {
            assert!(!holds(field, &any_of, &body), "{field}");
        }
    }

    #[test]
    fn what_has_no_value_comes_first_and_numbers_are_no_texts() {
        let bodies = [json!({}), json!({"n": 9}), json!({"n": 10})];
        let place = |order: &Order, one: usize, other: usize| {
            order.compare(
                bodies[one].as_object().unwrap(),
                bodies[other].as_object().unwrap(),
            )
        };
        let mut order = Order {
            field: "n".to_owned(),
            descending: false,
            is_number: true,
        };
        assert_eq!(
            (place(&order, 0, 1), place(&order, 1, 2)),
            (Ordering::Less, Ordering::Less)
        );
        order.descending = true;
        assert_eq!(place(&order, 1, 2), Ordering::Greater);
        order.is_number = false;
        assert_eq!(place(&order, 1, 2), Ordering::Less, "as texts");
    }
}
