//! Commands that somebody asks for on a page.

use serde_json::Value;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::goals::resources_of;
use super::super::refusal::Refusal;
use super::facts::Facts;
use super::{Automation, Request, invocation};
use crate::access::Resource;
use crate::wire::hub::{NameValue, Team, extensions};

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
        let (machine, command) = self.commanded(&request)?;
        let id = self.fresh_id();
        // Commands of ours want to know of nothing but what they are given.
        let invocation = invocation((caller, &Facts::default()), &command, &request, &id)?;
        self.let_wait(caller, &machine, &invocation, &id).await?;
        Ok(id)
    }

    /// Whether somebody may decide what a command of ours decides: commands are no wider a way to a goal than its page (threat D5).
    ///
    /// # Errors
    /// They may not.
    pub(super) async fn may_decide_by(
        &self,
        caller: &Caller,
        command: &str,
        request: &Request,
    ) -> Result<(), Refusal> {
        if !extensions::DECIDING.contains(&command) {
            return Ok(());
        }
        let text = |name: &str| {
            let found = request.parameters.iter().find(|parameter| parameter.name == name);
            found
                .and_then(|parameter| parameter.value.as_str())
                .unwrap_or_default()
        };
        let graph = self.store().reader(&request.team.id);
        let goal_set = text("goal_set");
        let found = match text("goal") {
            "" => graph.nodes("SdmGoalSet", &[goal_set.to_owned()]).await?,
            goal => {
                let key = format!("{goal_set}/{}/{goal}", text("environment"));
                graph.nodes("SdmGoal", &[key]).await?
            }
        };
        // Of what is not known here, only those decide who decide over everything.
        let resources = found
            .first()
            .map_or_else(|| vec![Resource::Workspace], |node| resources_of(node));
        caller
            .may_decide(Operation::DecideGoal, &request.team.id, &resources)
            .await
    }
}
