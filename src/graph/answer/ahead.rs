//! Asks for what an answer will need before it is put together: once for all nodes of a level, and not once for each of them.
//!
//! The answer then reads from here and comes to the graph only for what nobody saw coming.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::AHEAD;
use super::budget::MAX_NODES;
use crate::graph::question::Selection;
use crate::graph::schema::{FieldDefinition, Holds, Schema, TypeDefinition};
use crate::ports::graph::{Find, GraphError, GraphReader, Node, Part};

/// Most keys that are asked about at once for what points at them.
const TARGETS: usize = 200;

/// What points somewhere, by the keys that it points at.
type Pointing = HashMap<String, Vec<Arc<Node>>>;

/// What was asked for ahead.
#[derive(Debug, Default)]
struct Fetched {
    /// By type and key; `None` where there is nothing.
    nodes: HashMap<String, HashMap<String, Option<Arc<Node>>>>,
    /// By type, field and the keys that are pointed at.
    linking: HashMap<(String, String), Pointing>,
    count: usize,
}

/// A graph that remembers what was asked of it, for one answer.
pub struct Ahead<'a> {
    graph: &'a dyn GraphReader,
    fetched: Mutex<Fetched>,
}

impl<'a> Ahead<'a> {
    /// Of this graph.
    pub fn of(graph: &'a dyn GraphReader) -> Self {
        Self {
            graph,
            fetched: Mutex::default(),
        }
    }

    /// All nodes of a type that point at these keys of one node, oldest first, if they were asked for ahead.
    pub(super) fn pointing_at(&self, kind: &str, field: &str, keys: &[String]) -> Option<Vec<Arc<Node>>> {
        let fetched = self.fetched();
        let of_field = fetched.linking.get(&(kind.to_owned(), field.to_owned()))?;
        of_field.get(&keys.join("\n")).cloned()
    }

    fn fetched(&self) -> MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches everything that these fields of these nodes of a type lead to, level by level, as long as an answer could hold it.
    pub(super) async fn fetch(
        &self,
        schema: &Schema,
        (kind, nodes): (&TypeDefinition, &[Arc<Node>]),
        fields: &[Selection],
    ) -> Result<(), GraphError> {
        for selection in fields {
            let field = kind.field(&selection.name);
            let Some((field, behind)) = field.and_then(|field| Some((field, linked(schema, field)?))) else {
                continue;
            };
            if self.fetched().count > MAX_NODES as usize {
                return Ok(());
            }
            let found = match &field.holds {
                Holds::Reverse { field, .. } => self.pointing(&behind.name, field, nodes).await?,
                Holds::Link(_) | Holds::Scalar(_) | Holds::Embedded(_) => {
                    self.targets(&behind.name, &field.name, nodes).await?
                }
            };
            if !found.is_empty() {
                Box::pin(self.fetch(schema, (behind, &found), &selection.fields)).await?;
            }
        }
        Ok(())
    }

    /// What a link field of nodes points at.
    async fn targets(
        &self,
        kind: &str,
        field: &str,
        nodes: &[Arc<Node>],
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let keys = nodes.iter().filter_map(|node| node.links.get(field)).flatten();
        let keys: BTreeSet<&String> = keys.collect();
        let keys: Vec<String> = keys.into_iter().take(MAX_NODES as usize).cloned().collect();
        Ok(distinct(self.nodes(kind, &keys).await?))
    }

    /// What points at nodes with a field of its own.
    async fn pointing(
        &self,
        kind: &str,
        field: &str,
        nodes: &[Arc<Node>],
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        let mut all = Vec::new();
        for parents in together(nodes) {
            let keys: Vec<String> = parents
                .iter()
                .flat_map(|node| node.keys.iter().cloned())
                .collect();
            let limit = u32::try_from(parents.len())
                .map_or(MAX_NODES, |count| count.saturating_mul(AHEAD).min(MAX_NODES));
            let found = self.graph.linking(kind, field, &keys, limit).await?;
            // What is cut off says nothing of each parent: each is searched then, as far as its page goes.
            if found.len() < limit as usize {
                self.share_out((kind, field), parents, &found);
                all.extend(found);
            }
        }
        Ok(distinct(all))
    }

    /// Notes for each parent which of these point at it, in their order.
    fn share_out(&self, (kind, field): (&str, &str), parents: &[Arc<Node>], found: &[Arc<Node>]) {
        let mut of_key: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, parent) in parents.iter().enumerate() {
            for key in &parent.keys {
                of_key.entry(key).or_default().push(number);
            }
        }
        let mut shares: Vec<Vec<Arc<Node>>> = vec![Vec::new(); parents.len()];
        for node in found {
            let targets = node.links.get(field).into_iter().flatten();
            let numbers: BTreeSet<usize> = targets
                .filter_map(|target| of_key.get(target.as_str()))
                .flatten()
                .copied()
                .collect();
            for number in numbers {
                shares[number].push(Arc::clone(node));
            }
        }
        let mut fetched = self.fetched();
        fetched.count += found.len();
        let of_field = fetched
            .linking
            .entry((kind.to_owned(), field.to_owned()))
            .or_default();
        for (parent, share) in parents.iter().zip(shares) {
            of_field.insert(parent.keys.join("\n"), share);
        }
    }
}

#[async_trait]
impl GraphReader for Ahead<'_> {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        let unknown: Vec<String> = {
            let fetched = self.fetched();
            let of_kind = fetched.nodes.get(kind);
            let is_known = |key: &&String| of_kind.is_some_and(|of_kind| of_kind.contains_key(*key));
            keys.iter().filter(|key| !is_known(key)).cloned().collect()
        };
        let told = match unknown.is_empty() {
            true => Vec::new(),
            false => self.graph.nodes(kind, &unknown).await?,
        };
        let mut fetched = self.fetched();
        fetched.count += told.len();
        let of_kind = fetched.nodes.entry(kind.to_owned()).or_default();
        for key in unknown {
            let own = told.iter().find(|node| node.id() == key);
            let named = || told.iter().find(|node| node.keys.contains(&key));
            let node = own.or_else(named).cloned();
            of_kind.insert(key, node);
        }
        let found = keys.iter().filter_map(|key| of_kind.get(key)?.clone());
        Ok(found.collect())
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        match self.pointing_at(kind, field, keys) {
            Some(mut known) => {
                known.truncate(limit as usize);
                Ok(known)
            }
            None => self.graph.linking(kind, field, keys, limit).await,
        }
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        self.graph.find(find).await
    }

    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError> {
        self.graph.part(find, from).await
    }

    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError> {
        self.graph.weight(find, most).await
    }
}

/// The type of the nodes behind a field that leads to others.
fn linked<'s>(schema: &'s Schema, field: &FieldDefinition) -> Option<&'s TypeDefinition> {
    schema.type_named(super::linked_kind(field)?)
}

/// Each node once.
fn distinct(mut nodes: Vec<Arc<Node>>) -> Vec<Arc<Node>> {
    let mut seen = HashSet::new();
    nodes.retain(|node| seen.insert(node.id().to_owned()));
    nodes
}

/// Nodes in groups that have few keys together.
fn together(nodes: &[Arc<Node>]) -> impl Iterator<Item = &[Arc<Node>]> {
    let mut left = nodes;
    std::iter::from_fn(move || {
        let mut keys = 0;
        let fits = left.iter().take_while(|node| {
            keys += node.keys.len();
            keys <= TARGETS
        });
        let (group, rest) = left.split_at(fits.count().max(1).min(left.len()));
        left = rest;
        (!group.is_empty()).then_some(group)
    })
}
