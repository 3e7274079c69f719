//! Where something was asked, and the small things that messages share (wire protocol 4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A workspace, called team on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Id of the workspace.
    pub id: String,
    /// Its name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A name with a value; a list for a choice of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameValue {
    /// Name of the parameter.
    pub name: String,
    /// Text, or a list of texts.
    #[serde(default)]
    pub value: Value,
}

/// Kind of the place where something was asked or goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAgent {
    /// A chat; the word is the original's, the chat may be any.
    Slack,
    /// A browser.
    Web,
    /// The store of custom events.
    Ingester,
    /// Anything else; kept, so that an answer finds its way back.
    #[serde(untagged)]
    Other(String),
}

/// Where a command was asked; copied into every answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Kind of place.
    pub user_agent: UserAgent,
    /// The chat, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// The browser's person, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// The caller as the hub knows it; clients copy it and learn nothing from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Value>,
}

/// A browser as a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Web {
    /// Who.
    pub identity: Person,
}

/// A person in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Subject.
    #[serde(default)]
    pub sub: String,
    /// Id of the person.
    #[serde(default)]
    pub pid: String,
}

/// A place in a chat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Slack {
    /// The chat team.
    #[serde(default)]
    pub team: Team,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ChatUser>,
    /// The message that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Posted>,
    /// The thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
}

/// A channel by id, name or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Id in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A person in a chat, by id, name or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatUser {
    /// Id in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name; it proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A message that stands in a chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Its time stamp, which is its id.
    #[serde(default)]
    pub ts: String,
}
