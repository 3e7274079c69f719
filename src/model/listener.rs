//! Listeners: what is done when something happens (semantics 6).

use serde::{Deserialize, Serialize};

use super::command::RunDefinition;
use super::diagnostic::Place;
use super::goal::StateName;

/// A listener of the goal files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListenerDefinition {
    /// Unique within the machine.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Name of the event, canonical.
    pub event: String,
    /// Which of those events.
    pub filter: EventFilter,
    /// When, for the `Timer` event.
    pub schedule: Option<ScheduleDefinition>,
    /// The path of a list in the event: it runs once for each of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// What it runs.
    pub run: RunDefinition,
}

/// Which events of a name a listener is for. Patterns are linear-time and looked for anywhere in the text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventFilter {
    /// A pattern on `owner/name`.
    pub repo: Option<String>,
    /// A pattern on the branch.
    pub branch: Option<String>,
    /// A pattern on the tag.
    pub tag: Option<String>,
    /// Display or unique names of goals.
    pub goals: Vec<String>,
    /// States of goals.
    pub states: Vec<StateName>,
    /// Patterns on other parts of the event, by their path.
    pub fields: Vec<(String, String)>,
}

/// When a timer fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleDefinition {
    /// At the moments of a cron expression, with or without seconds.
    Cron {
        /// The expression.
        expression: String,
        /// Name of the time zone, such as `Europe/Berlin`.
        time_zone: String,
    },
    /// So many milliseconds after it fired last.
    Interval(u64),
}
