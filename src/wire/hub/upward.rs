//! What a machine says on its websocket (wire protocol 3.3, 3.4, 5, 7).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::downward::Control;
use super::source::{NameValue, Slack, Source, Team, UserAgent};

/// One message of a machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Upward {
    /// Answer with the same value.
    Ping(Value),
    /// The answer to a ping of the hub.
    Pong(Value),
    /// About the conversation itself.
    Control(Control),
    /// How an invocation ended.
    Status(Box<StatusReport>),
    /// For people, or for the store of custom events.
    Message(Box<Message>),
    /// A command wants more parameters.
    Continuation(Box<Continuation>),
}

/// Why a message cannot be read.
#[derive(Debug, Error)]
pub enum UpwardError {
    /// No JSON, or not of the shape its kind has.
    #[error("the message cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// None of the kinds.
    #[error("the message is of no known kind")]
    Unknown,
}

/// What every answer repeats of the invocation it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Of the invocation.
    pub correlation_id: String,
    /// The workspace.
    #[serde(default)]
    pub team: Team,
    /// The command it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The subscription it answers, by operation name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Where the command was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Where the answer goes; the original sends `[null]` when it knows no source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Option<Destination>>,
}

/// Where a message goes (wire protocol 5.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// Kind of place.
    pub user_agent: UserAgent,
    /// A place in a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// A custom type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingester: Option<Ingester>,
}

/// The store of custom events as a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingester {
    /// The type.
    pub root_type: String,
}

/// How an invocation ended (wire protocol 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// What it answers.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The outcome.
    pub status: Status,
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// 0 is success.
    pub code: i64,
    /// A sentence.
    #[serde(default)]
    pub reason: String,
}

/// Something for people, or a custom event (wire protocol 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What it answers.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// What it is.
    pub content_type: MessageKind,
    /// Text, or JSON as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Identity for updates, per destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Milliseconds since 1970; orders updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// Milliseconds within which an update rewrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// How updates go.
    #[serde(default)]
    pub post_mode: PostMode,
    /// Buttons and menus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
}

/// What a message is (wire protocol 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageKind {
    /// Text.
    #[serde(rename = "text/plain")]
    Text,
    /// A rich chat message.
    #[serde(rename = "application/x-atomist-slack+json")]
    Rich,
    /// A file for a chat.
    #[serde(rename = "application/x-atomist-slack-file+json")]
    File,
    /// A custom event.
    #[serde(rename = "application/json")]
    CustomEvent,
    /// Takes a message back.
    #[serde(rename = "application/x-atomist-delete")]
    Delete,
}

/// How a message with an id is posted (wire protocol 5.2, update rule).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostMode {
    /// Rewrites the earlier one while its time to live lasts.
    #[default]
    Ttl,
    /// A new one each time.
    Always,
    /// Only rewrites.
    UpdateOnly,
}

/// A button or menu (wire protocol 5.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Unique in the message.
    pub id: String,
    /// The command it runs.
    pub command: String,
    /// The parameter that takes a menu's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_name: Option<String>,
    /// Values it gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<NameValue>,
}

/// A command that wants more parameters; no status follows (wire protocol 5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Continuation {
    /// What it answers.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// What is known so far, mapped ones included.
    #[serde(default)]
    pub parameters: Vec<NameValue>,
    /// What is missing.
    #[serde(default)]
    pub parameter_specs: Vec<super::Parameter>,
    /// How to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Whether it runs unconfirmed once all is known.
    #[serde(default)]
    pub auto_submit: bool,
}

const CONTINUATION: &str = "application/x-atomist-continuation+json";

impl Upward {
    /// The invocation of a command that it is about.
    pub fn command(&self) -> Option<&str> {
        let envelope = match self {
            Self::Status(report) => &report.envelope,
            Self::Message(message) => &message.envelope,
            Self::Continuation(continuation) => &continuation.envelope,
            Self::Ping(_) | Self::Pong(_) | Self::Control(_) => return None,
        };
        envelope
            .event
            .is_none()
            .then_some(envelope.correlation_id.as_str())
    }

    /// Reads a message, in the order in which the protocol tells kinds apart.
    ///
    /// # Errors
    /// It is no JSON object of a known kind. The conversation can go on: the original also drops such a message.
    pub fn read(text: &[u8]) -> Result<Self, UpwardError> {
        let value: Value = serde_json::from_slice(text)?;
        let present = |key: &str| value.get(key).filter(|value| !value.is_null());
        if let Some(ping) = present("ping") {
            return Ok(Self::Ping(ping.clone()));
        }
        if let Some(pong) = present("pong") {
            return Ok(Self::Pong(pong.clone()));
        }
        if let Some(control) = present("control") {
            return Ok(Self::Control(serde_json::from_value(control.clone())?));
        }
        if present("status").is_some() {
            return Ok(Self::Status(serde_json::from_value(value)?));
        }
        match present("content_type").and_then(Value::as_str) {
            Some(CONTINUATION) => Ok(Self::Continuation(serde_json::from_value(value)?)),
            Some(_) => Ok(Self::Message(serde_json::from_value(value)?)),
            None => Err(UpwardError::Unknown),
        }
    }
}
