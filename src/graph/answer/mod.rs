//! Answers questions from the graph.
//!
//! `@required` drops the object that has the field, and with it the object around that, up to the root object; a list
//! only loses the element, and is dropped when nothing is left of it. Without `@required` a filter that matches nothing
//! leaves `null` or an empty list. Every field that was asked for is in the answer: clients take an answer that lacks one
//! for empty (wire protocol 9, 10.1).

mod ahead;
mod budget;
mod paging;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

use super::introspection::{self, Introspection};
use super::question::{Question, Selection};
use super::schema::{FieldDefinition, Holds, Schema, TypeDefinition};
use crate::ports::graph::{Find, GraphError, GraphReader, Node};
pub use ahead::Ahead;
use budget::Budget;
pub use paging::find_of;

/// Most nodes behind one field of one node.
const MAX_LINKED: u32 = 1_000;

/// Nodes that are looked at at once for somebody who may not see all of them.
const PART: u32 = 200;

/// Most nodes that are looked at for one page of what somebody may see.
const MOST_LOOKED_AT: usize = 20_000;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// More nodes than one answer may take.
    #[error("the answer takes more than {0} objects; ask for fewer")]
    TooLarge(u32),
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
        let mut objects = Vec::new();
        let nodes = self.page(find_of(kind, root)?).await?;
        self.graph
            .fetch(self.schema, (kind, &nodes), &root.fields)
            .await?;
        for node in nodes {
            objects.extend(self.node((kind, None), &node, &root.fields).await?.object());
        }
        Ok(Value::Array(objects))
    }

    /// Whether a node may be seen that is reached through an object of a type. Somebody of whom nothing but an address is known is
    /// that address.
    async fn sees(&self, node: &Node, through: Option<&str>) -> Result<bool, AnswerError> {
        let is_address = node.kind == "ScmId" && node.id().contains("/mail/");
        Ok((!is_address || self.sight.shows_addresses(through)) && self.sight.sees(node).await?)
    }

    /// A page of what is looked for, cut from what may be seen: what is hidden takes no place in it, and nobody can tell how much
    /// that is.
    async fn page(&self, find: Find) -> Result<Vec<Arc<Node>>, AnswerError> {
        if self.sight.sees_everything() || find.first == 0 {
            return Ok(self.graph.find(&find).await?);
        }
        let (mut found, mut before) = (Vec::new(), find.offset);
        let wanted = Find {
            first: find.first.max(PART),
            offset: 0,
            ..find.clone()
        };
        let (mut from, mut looked_at) = (None, 0);
        loop {
            let part = self.graph.part(&wanted, from).await?;
            looked_at += part.nodes.len();
            for node in part.nodes {
                if !self.sees(&node, None).await? {
                    continue;
                }
                match before {
                    0 => found.push(node),
                    _ => before -= 1,
                }
                if found.len() == find.first as usize {
                    return Ok(found);
                }
            }
            from = part.next;
            if from.is_none() || looked_at >= MOST_LOOKED_AT {
                return Ok(found);
            }
        }
    }

    /// The page of what is behind a field, cut from what may be seen.
    async fn page_behind(
        &self,
        nodes: Vec<Arc<Node>>,
        (selection, through): (&Selection, &str),
    ) -> Result<Vec<Arc<Node>>, AnswerError> {
        if self.sight.sees_everything() || !paging::is_cut(selection) {
            return Ok(paging::page(nodes, selection));
        }
        let mut seen = Vec::with_capacity(nodes.len());
        for node in nodes {
            if self.sees(&node, Some(through)).await? {
                seen.push(node);
            }
        }
        Ok(paging::page(seen, selection))
    }

    /// What a subscription says of a node that has changed: `None` when it does not match.
    ///
    /// # Errors
    /// The graph cannot be read, or the answer is too large.
    pub async fn changed(&self, root: &Selection, node: &Arc<Node>) -> Result<Option<Value>, AnswerError> {
        let Some(kind) = self.schema.root(&root.name).filter(|kind| kind.name == node.kind) else {
            return Ok(None);
        };
        let find = find_of(kind, root)?;
        match find
            .filters
            .iter()
            .all(|filter| filter.admits(node.body.get(&filter.field)))
        {
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
        let filters = paging::filters(kind, selection)?;
        let nodes = self.behind(field, kind, node).await?;
        let nodes: Vec<_> = nodes
            .into_iter()
            .filter(|node| {
                filters
                    .iter()
                    .all(|filter| filter.admits(node.body.get(&filter.field)))
            })
            .collect();
        let nodes = self.page_behind(nodes, (selection, &node.kind)).await?;
        let kind = (kind, Some(node.kind.as_str()));
        if field.is_list {
            return self.list(kind, &nodes, selection).await.map(Some);
        }
        match nodes.first() {
            None => Ok(Some(Value::Null)),
            Some(first) => Ok(self.node(kind, first, &selection.fields).await?.or_null()),
        }
    }

    async fn list(
        &self,
        kind: (&TypeDefinition, Option<&str>),
        nodes: &[Arc<Node>],
        selection: &Selection,
    ) -> Result<Value, AnswerError> {
        let mut objects = Vec::new();
        for node in nodes {
            objects.extend(self.node(kind, node, &selection.fields).await?.object());
        }
        Ok(Value::Array(objects))
    }

    async fn behind(
        &self,
        field: &FieldDefinition,
        kind: &TypeDefinition,
        node: &Node,
    ) -> Result<Vec<Arc<Node>>, AnswerError> {
        match &field.holds {
            Holds::Reverse { field, .. } => Ok(self
                .graph
                .linking(&kind.name, field, &node.keys, MAX_LINKED)
                .await?),
            Holds::Link(_) => match node.links.get(&field.name) {
                Some(keys) => Ok(self.graph.nodes(&kind.name, keys).await?),
                None => Ok(Vec::new()),
            },
            Holds::Scalar(_) | Holds::Embedded(_) => Ok(Vec::new()),
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
                let admitted = items.iter().filter(|item| admits(kind, item, selection));
                let items = admitted.filter_map(|item| self.embedded(kind, item, selection));
                Some(Value::Array(items.collect()))
            }
            (Some(kind), value) if value.is_object() && admits(kind, &value, selection) => {
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

/// Whether an object within another is one of those that the arguments of its field ask for.
fn admits(kind: &TypeDefinition, value: &Value, selection: &Selection) -> bool {
    selection.arguments.iter().all(|(name, wanted)| {
        kind.field(name).is_none()
            || paging::filter_of(name, wanted).is_none_or(|filter| filter.admits(value.get(name)))
    })
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
