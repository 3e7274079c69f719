//! What a machine says of itself before it opens its websocket (wire protocol 2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::Timestamp;

/// Longest name or version.
const MAX_NAME: usize = 200;
/// Most commands, subscriptions, custom types, parameters of a command, labels.
const MAX_ITEMS: usize = 2_000;
/// Longest subscription, intent, pattern or description in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// A machine's announcement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Always [`API_VERSION`](super::API_VERSION).
    pub api_version: String,
    /// Name of the machine; may hold `@` and `/`.
    pub name: String,
    /// Semantic version; `<major>.0.0` from a durable client of the original.
    pub version: String,
    /// What becomes of it when its last session ends.
    pub policy: Policy,
    /// Workspaces it serves.
    #[serde(default)]
    pub team_ids: Vec<String>,
    /// Groups of workspaces; only the original's own machines had them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What it can be asked to do.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// What it wants to hear of.
    #[serde(default)]
    pub events: Vec<Subscription>,
    /// Definitions of its own event types.
    #[serde(default)]
    pub ingesters: Vec<String>,
    /// Labels.
    #[serde(default)]
    pub metadata: Metadata,
    /// `gzip` when it reads compressed frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_encoding: Option<String>,
    /// Extensions of the protocol that it knows (section 18), by their names in [`extensions`](super::extensions).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Scopes it asks for; those of its key when absent (security model 14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Which machine it is, and which run of it (threat G6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
}

/// A machine by its state directory, and a run of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Id of the state directory; a copy has the same.
    pub id: String,
    /// Id of the process.
    pub run: String,
}

/// What becomes of a registration when its last session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Which of the two.
    pub name: PolicyName,
}

/// The two policies (wire protocol 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    /// It vanishes, and what happens meanwhile is not for it.
    Ephemeral,
    /// It stays, and what happens meanwhile waits for it.
    Durable,
}

/// Labels of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Free; the original's begin with `atomist.`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Something a machine can be asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Unique in the registration.
    pub name: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Phrases; an expression begins with `^` and ends with `$`.
    #[serde(default)]
    pub intent: Vec<String>,
    /// Whether it runs unconfirmed once its required parameters are known.
    #[serde(default)]
    pub auto_submit: bool,
    /// How to ask for parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What a person gives.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What the hub fills in.
    #[serde(default)]
    pub mapped_parameters: Vec<MappedParameter>,
    /// Secrets it wants.
    #[serde(default)]
    pub secrets: Vec<SecretDeclaration>,
    /// Whether it changes nothing in repositories, so that who may read one may have it done there. The original does not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_reads: bool,
}

/// A parameter that a person gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Dots make nested objects.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JavaScript regular expression that the value must match.
    #[serde(default = "any_line")]
    pub pattern: String,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// Whether its value may be shown again.
    #[serde(default = "yes")]
    pub displayable: bool,
    /// Name for people.
    #[serde(default)]
    pub display_name: String,
    /// What it holds; absent: text.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ParameterType>,
    /// Value when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// What a valid value looks like, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_input: Option<String>,
    /// Smaller is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<i64>,
    /// Parameters that belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// `input` or `textarea`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}

fn any_line() -> String {
    "^.*$".to_owned()
}

fn yes() -> bool {
    true
}

/// A group of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a parameter holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterType {
    /// `string`, `number`, `boolean` or `freeChoices`.
    Named(String),
    /// One or several of a list.
    Choices {
        /// `single` or `multiple`.
        kind: String,
        /// What can be chosen.
        options: Vec<Choice>,
    },
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A parameter that the hub fills in (wire protocol 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedParameter {
    /// Name in the invocation.
    pub name: String,
    /// What it stands for: `atomist://…`.
    pub uri: String,
    /// Whether the command fails without it.
    #[serde(default)]
    pub required: bool,
}

/// A secret that is wanted (wire protocol 4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDeclaration {
    /// Which: `github://…`.
    pub uri: String,
}

/// A standing question: the machine hears of each change that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// One GraphQL subscription with one root field; the operation's name is the handler's.
    pub subscription: String,
    /// Secrets that its handler wants.
    #[serde(default)]
    pub secrets: Vec<SecretDeclaration>,
}

/// The answer to a registration (wire protocol 2.1). `Debug` does not show the address: it is the credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Websocket address with its own credential.
    pub url: String,
    /// Shown by the original as the session's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
    /// Extensions that both know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The life of the hub's memory. Another one than before means that the hub has forgotten something (threat K4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<MemoryLife>,
    /// What the machine will not hear of though it asked to, and why; machines of the original are served all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A life of a hub's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLife {
    /// Its id.
    pub id: String,
    /// What happened after this moment, in microseconds since 1970, may have been forgotten; all may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_until: Option<Timestamp>,
}

impl Registered {
    /// Whether both know an extension of the protocol.
    pub fn knows(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Registered")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// Why a registration is refused, before anybody asks who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistrationProblem {
    /// Another protocol.
    #[error("`api_version` is `{0}`; this hub speaks version 1")]
    Version(String),
    /// No workspace, or groups instead.
    #[error("`team_ids` names no workspace{}", if *.groups { "; `groups` are not accepted" } else { "" })]
    NoWorkspace {
        /// Whether it named groups.
        groups: bool,
    },
    /// A name that cannot be one.
    #[error("{what} is empty, longer than {MAX_NAME} characters, or holds control characters")]
    Name {
        /// Which name.
        what: &'static str,
    },
    /// Too much of something.
    #[error("{what}: more than {limit}")]
    TooMuch {
        /// Of what.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// The same name twice.
    #[error("command `{0}` is announced twice")]
    Twice(String),
}

impl Registration {
    /// Whether it keeps to the protocol and its limits. What it asks for is judged elsewhere.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), RegistrationProblem> {
        if self.api_version != super::API_VERSION {
            return Err(RegistrationProblem::Version(
                self.api_version.chars().take(20).collect(),
            ));
        }
        self.check_names()?;
        self.check_counts()?;
        self.check_commands()
    }

    fn check_names(&self) -> Result<(), RegistrationProblem> {
        if self.team_ids.is_empty() || !self.groups.is_empty() {
            let groups = !self.groups.is_empty();
            return Err(RegistrationProblem::NoWorkspace { groups });
        }
        check_name("`name`", &self.name)?;
        check_name("`version`", &self.version)?;
        self.team_ids
            .iter()
            .try_for_each(|id| check_name("a workspace in `team_ids`", id))
    }

    fn check_counts(&self) -> Result<(), RegistrationProblem> {
        check_count("commands", self.commands.len())?;
        check_count("subscriptions", self.events.len())?;
        check_count("custom types", self.ingesters.len())?;
        check_count("labels", self.metadata.labels.len())?;
        check_count("workspaces", self.team_ids.len())?;
        for text in self
            .events
            .iter()
            .map(|event| &event.subscription)
            .chain(&self.ingesters)
        {
            check_text("a subscription or type", text)?;
        }
        Ok(())
    }

    fn check_commands(&self) -> Result<(), RegistrationProblem> {
        let mut names = std::collections::BTreeSet::new();
        for command in &self.commands {
            check_name("the name of a command", &command.name)?;
            if !names.insert(&command.name) {
                return Err(RegistrationProblem::Twice(command.name.clone()));
            }
            check_count(
                "parameters",
                command.parameters.len() + command.mapped_parameters.len(),
            )?;
            for text in command.intent.iter().chain(&command.description) {
                check_text("an intent or description", text)?;
            }
        }
        Ok(())
    }

    /// Whether it knows an extension of the protocol.
    pub fn knows(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// Whether it reads compressed frames.
    pub fn reads_gzip(&self) -> bool {
        self.accept_encoding.as_deref() == Some("gzip")
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), RegistrationProblem> {
    let fits = !name.trim().is_empty() && name.chars().count() <= MAX_NAME;
    match fits && !name.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(RegistrationProblem::Name { what }),
    }
}

fn check_count(what: &str, count: usize) -> Result<(), RegistrationProblem> {
    match count <= MAX_ITEMS {
        true => Ok(()),
        false => Err(RegistrationProblem::TooMuch {
            what: what.to_owned(),
            limit: MAX_ITEMS.to_string(),
        }),
    }
}

fn check_text(what: &str, text: &str) -> Result<(), RegistrationProblem> {
    match text.len() <= MAX_TEXT {
        true => Ok(()),
        false => Err(RegistrationProblem::TooMuch {
            what: what.to_owned(),
            limit: format!("{} KiB", MAX_TEXT / 1024),
        }),
    }
}
