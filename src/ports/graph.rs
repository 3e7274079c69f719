//! The event graph as it is read: nodes, what they point at, and what points at them.

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
    /// A field of the node's own.
    pub field: String,
    /// Legal values; never empty.
    pub any_of: Vec<Value>,
}

impl Filter {
    /// Whether a value is one of these. Numbers and texts that read alike are alike, because clients write either.
    pub fn admits(&self, value: Option<&Value>) -> bool {
        let value = value.unwrap_or(&Value::Null);
        self.any_of.iter().any(|wanted| is_alike(wanted, value))
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

/// Which nodes to find.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Find {
    /// Of this type.
    pub kind: String,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The field that orders; when they were last changed, if absent.
    pub order_by: Option<String>,
    /// Largest first.
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
    /// again. A part has `find.first` nodes, or more where they are found all at once; `find.offset` counts for the first.
    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError>;
}
