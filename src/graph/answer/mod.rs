//! Answers questions from the graph.
//!
//! `@required` drops the object that has the field, and with it the object around that, up to the root object; a list
//! only loses the element, and is dropped when nothing is left of it. Without `@required` a filter that matches nothing
//! leaves `null` or an empty list. Every field that was asked for is in the answer: clients take an answer that lacks one
//! for empty (wire protocol 9, 10.1).

mod ahead;
mod budget;
mod pages;
mod paging;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

use super::introspection::{self, Introspection};
use super::question::{Question, Selection};
use super::schema::{FieldDefinition, Holds, Schema, TypeDefinition};
use crate::ports::graph::{Find, GraphError, GraphReader, Node, Pointing};
pub use ahead::Ahead;
use budget::Budget;
use pages::Asked;
pub use paging::{check, find_of};

/// Nodes of each object that are asked for ahead behind a field that others point with.
const AHEAD: u32 = 1_000;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// More nodes than one answer may take.
    #[error("the answer takes more than {0} objects; ask for fewer")]
    TooLarge(u32),
    /// More has to be looked at than for one question.
    #[error(
        "the question has to look at more than {most} objects, the last of them of type `{kind}`, and that is the limit of one question; \
         ask by `id`, `name`, `sha` or another field that has an index, in the order of `timestamp` or in none, or for less at once"
    )]
    TooMuch {
        /// The type at which it was enough.
        kind: String,
        /// The limit.
        most: u64,
    },
    /// An argument that makes no sense.
    #[error("`{argument}` of `{field}`: {because}")]
    Argument {
        /// The field.
        field: String,
        /// Its argument.
        argument: String,
        /// What is wrong.
        because: String,
    },
}

/// Who may see which nodes; asked for every node of every answer.
#[async_trait]
pub trait Sight: Send + Sync {
    /// Whether this node may be seen. One that may not is as if it were not there.
    async fn sees(&self, node: &Node) -> Result<bool, GraphError>;

    /// Whether nothing is hidden, so that nobody has to look.
    fn sees_everything(&self) -> bool {
        false
    }

    /// Whether addresses of people are shown who are reached through an object of this type; through none, who are asked for by
    /// name.
    fn shows_addresses(&self, through: Option<&str>) -> bool {
        self.sees_everything() || through == Some("Commit")
    }
}

/// Sees everything; for the hub's own purposes.
pub struct Everything;

#[async_trait]
impl Sight for Everything {
    async fn sees(&self, _node: &Node) -> Result<bool, GraphError> {
        Ok(true)
    }

    fn sees_everything(&self) -> bool {
        true
    }
}

/// Answers one question.
pub struct Answering<'a> {
    schema: &'a Schema,
    graph: Ahead<'a>,
    sight: &'a dyn Sight,
    budget: Budget,
    /// The types, once somebody has asked for them.
    introspection: OnceLock<Introspection>,
}

impl<'a> Answering<'a> {
    /// An answer from this graph, of what can be seen.
    pub fn new(schema: &'a Schema, graph: &'a dyn GraphReader, sight: &'a dyn Sight) -> Self {
        Self {
            schema,
            graph: Ahead::of(graph),
            sight,
            budget: Budget::default(),
            introspection: OnceLock::new(),
        }
    }

    /// The data of a query: a list for each root field.
    ///
    /// # Errors
    /// The graph cannot be read, or the answer is too large.
    pub async fn query(&self, question: &Question) -> Result<Map<String, Value>, AnswerError> {
        let mut data = Map::new();
        for root in &question.roots {
            if let Some(kind) = self.schema.root(&root.name) {
                check(self.schema, kind, root)?;
            }
        }
        for root in &question.roots {
            data.insert(root.key.clone(), self.root(root).await?);
        }
        Ok(data)
    }

    async fn root(&self, root: &Selection) -> Result<Value, AnswerError> {
        if introspection::root(&root.name).is_some() {
            let types = self.introspection.get_or_init(|| Introspection::of(self.schema));
            return types.answer(root);
        }
        let Some(kind) = self.schema.root(&root.name) else {
            return Ok(Value::from("Query"));
        };
        let asked = Asked {
            kind,
            through: None,
            selection: root,
        };
        let found = self.found(asked, find_of(self.schema, kind, root)?).await?;
        Ok(Value::Array(found))
    }

    /// Whether a node may be seen that is reached through an object of a type. Somebody of whom nothing but an address is known is
    /// that address.
    async fn sees(&self, node: &Node, through: Option<&str>) -> Result<bool, AnswerError> {
        let is_address = node.kind == "ScmId" && node.id().contains("/mail/");
        Ok((!is_address || self.sight.shows_addresses(through)) && self.sight.sees(node).await?)
    }

    /// What a subscription says of a node that has changed: `None` when it does not match.
    ///
    /// # Errors
    /// The graph cannot be read, or the answer is too large.
    pub async fn changed(&self, root: &Selection, node: &Arc<Node>) -> Result<Option<Value>, AnswerError> {
        let Some(kind) = self.schema.root(&root.name).filter(|kind| kind.name == node.kind) else {
            return Ok(None);
        };
        let find = find_of(self.schema, kind, root)?;
        match find.filters.iter().all(|filter| filter.holds(&node.body)) {
            true => {
                let nodes = std::slice::from_ref(node);
                self.graph.fetch(self.schema, (kind, nodes), &root.fields).await?;
                Ok(self.node((kind, None), node, &root.fields).await?.object())
            }
            false => Ok(None),
        }
    }

    /// A node with what is asked of it.
    async fn node(
        &self,
        (kind, through): (&TypeDefinition, Option<&str>),
        node: &Arc<Node>,
        fields: &[Selection],
    ) -> Result<Found, AnswerError> {
        self.budget.take()?;
        if !self.sees(node, through).await? {
            return Ok(Found::Unseen);
        }
        let mut object = Map::new();
        for selection in fields {
            let value = match kind.field(&selection.name) {
                None => Some(Value::from(kind.name.as_str())),
                Some(field) => match linked_kind(field) {
                    Some(_) => Box::pin(self.linked(field, node, selection)).await?,
                    None => {
                        let shown = !field.is_private || self.sight.shows_addresses(through);
                        let value = node.body.get(&field.name).filter(|_| shown);
                        self.own(field, value, selection)
                    }
                },
            };
            match keep(selection, value) {
                Some(value) => object.insert(selection.key.clone(), value),
                None => return Ok(Found::Dropped),
            };
        }
        Ok(Found::Object(Value::Object(object)))
    }

    /// The nodes behind a field: a list, one object, or `None` when a requirement within is not met.
    async fn linked(
        &self,
        field: &FieldDefinition,
        node: &Node,
        selection: &Selection,
    ) -> Result<Option<Value>, AnswerError> {
        let Some(kind) = linked_kind(field).and_then(|name| self.schema.type_named(name)) else {
            return Ok(Some(Value::Null));
        };
        let mut find = Find {
            history: false,
            ..paging::search_of(self.schema, kind, selection)?
        };
        let asked = Asked {
            kind,
            through: Some(&node.kind),
            selection,
        };
        if !field.is_list {
            // Who is dropped takes the parent along, and so is not passed over.
            return self.one_behind(field, asked, node, &find).await;
        }
        let objects = match self.known_behind(field, kind, node).await? {
            Some(nodes) => self.page_of(asked, &find, nodes).await?,
            None => {
                find.pointing = pointing(field, node);
                self.found(asked, find).await?
            }
        };
        Ok(Some(Value::Array(objects)))
    }

    /// The first of the nodes behind a field that holds one.
    async fn one_behind(
        &self,
        field: &FieldDefinition,
        asked: Asked<'_>,
        node: &Node,
        find: &Find,
    ) -> Result<Option<Value>, AnswerError> {
        let nodes = match self.known_behind(field, asked.kind, node).await? {
            Some(nodes) => nodes,
            None => {
                let first = Find {
                    pointing: pointing(field, node),
                    first: 1,
                    ..find.clone()
                };
                self.graph.find(&first).await?
            }
        };
        let is_meant = |node: &&Arc<Node>| find.filters.iter().all(|filter| filter.holds(&node.body));
        match nodes.iter().find(is_meant) {
            None => Ok(Some(Value::Null)),
            Some(first) => {
                let kind = (asked.kind, asked.through);
                Ok(self.node(kind, first, &asked.selection.fields).await?.or_null())
            }
        }
    }

    /// All nodes behind a field, as far as they are known without a search.
    async fn known_behind(
        &self,
        field: &FieldDefinition,
        kind: &TypeDefinition,
        node: &Node,
    ) -> Result<Option<Vec<Arc<Node>>>, AnswerError> {
        match &field.holds {
            Holds::Reverse { field, .. } => Ok(self.graph.pointing_at(&kind.name, field, &node.keys)),
            Holds::Link(_) => match node.links.get(&field.name) {
                Some(keys) => Ok(Some(self.graph.nodes(&kind.name, keys).await?)),
                None => Ok(Some(Vec::new())),
            },
            Holds::Scalar(_) | Holds::Embedded(_) => Ok(Some(Vec::new())),
        }
    }

    /// A field of the object's own, with what is asked of the objects within.
    fn own(&self, field: &FieldDefinition, value: Option<&Value>, selection: &Selection) -> Option<Value> {
        let absent = if field.is_list && matches!(field.holds, Holds::Embedded(_)) {
            Value::Array(Vec::new())
        } else {
            Value::Null
        };
        let value = value.filter(|value| !value.is_null()).cloned().unwrap_or(absent);
        let kind = field.holds.object().and_then(|name| self.schema.type_named(name));
        match (kind, value) {
            (None, value) => Some(value),
            (Some(kind), Value::Array(items)) => {
                let admitted = items.iter().filter(|item| paging::admits(kind, item, selection));
                let items = admitted.filter_map(|item| self.embedded(kind, item, selection));
                Some(Value::Array(items.collect()))
            }
            (Some(kind), value) if value.is_object() && paging::admits(kind, &value, selection) => {
                self.embedded(kind, &value, selection)
            }
            (Some(_), _) => Some(Value::Null),
        }
    }

    /// An object within another; `None` when a requirement in it is not met.
    fn embedded(&self, kind: &TypeDefinition, value: &Value, selection: &Selection) -> Option<Value> {
        let mut object = Map::new();
        for asked in &selection.fields {
            let found = match kind.field(&asked.name) {
                None => Some(Value::from(kind.name.as_str())),
                Some(field) => self.own(field, value.get(&field.name), asked),
            };
            object.insert(asked.key.clone(), keep(asked, found)?);
        }
        Some(Value::Object(object))
    }
}

/// What became of looking at a node.
enum Found {
    /// It, with what was asked of it.
    Object(Value),
    /// A requirement in it is not met.
    Dropped,
    /// It may not be seen.
    Unseen,
}

impl Found {
    /// The object, when there is one.
    fn object(self) -> Option<Value> {
        match self {
            Self::Object(value) => Some(value),
            Self::Dropped | Self::Unseen => None,
        }
    }

    /// As the value of a field: what may not be seen is not there, what is dropped takes its parent along.
    fn or_null(self) -> Option<Value> {
        match self {
            Self::Object(value) => Some(value),
            Self::Unseen => Some(Value::Null),
            Self::Dropped => None,
        }
    }
}

/// Those that point at a node with the field behind another.
fn pointing(field: &FieldDefinition, node: &Node) -> Option<Pointing> {
    match &field.holds {
        Holds::Reverse { field, .. } => Some(Pointing {
            field: field.clone(),
            keys: node.keys.clone(),
        }),
        Holds::Link(_) | Holds::Scalar(_) | Holds::Embedded(_) => None,
    }
}

fn linked_kind(field: &FieldDefinition) -> Option<&str> {
    match &field.holds {
        Holds::Link(kind) | Holds::Reverse { of: kind, .. } => Some(kind),
        Holds::Scalar(_) | Holds::Embedded(_) => None,
    }
}

/// The value of a field as it goes into its object; `None` drops the object.
fn keep(selection: &Selection, value: Option<Value>) -> Option<Value> {
    let value = value?;
    let meets = selection
        .conditions
        .iter()
        .all(|condition| condition.holds(&value));
    let value = if meets { value } else { Value::Null };
    let is_missing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    (!(selection.required && is_missing)).then_some(value)
}
