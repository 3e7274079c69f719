//! Somebody who looks at a workspace. What pages show they ask of the graph in its own language and with the rights of whoever
//! looks, as every other client does: what may not be seen is not there, counts included.

use std::sync::Arc;

use axum::http::HeaderMap;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::deciding::Deciding;
use super::super::access::operations::Operation;
use super::super::people::guard::FIELD;
use super::super::refusal::Refusal;
use super::layout::{Frame, HubTab, Tab};
use super::operations::Page;
use crate::graph::answer::{AnswerError, Answering, Sight};
use crate::graph::{Question, Schema};
use crate::ports::graph::{GraphReader, Node};

/// Somebody who looks, and where.
pub(super) struct Look {
    pub(super) hub: Hub,
    pub(super) caller: Caller,
    pub(super) workspace: String,
    /// Workspaces that they may look at.
    workspaces: Vec<String>,
}

/// The workspaces of whoever looks: those of a key, and of somebody in a browser all that there are.
///
/// # Errors
/// The memory.
async fn workspaces_of(hub: &Hub, caller: &Caller) -> Result<Vec<String>, Refusal> {
    if let Ok(key) = caller.key() {
        return Ok(key.workspaces.clone());
    }
    let mut workspaces = hub.workspaces_that_changed().await?;
    let machines = hub.known().machines();
    workspaces.extend(machines.workspace_ids().map(str::to_owned));
    Ok(workspaces.into_iter().collect())
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
        Self::at_all(hub, headers).await?.may(workspace, page)
    }

    /// Whoever sent these headers, if they may decide about any goal of the workspace.
    ///
    /// # Errors
    /// Nobody is signed in, or they may not.
    pub(super) async fn deciding(
        hub: &Hub,
        headers: &HeaderMap,
        workspace: &str,
        what: Deciding,
    ) -> Result<Self, Refusal> {
        let mut look = Self::at_all(hub, headers).await?;
        look.caller = look.caller.deciding(what);
        look.may(workspace, Page::DecideGoal)
    }

    fn may(self, workspace: &str, page: Page) -> Result<Self, Refusal> {
        let look = self;
        let operation = Operation::Page(page);
        // A key of a person stands for the person, whom only the workspace is asked about.
        let is_by_key = page.row().person && !look.caller.is_in_browser();
        match page.is_filtered() && !is_by_key {
            true => look.caller.may_somewhere(operation, workspace)?,
            false => look.caller.may(operation, workspace)?,
        }
        Ok(Self {
            workspace: workspace.to_owned(),
            ..look
        })
    }

    /// Whoever sent these headers, if they may do this that is about no workspace.
    ///
    /// # Errors
    /// Nobody is signed in, or they may not.
    pub(super) async fn at_hub(hub: &Hub, headers: &HeaderMap, page: Page) -> Result<Self, Refusal> {
        let look = Self::at_all(hub, headers).await?;
        look.caller.may_at_hub(Operation::Page(page))?;
        Ok(look)
    }

    /// Whoever sent these headers.
    ///
    /// # Errors
    /// Nobody is signed in.
    pub(super) async fn at_all(hub: &Hub, headers: &HeaderMap) -> Result<Self, Refusal> {
        let caller = hub.caller(headers).await?;
        let workspaces = workspaces_of(hub, &caller).await?;
        Ok(Self {
            hub: hub.clone(),
            workspace: workspaces.first().cloned().unwrap_or_default(),
            caller,
            workspaces,
        })
    }

    /// Whether something else may be done in the workspace; nothing is written down of that it was asked.
    pub(super) fn could(&self, page: Page) -> bool {
        self.caller.could(Operation::Page(page), &self.workspace)
    }

    /// The same of what is about no workspace.
    pub(super) fn could_at_hub(&self, page: Page) -> bool {
        self.caller.could_at_hub(Operation::Page(page))
    }

    /// Workspaces that they may look at.
    pub(super) fn workspaces(&self) -> &[String] {
        &self.workspaces
    }

    /// The frame of a page.
    pub(super) fn frame(&self, tab: Option<Tab>) -> Frame {
        let others = self.workspaces.iter().filter(|other| **other != self.workspace);
        Frame {
            workspace: self.workspace.clone(),
            others: others.cloned().collect(),
            who: self.caller.name().to_owned(),
            sign_out: self.caller.anti_forgery().map(|_| self.token()),
            tab,
            hub_tabs: HubTab::of(self),
            hub_tab: None,
        }
    }

    /// What a form carries that changes something or asks for much.
    pub(super) fn token(&self) -> Markup {
        html! {
            @if let Some(token) = self.caller.anti_forgery() { input type="hidden" name=(FIELD) value=(token); }
        }
    }

    /// The types of the workspace, as far as whoever looks may see anything of them.
    pub(super) fn schema(&self) -> Arc<Schema> {
        let schema = self.hub.known().schema(&self.workspace);
        self.caller.types_seen(Operation::Query, schema)
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
        error @ (AnswerError::TooLarge(_) | AnswerError::TooMuch { .. } | AnswerError::Argument { .. }) => {
            Refusal::too_large(error.to_string())
        }
    }
}
