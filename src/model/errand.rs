//! Errands: what the machine runs that is not bound to a push — a command without a repository, a listener for one
//! event. And jobs: one command on several repositories.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::command::{CommandDefinition, RunDefinition};
use super::goal::StateName;
use super::goal_event::ExecutionResult;
use super::ids::{BranchName, CommitSha, GoalSetId};
use super::push::Repository;
use super::time::Timestamp;

/// Identity of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrandId(pub Uuid);

/// Identity of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl ErrandId {
    /// The first seven characters, for people.
    pub fn short(self) -> String {
        self.0.to_string()[..7].to_owned()
    }
}

impl JobId {
    /// The first seven characters, for people.
    pub fn short(self) -> String {
        self.0.to_string()[..7].to_owned()
    }
}

/// One execution of a command without a repository, or of a listener for one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errand {
    /// Identity.
    pub id: ErrandId,
    /// What makes it itself: storing an errand with a key that is there changes nothing.
    pub key: String,
    /// Name of the command or listener.
    pub name: String,
    /// What led to it.
    pub cause: ErrandCause,
    /// What it runs, as it was defined when the errand was made.
    pub run: RunDefinition,
    /// What its placeholders show: `parameters`, `event`, `matches`, `machine`.
    pub facts: Value,
    /// Names of its secret parameters, whose values are not here.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// How many listeners and commands led to it.
    #[serde(default)]
    pub depth: u32,
    /// Not before this errand has ended.
    #[serde(default)]
    pub after: Option<ErrandId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// `requested`, `in_process`, `success`, `failure` or `canceled`.
    pub state: StateName,
    /// Attempts started.
    pub attempt: u32,
    /// Changes so far; compare-and-set compares it.
    pub version: u32,
    /// Finer progress label.
    #[serde(default)]
    pub phase: Option<String>,
    /// What its process or the machine said at its end.
    #[serde(default)]
    pub message: Option<String>,
    /// When the current or last attempt started.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// What led to an errand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum ErrandCause {
    /// Somebody ran a command.
    Command {
        /// Who.
        by: String,
    },
    /// Something happened.
    Event {
        /// Canonical name.
        name: String,
    },
}

impl Errand {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.state.is_terminal()
    }

    /// A new attempt has begun.
    pub fn started(&self, at: Timestamp) -> Self {
        Self {
            state: StateName::InProcess,
            attempt: self.attempt + 1,
            version: self.version + 1,
            started_at: Some(at),
            phase: None,
            message: None,
            ended_at: None,
            ..self.clone()
        }
    }

    /// The running attempt has a new phase.
    pub fn progressed(&self, phase: String) -> Self {
        Self {
            phase: Some(phase),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// It has ended with this result.
    pub fn ended(&self, result: &ExecutionResult, at: Timestamp) -> Self {
        let state = match result.outcome(false) {
            state @ (StateName::Canceled | StateName::Failure) => state,
            _ => StateName::Success,
        };
        let message = result.message.clone().or_else(|| result.description.clone());
        Self {
            state,
            version: self.version + 1,
            phase: result.phase.clone().or_else(|| self.phase.clone()),
            message,
            ended_at: Some(at),
            ..self.clone()
        }
    }

    /// It is over by somebody's word.
    pub fn canceled(&self, reason: &str, at: Timestamp) -> Self {
        let result = ExecutionResult {
            state: Some(StateName::Canceled),
            message: Some(reason.to_owned()),
            ..ExecutionResult::success()
        };
        self.ended(&result, at)
    }

    /// It is to run again.
    pub fn requested_again(&self) -> Self {
        Self {
            state: StateName::Requested,
            version: self.version + 1,
            phase: None,
            message: None,
            ended_at: None,
            ..self.clone()
        }
    }

    /// What people read about it now.
    pub fn text(&self) -> String {
        let text = format!("{}: {}", self.state.default_text(), self.name);
        match &self.message {
            Some(message) if self.has_ended() => format!("{text}: {message}"),
            Some(_) | None => text,
        }
    }
}

/// A command on one or several repositories (semantics 5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Identity.
    pub id: JobId,
    /// The command as it was defined when it was asked for.
    pub command: CommandDefinition,
    /// Its parameters, checked; secret ones are not here.
    pub parameters: serde_json::Map<String, Value>,
    /// Names of its secret parameters.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Groups of the pattern it was asked for with.
    #[serde(default)]
    pub matches: Vec<String>,
    /// Who asked.
    pub by: String,
    /// Nothing is changed: what would be is shown.
    #[serde(default)]
    pub dry_run: bool,
    /// How many listeners and commands led to it.
    #[serde(default)]
    pub depth: u32,
    /// Forges are asked in the name of whoever asked, by the hub.
    #[serde(default)]
    pub as_person: bool,
    /// What whoever asked calls it.
    #[serde(default)]
    pub label: JobLabel,
    /// How many tasks at once.
    pub concurrent: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What a job is called, beside its command (semantics 5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobLabel {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// It must be a job: a command that runs on no repository is refused then.
    pub is_required: bool,
}

impl JobLabel {
    /// Longest name or description, in characters.
    const LONGEST: usize = 500;

    /// Whether nothing was said of a job.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it, as a sentence.
    ///
    /// # Errors
    /// A text is empty, longer than it may be, or not one line.
    pub fn check(&self) -> Result<(), String> {
        for (key, text) in [("name", &self.name), ("description", &self.description)] {
            let Some(text) = text else { continue };
            let is_line = text.chars().count() <= Self::LONGEST && !text.chars().any(char::is_control);
            if text.trim().is_empty() || !is_line {
                let most = Self::LONGEST;
                return Err(format!("`job.{key}` is one line of 1 to {most} characters"));
            }
        }
        Ok(())
    }
}

/// One repository of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobTask {
    /// From 0.
    pub number: u32,
    /// Where.
    pub repo: Repository,
    /// Which branch; the default branch when absent.
    pub branch: Option<BranchName>,
    /// Which commit; the head of the branch when absent.
    pub sha: Option<CommitSha>,
    /// Where it stands.
    pub state: TaskState,
    /// The goal set that carries it out.
    pub goal_set: Option<GoalSetId>,
    /// Why it ended without one, or anything else worth knowing.
    pub message: Option<String>,
}

/// Where a task stands. Once it has a goal set, that says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waits for its turn.
    Waiting,
    /// Has a goal set.
    Begun,
    /// The command does not apply here.
    NotConcerned,
    /// Could not begin.
    Failed,
    /// Was not begun, because somebody canceled the job.
    Canceled,
}

impl TaskState {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Begun => "begun",
            Self::NotConcerned => "not_concerned",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the stored spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Waiting,
            Self::Begun,
            Self::NotConcerned,
            Self::Failed,
            Self::Canceled,
        ];
        all.into_iter().find(|state| state.as_str() == text)
    }
}
