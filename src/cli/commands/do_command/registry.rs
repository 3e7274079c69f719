//! The commands there are: those of the daemon, or of the goal files when none runs.

use super::super::super::client::{ClientError, ControlClient};
use super::super::super::context::Context;
use super::super::super::doors;
use super::super::super::error::CommandError;
use crate::engine::commands::registry::Called;
use crate::model::Intent;
use crate::wire::commands::CommandView;
use crate::wire::control::{Reply, Request};
use crate::wire::views::StatusView;

/// Commands, and the daemon that has them.
pub(in crate::cli::commands) struct Registry {
    pub(in crate::cli::commands) commands: Vec<CommandView>,
    pub(super) daemon: Option<(ControlClient, StatusView)>,
}

impl Registry {
    /// Asks the daemon; without one reads the goal files, and without those there are no commands.
    ///
    /// # Errors
    /// A daemon that answers otherwise than with its commands.
    pub(in crate::cli::commands) fn look(context: &Context) -> Result<Self, CommandError> {
        let client = context.client()?;
        let status = match context.ui.while_waiting("asking the daemon", || client.status()) {
            Ok(status) => status,
            Err(ClientError::NoDaemon { .. } | ClientError::Stale { .. }) => {
                return Ok(Self::of_files(context));
            }
            Err(error) => return Err(error.into()),
        };
        let replies = context.ask(&client, &Request::Commands)?;
        let commands = replies.into_iter().filter_map(|reply| match reply {
            Reply::Commands { commands } => Some(commands),
            _ => None,
        });
        Ok(Self {
            commands: commands.flatten().collect(),
            daemon: Some((client, status)),
        })
    }

    /// Without a daemon nothing can be run; what there would be can be shown all the same.
    fn of_files(context: &Context) -> Self {
        let configuration = context.configuration().ok();
        let commands = configuration.map(|configuration| doors::commands(&configuration));
        Self {
            commands: commands.unwrap_or_default(),
            daemon: None,
        }
    }
}

impl Called for CommandView {
    fn name(&self) -> &str {
        &self.name
    }

    fn intents(&self) -> &[Intent] {
        &self.intents
    }
}

/// Id of the errand or goal set in whose process we run: what we cause is known by it (threat D10).
pub(in crate::cli::commands) fn within(context: &Context) -> Option<String> {
    let variable = |name: &str| context.sources.variable(name).map(str::to_owned);
    variable("SDM_ERRAND").or_else(|| variable("SDM_GOAL_SET"))
}
