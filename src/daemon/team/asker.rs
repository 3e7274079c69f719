//! A person asks the configured hub: the graph, what machines there are, logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::asking::NotAsked;
use super::client::{HubClient, HubError};
use crate::config::Configuration;
use crate::runtime::clock::SystemClock;
use crate::secrets::Vault;

/// A way to the hub with a key of one's own.
pub struct Asker {
    client: HubClient,
    key: SecretString,
    /// The first workspace of the configuration, which is the one that is asked.
    pub workspace: String,
}

impl Asker {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// No hub is configured, or its key or network cannot be used.
    pub async fn open(configuration: &Configuration) -> Result<Self, NotAsked> {
        let Some(hub) = &configuration.hub else {
            return Err(NotAsked {
                message: "no hub is configured".to_owned(),
                hint: Some(
                    "write `hub: {address: …, key: {file: …}}` with a key of your own into your configuration"
                        .to_owned(),
                ),
            });
        };
        let network = super::super::network::options(configuration).map_err(HubError::from)?;
        let client = HubClient::new(&hub.address, &network).map_err(HubError::from)?;
        let key_file = configuration.secret_key_file.clone();
        let vault = Vault::new(BTreeMap::new(), key_file, Arc::new(SystemClock));
        let key = vault
            .of_machine("hub.key", &hub.key)
            .await
            .map_err(HubError::from)?;
        Ok(Self {
            client,
            key,
            workspace: hub.workspaces.first().cloned().unwrap_or_default(),
        })
    }

    /// The data that answers a question to the graph.
    ///
    /// # Errors
    /// The hub is not reached, or does not answer it.
    pub async fn graph(&self, query: &str, variables: &Value) -> Result<Value, NotAsked> {
        let question = json!({"query": query, "variables": variables});
        let mut answer = self.client.ask(&self.key, &self.workspace, &question).await?;
        Ok(answer["data"].take())
    }

    /// What is at an address of the hub, given by its steps.
    ///
    /// # Errors
    /// The hub is not reached, or does not show it.
    pub async fn get(&self, steps: &[&str], query: &[(&str, String)]) -> Result<Value, NotAsked> {
        Ok(self.look(steps, query).await?)
    }

    /// The same, for whoever does not give up at every error.
    ///
    /// # Errors
    /// The hub is not reached, or does not show it.
    pub(super) async fn look(&self, steps: &[&str], query: &[(&str, String)]) -> Result<Value, HubError> {
        self.client.get(&self.key, steps, query).await
    }

    /// Asks for a command of some machine.
    ///
    /// # Errors
    /// The hub does not take it.
    pub(super) async fn invoke(&self, asked: &Value) -> Result<Value, NotAsked> {
        Ok(self.client.invoke(&self.key, asked).await?)
    }
}
