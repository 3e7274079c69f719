//! What a machine hears on its websocket (wire protocol 3.3, 4, 8, 18).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::source::{NameValue, Source, Team};

/// One message of the hub.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Downward {
    /// Answer with the same value.
    Ping {
        /// Any value that is not null.
        ping: Value,
    },
    /// The answer to a ping.
    Pong {
        /// Its value.
        pong: Value,
    },
    /// About the conversation itself; the original only logs it.
    Control {
        /// It.
        control: Control,
    },
    /// Do something.
    Command(Box<CommandInvocation>),
    /// Something happened.
    Event(Box<EventDelivery>),
}

/// Why a message of a hub cannot be read.
#[derive(Debug, Error)]
pub enum DownwardError {
    /// No JSON, or not of the shape its kind has.
    #[error("the message cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// None of the kinds.
    #[error("the message is of no known kind")]
    Unknown,
}

impl Downward {
    /// Reads a message, in the order in which the protocol tells kinds apart (wire protocol 3.2).
    ///
    /// # Errors
    /// It is no JSON object of a known kind. The conversation can go on.
    pub fn read(text: &[u8]) -> Result<Self, DownwardError> {
        let value: Value = serde_json::from_slice(text)?;
        let present = |key: &str| value.get(key).filter(|value| !value.is_null());
        if let Some(ping) = present("ping") {
            return Ok(Self::Ping { ping: ping.clone() });
        }
        if let Some(pong) = present("pong") {
            return Ok(Self::Pong { pong: pong.clone() });
        }
        if let Some(control) = present("control") {
            let control = serde_json::from_value(control.clone())?;
            return Ok(Self::Control { control });
        }
        if present("command").is_some() {
            return Ok(Self::Command(serde_json::from_value(value)?));
        }
        match present("data") {
            Some(_) => Ok(Self::Event(serde_json::from_value(value)?)),
            None => Err(DownwardError::Unknown),
        }
    }

    /// As it goes onto the wire.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("messages of the hub have text keys only")
    }
}

/// A message about the conversation itself, both ways: `backoff` of the original; `ack`, `drain`, `lease`, `progress`, `resume`,
/// `settings`, `superseded` of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// What.
    pub name: String,
    /// Its particulars.
    #[serde(default)]
    pub params: Map<String, Value>,
}

impl Control {
    /// One without particulars.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            params: Map::new(),
        }
    }

    /// The same with one more particular.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

/// A command for one machine (wire protocol 4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandInvocation {
    /// Always [`API_VERSION`](super::API_VERSION).
    #[serde(default)]
    pub api_version: String,
    /// Copied into every answer.
    pub correlation_id: String,
    /// The registered name.
    pub command: String,
    /// The workspace; the original cannot answer without it.
    pub team: Team,
    /// Where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What the person gave.
    #[serde(default)]
    pub parameters: Vec<NameValue>,
    /// What the hub filled in.
    #[serde(default)]
    pub mapped_parameters: Vec<NameValue>,
    /// Secrets, one for each that is declared.
    #[serde(default)]
    pub secrets: Vec<SecretValue>,
    /// What the person wrote, for intents that are expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_message: Option<String>,
    /// The proof of who started it (section 18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<GivenContext>,
    /// What else whoever asked is known as (section 18).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_as: Vec<String>,
    /// The place in a trace that what is done because of it belongs to (section 18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A proof of who started a command, for its machine alone. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenContext {
    /// What the machine returns as `X-Hub-Context`.
    pub handle: String,
    /// Seconds that it counts.
    #[serde(default)]
    pub expires_in: u64,
}

impl std::fmt::Debug for GivenContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GivenContext")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// A secret's value on its way to a machine. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretValue {
    /// As declared, to the letter.
    pub uri: String,
    /// The value; the text `null` says that there is none.
    pub value: String,
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SecretValue")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl SecretValue {
    /// Says that there is no such secret, so that the machine uses its own.
    pub fn none(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            value: "null".to_owned(),
        }
    }
}

/// A change that a subscription matched (wire protocol 8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDelivery {
    /// One key, the root type; its value is a list of one object.
    pub data: Map<String, Value>,
    /// Which subscription, and of which workspace.
    pub extensions: EventExtensions,
    /// One for each secret the subscription declares.
    #[serde(default)]
    pub secrets: Vec<SecretValue>,
}

/// What surrounds the data of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventExtensions {
    /// The workspace.
    pub team_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// The subscription's operation.
    #[serde(rename = "operationName")]
    pub operation_name: String,
    /// Copied into the status.
    pub correlation_id: String,
    /// The same each time this delivery is tried (section 18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<String>,
    /// Which try it is, from 1 (section 18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The trace it belongs to (section 18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}
