//! Commands that somebody asks for on a page.

use std::sync::Arc;

use serde_json::Value;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::deciding::Deciding;
use super::super::access::operations::Operation;
use super::super::goals::known::{NOT_PLAIN, is_plain_id};
use super::super::refusal::Refusal;
use super::{Automation, Request, hidden};
use crate::access::Resource;
use crate::ports::graph::{Filter, Find, GraphError, GraphReader, Node};
use crate::wire::hub::{NameValue, Team};

/// Most goals of one name in a set.
const MOST_GOALS: u32 = 1_000;

/// What a machine is asked.
#[derive(Debug, Clone)]
pub(in super::super) struct Wish {
    /// The workspace.
    pub(in super::super) workspace: String,
    /// Name of the machine.
    pub(in super::super) machine: String,
    /// Name of the command.
    pub(in super::super) command: &'static str,
    /// Its parameters.
    pub(in super::super) parameters: Vec<(&'static str, Value)>,
}

impl Hub {
    /// Asks a machine for somebody; the id by which its answer is found.
    ///
    /// # Errors
    /// They may not, the machine has no such command, or the parameters do not fit.
    pub(in super::super) async fn ask_machine(
        &self,
        caller: &Caller,
        wish: &Wish,
    ) -> Result<String, Refusal> {
        caller.may(Operation::Invoke, &wish.workspace)?;
        let parameters = wish.parameters.iter().map(|(name, value)| NameValue {
            name: (*name).to_owned(),
            value: value.clone(),
        });
        let request = Request {
            command: wish.command.to_owned(),
            intent: None,
            team: Team {
                id: wish.workspace.clone(),
                name: None,
            },
            automation: Some(Automation {
                name: wish.machine.clone(),
            }),
            source: None,
            parameters: parameters.collect(),
            mapped_parameters: Vec::new(),
            raw_message: None,
        };
        let (machine, command) = self.commanded(&request).await?;
        let id = self.fresh_id();
        let base = self.own_address();
        let invocation = self.invocation(caller, (&command, &request, &base), &id).await?;
        let hidden = hidden::among(&command.parameters);
        self.let_wait(caller, (&machine, &hidden), &invocation, &id)
            .await?;
        self.note_asked(caller, &machine.stored.name, &invocation).await;
        Ok(id)
    }

    /// Whether somebody may decide what a command of ours decides: commands are no wider a way to a goal than its page (threat D5).
    ///
    /// # Errors
    /// They may not.
    pub(super) async fn may_decide_by(
        &self,
        caller: &Caller,
        (workspace, command): (&str, &str),
        parameters: &[NameValue],
    ) -> Result<(), Refusal> {
        let Some(what) = Deciding::by_command(command) else {
            return Ok(());
        };
        let (caller, operation) = (caller.deciding(what), Operation::DecideGoal);
        match self.decided_over((workspace, parameters)).await? {
            Some(resources) => caller.may_decide(operation, workspace, &resources).await,
            None => caller.may_decide_over_all(operation, workspace).await,
        }
    }

    /// The repository of what is decided over, where that is known.
    pub(in super::super) async fn first_decided_over(
        &self,
        workspace: &str,
        parameters: &[NameValue],
    ) -> Option<Resource> {
        let about = self
            .decided_over((workspace, parameters))
            .await
            .unwrap_or_default();
        let is_repository = |one: &Resource| matches!(one, Resource::Repository { .. });
        about.unwrap_or_default().into_iter().find(is_repository)
    }

    /// What is decided over by such a command: the goal that it names, or the whole set with all its environments. Without an
    /// environment that may be any goal of the name. `None` where nobody here knows all of what it is: it may be anybody's.
    async fn decided_over(
        &self,
        (workspace, parameters): (&str, &[NameValue]),
    ) -> Result<Option<Vec<Resource>>, Refusal> {
        let text = |name: &str| {
            let found = parameters.iter().find(|parameter| parameter.name == name);
            found
                .and_then(|parameter| parameter.value.as_str())
                .unwrap_or_default()
        };
        let graph = self.store().reader(workspace);
        let (goal_set, goal, environment) = (text("goal_set"), text("goal"), text("environment"));
        if !is_plain_id(goal_set) {
            return Err(Refusal::bad("invalid_parameters", NOT_PLAIN));
        }
        let found = match (goal, environment) {
            ("", _) => whole_set(&*graph, goal_set).await?,
            (goal, "") => goals_called(&*graph, goal_set, goal).await?,
            (goal, environment) => {
                let key = format!("{goal_set}/{environment}/{goal}");
                graph.nodes("SdmGoal", &[key]).await?
            }
        };
        if found.is_empty() || found.len() >= MOST_GOALS as usize {
            return Ok(None);
        }
        let mut resources = Vec::new();
        for node in &found {
            resources.extend(self.about_known(workspace, node).await?);
        }
        resources.sort();
        resources.dedup();
        Ok(Some(resources))
    }
}

/// A goal set and all that is known of its goals.
async fn whole_set(graph: &dyn GraphReader, goal_set: &str) -> Result<Vec<Arc<Node>>, GraphError> {
    let mut all = graph.nodes("SdmGoalSet", &[goal_set.to_owned()]).await?;
    all.extend(goals_where(graph, vec![is("goalSetId", goal_set)]).await?);
    Ok(all)
}

/// Goals of a set by what they are called in it, or by their name.
async fn goals_called(
    graph: &dyn GraphReader,
    goal_set: &str,
    goal: &str,
) -> Result<Vec<Arc<Node>>, GraphError> {
    let mut all = Vec::new();
    for field in ["uniqueName", "name"] {
        let filters = vec![is("goalSetId", goal_set), is(field, goal)];
        all.extend(goals_where(graph, filters).await?);
    }
    Ok(all)
}

fn is(field: &str, value: &str) -> Filter {
    Filter {
        field: field.to_owned(),
        any_of: vec![Value::from(value)],
    }
}

async fn goals_where(graph: &dyn GraphReader, filters: Vec<Filter>) -> Result<Vec<Arc<Node>>, GraphError> {
    let find = Find {
        kind: "SdmGoal".to_owned(),
        filters,
        first: MOST_GOALS,
        ..Find::default()
    };
    graph.find(&find).await
}
