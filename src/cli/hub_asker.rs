//! Commands that look at a hub, one after the other on one line of their own.

use serde_json::Value;

use super::doors::{DoorError, runtime};
use crate::config::Configuration;
use crate::daemon::team::asker::Asker;
use crate::daemon::team::asking::NotAsked;

/// A way to the hub for a command.
pub struct HubReader {
    asker: Asker,
    runtime: tokio::runtime::Runtime,
}

impl HubReader {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// No hub is configured, or its key cannot be had.
    pub fn open(configuration: &Configuration) -> Result<Self, DoorError> {
        let runtime = runtime()?;
        let asker = runtime.block_on(Asker::open(configuration)).map_err(refused)?;
        Ok(Self { asker, runtime })
    }

    /// The workspace that is looked at.
    pub fn workspace(&self) -> &str {
        &self.asker.workspace
    }

    /// The data that answers a question to the graph.
    ///
    /// # Errors
    /// The hub does not answer it.
    pub fn graph(&self, query: &str, variables: &Value) -> Result<Value, DoorError> {
        self.runtime
            .block_on(self.asker.graph(query, variables))
            .map_err(refused)
    }

    /// What is at an address of the hub, given by its steps.
    ///
    /// # Errors
    /// The hub does not show it.
    pub fn get(&self, steps: &[&str], query: &[(&str, String)]) -> Result<Value, DoorError> {
        self.runtime
            .block_on(self.asker.get(steps, query))
            .map_err(refused)
    }
}

fn refused(not_asked: NotAsked) -> DoorError {
    DoorError::Refused {
        message: not_asked.message,
        hint: not_asked.hint,
    }
}
