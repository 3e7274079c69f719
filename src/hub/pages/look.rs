//! Somebody who looks at a workspace. What pages show they ask of the graph in its own language and with the rights of whoever
//! looks, as every other client does: what may not be seen is not there, counts included.

use std::sync::Arc;

use axum::http::HeaderMap;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::people::guard;
use super::super::refusal::Refusal;
use super::layout::{Frame, Tab};
use super::operations::Page;
use crate::graph::answer::{AnswerError, Answering, Sight};
use crate::graph::{Question, Schema};
use crate::ports::graph::{GraphReader, Node};

/// Somebody who looks, and where.
pub(super) struct Look {
    pub(super) hub: Hub,
    pub(super) caller: Caller,
    pub(super) workspace: String,
    /// Other workspaces that they may look at.
    others: Vec<String>,
}

/// The workspaces of whoever looks.
///
/// # Errors
/// The memory.
pub(super) async fn workspaces_of(hub: &Hub, caller: &Caller) -> Result<Vec<String>, Refusal> {
    match caller.key() {
        Ok(key) => Ok(key.workspaces.clone()),
        // People are of the hub, and so of each of its workspaces.
        Err(_) => Ok(hub.store().workspaces().await?),
    }
}

impl Look {
    /// Whoever sent these headers, if they may look at such a page of the workspace at all.
    ///
    /// # Errors
    /// Nobody is signed in, or they may not.
    pub(super) async fn open(
        hub: &Hub,
        headers: &HeaderMap,
        workspace: &str,
        page: Page,
    ) -> Result<Self, Refusal> {
        let caller = hub.caller(headers).await?;
        match page.row().person {
            true => caller.may(Operation::Page(page), workspace)?,
            // Where, what is shown is filtered by.
            false => caller.may_somewhere(Operation::Page(page), workspace)?,
        }
        let mut others = workspaces_of(hub, &caller).await?;
        others.retain(|other| other != workspace);
        Ok(Self {
            others,
            hub: hub.clone(),
            caller,
            workspace: workspace.to_owned(),
        })
    }

    /// The frame of a page.
    pub(super) fn frame(&self, tab: Option<Tab>) -> Frame {
        Frame {
            workspace: self.workspace.clone(),
            others: self.others.clone(),
            who: self.caller.name().to_owned(),
            tab,
        }
    }

    /// What a form carries that changes something or asks for much.
    pub(super) fn token(&self) -> Markup {
        html! {
            @if let Some(token) = self.caller.anti_forgery() {
                input type="hidden" name=(guard::FIELD) value=(token);
            }
        }
    }

    /// The types of the workspace.
    pub(super) fn schema(&self) -> Arc<Schema> {
        self.hub.known().schema(&self.workspace)
    }

    /// The graph.
    pub(super) fn graph(&self) -> Box<dyn GraphReader> {
        self.hub.store().reader(&self.workspace)
    }

    /// What whoever looks sees of it.
    pub(super) fn sight<'a>(&self, graph: &'a dyn GraphReader) -> Box<dyn Sight + 'a> {
        self.caller.sight(Operation::Query, graph)
    }

    /// The answer to a question of ours.
    ///
    /// # Errors
    /// The graph cannot be read, or the answer is too large.
    pub(super) async fn ask(&self, question: &str, variables: &Map<String, Value>) -> Result<Value, Refusal> {
        let schema = self.schema();
        let question = read(&schema, question, variables)?;
        let graph = self.graph();
        let sight = self.sight(&*graph);
        let answered = Answering::new(&schema, &*graph, &*sight).query(&question).await;
        answered.map(Value::Object).map_err(unanswered)
    }

    /// What a question of ours with one root says of a node; `None` when it may not be seen.
    ///
    /// # Errors
    /// The graph cannot be read, or the answer is too large.
    pub(super) async fn ask_of(&self, question: &str, node: &Arc<Node>) -> Result<Option<Value>, Refusal> {
        let schema = self.schema();
        let question = read(&schema, question, &Map::new())?;
        let graph = self.graph();
        let sight = self.sight(&*graph);
        let Some(root) = question.roots.first() else {
            return Ok(None);
        };
        let answering = Answering::new(&schema, &*graph, &*sight);
        answering.changed(root, node).await.map_err(unanswered)
    }
}

fn read(schema: &Schema, question: &str, variables: &Map<String, Value>) -> Result<Question, Refusal> {
    // Only a custom type that takes something away could spoil one of our questions, and none can.
    Question::read(schema, question, None, variables).map_err(|error| {
        tracing::error!("a question of a page does not fit the graph: {error}");
        Refusal::busy("the page cannot be shown", 60)
    })
}

fn unanswered(error: AnswerError) -> Refusal {
    match error {
        AnswerError::Graph(error) => error.into(),
        error @ (AnswerError::TooLarge(_) | AnswerError::Argument { .. }) => {
            Refusal::too_large(error.to_string())
        }
    }
}
