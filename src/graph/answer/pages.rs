//! Pages of objects. What may not be seen, and what is dropped because a requirement in it is not met, takes no place in a page: nodes
//! are looked at in parts until the page is full, there are no more, or the question has had its share ([`super::budget`]).

use std::sync::Arc;

use serde_json::Value;

use super::{AnswerError, Answering};
use crate::graph::question::Selection;
use crate::graph::schema::TypeDefinition;
use crate::ports::graph::{Find, GraphReader as _, Node};

/// Nodes of the first part that is looked at; each next one has more.
const PART: u32 = 200;
/// Nodes of a part at most.
const MAX_PART: u32 = 5_000;

/// Objects of a type behind a field, and the type through which they are reached.
#[derive(Clone, Copy)]
pub(super) struct Asked<'q> {
    pub(super) kind: &'q TypeDefinition,
    pub(super) through: Option<&'q str>,
    pub(super) selection: &'q Selection,
}

/// A page while it is filled.
struct Page {
    /// Objects that come before it.
    before: u32,
    first: u32,
    objects: Vec<Value>,
}

impl Page {
    fn of(find: &Find) -> Self {
        Self {
            before: find.offset,
            first: find.first,
            objects: Vec::new(),
        }
    }

    fn left(&self) -> usize {
        (self.first as usize).saturating_sub(self.objects.len())
    }

    fn add(&mut self, object: Value) {
        match self.before {
            0 => self.objects.push(object),
            _ => self.before -= 1,
        }
    }
}

/// Whether objects may be dropped because of what these fields hold.
fn drops(fields: &[Selection]) -> bool {
    fields.iter().any(|field| field.required || drops(&field.fields))
}

impl Answering<'_> {
    /// The page of what a search finds.
    pub(super) async fn found(&self, asked: Asked<'_>, find: Find) -> Result<Vec<Value>, AnswerError> {
        let mut page = Page::of(&find);
        if page.left() == 0 {
            return Ok(Vec::new());
        }
        let kind = &asked.kind.name;
        let weight = self.graph.weight(&find, self.budget.left()).await?;
        self.budget.look_at(kind, weight)?;
        let is_whole = self.sight.sees_everything() && !drops(&asked.selection.fields);
        if is_whole {
            page.before = 0;
            let nodes = self.graph.find(&find).await?;
            self.fill(asked, &nodes, &mut page).await?;
            return Ok(page.objects);
        }
        let mut wanted = Find {
            first: PART,
            offset: 0,
            ..find
        };
        let mut from = None;
        loop {
            let part = self.graph.part(&wanted, from).await?;
            self.budget.bring(kind, part.nodes.len())?;
            self.fill(asked, &part.nodes, &mut page).await?;
            from = part.next;
            if page.left() == 0 || from.is_none() {
                return Ok(page.objects);
            }
            wanted.first = wanted.first.saturating_mul(4).min(MAX_PART);
        }
    }

    /// The page of these nodes, which are all that there are.
    pub(super) async fn page_of(
        &self,
        asked: Asked<'_>,
        find: &Find,
        mut nodes: Vec<Arc<Node>>,
    ) -> Result<Vec<Value>, AnswerError> {
        nodes.retain(|node| find.filters.iter().all(|filter| filter.holds(&node.body)));
        if !find.order_by.is_empty() {
            nodes.sort_by(|one, other| {
                let orders = find.order_by.iter();
                let mut orders = orders.map(|order| order.compare(&one.body, &other.body));
                orders
                    .find(|order| order.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        let mut page = Page::of(find);
        for node in self.chosen(asked, &nodes, &mut page).await? {
            self.put(asked, &node, &mut page).await?;
        }
        Ok(page.objects)
    }

    /// Fills a page with what of these nodes is for it, what they lead to fetched ahead.
    async fn fill(&self, asked: Asked<'_>, nodes: &[Arc<Node>], page: &mut Page) -> Result<(), AnswerError> {
        let chosen = self.chosen(asked, nodes, page).await?;
        let Asked { kind, selection, .. } = asked;
        self.graph
            .fetch(self.schema, (kind, &chosen), &selection.fields)
            .await?;
        for node in chosen {
            self.put(asked, &node, page).await?;
        }
        Ok(())
    }

    /// What of these nodes may come into the page, or before it where only its object shows whether it counts.
    async fn chosen(
        &self,
        asked: Asked<'_>,
        nodes: &[Arc<Node>],
        page: &mut Page,
    ) -> Result<Vec<Arc<Node>>, AnswerError> {
        let counts_only_whole = drops(&asked.selection.fields);
        let mut chosen = Vec::new();
        for node in nodes {
            if !counts_only_whole && chosen.len() >= page.left() {
                break;
            }
            if !self.sees(node, asked.through).await? {
                continue;
            }
            match page.before {
                1.. if !counts_only_whole => page.before -= 1,
                _ => chosen.push(Arc::clone(node)),
            }
        }
        Ok(chosen)
    }

    async fn put(&self, asked: Asked<'_>, node: &Arc<Node>, page: &mut Page) -> Result<(), AnswerError> {
        if page.left() == 0 {
            return Ok(());
        }
        let kind = (asked.kind, asked.through);
        let found = Box::pin(self.node(kind, node, &asked.selection.fields)).await?;
        if let Some(object) = found.object() {
            page.add(object);
        }
        Ok(())
    }
}
