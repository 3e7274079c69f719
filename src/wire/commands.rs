//! What people and programs see of commands, errands and jobs; the stable shapes of `--json`.

use serde::{Deserialize, Serialize};

use crate::model::{
    CommandDefinition, CommandWork, Errand, ErrandCause, Intent, ParameterDefinition, StateName, Timestamp,
};

/// A command as `sdm show commands --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandView {
    /// Its name.
    pub name: String,
    /// One line for people; may be empty.
    pub description: String,
    /// What people say.
    pub intents: Vec<Intent>,
    /// Free labels.
    pub tags: Vec<String>,
    /// What it needs to know.
    pub parameters: Vec<ParameterDefinition>,
    /// `run`, or the kind of goal it is.
    pub does: String,
    /// Whether it is for repositories.
    pub on_repositories: bool,
    /// Whether it only shows what it would change unless told otherwise.
    pub dry_run: bool,
}

impl CommandView {
    /// The view of a command.
    pub fn of(command: &CommandDefinition) -> Self {
        let does = match &command.work {
            CommandWork::Run(_) => "run".to_owned(),
            CommandWork::Goal(work) if work.kind == "execute" => "run".to_owned(),
            CommandWork::Goal(work) => work.kind.clone(),
        };
        Self {
            name: command.name.clone(),
            description: command.description.clone(),
            intents: command.intents.clone(),
            tags: command.tags.clone(),
            parameters: command.parameters.clone(),
            does,
            on_repositories: command.targets.is_some(),
            dry_run: command.dry_run,
        }
    }
}

/// An errand as `sdm show errands --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandView {
    /// Identity.
    pub id: String,
    /// Name of its command or listener.
    pub name: String,
    /// `command` or `event`.
    pub cause: String,
    /// Who asked for the command, or the name of the event.
    pub because_of: String,
    /// Where it stands.
    pub state: StateName,
    /// Attempts started.
    pub attempt: u32,
    /// Finer progress label.
    pub phase: Option<String>,
    /// What was said at its end.
    pub message: Option<String>,
    /// How to read its log: the words after `sdm`; `None` before the first attempt.
    pub log: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub ended_at: Option<String>,
}

impl ErrandView {
    /// The view of an errand.
    pub fn of(errand: &Errand) -> Self {
        let (cause, because_of) = match &errand.cause {
            ErrandCause::Command { by } => ("command", by),
            ErrandCause::Event { name } => ("event", name),
        };
        Self {
            id: errand.id.0.to_string(),
            name: errand.name.clone(),
            cause: cause.to_owned(),
            because_of: because_of.clone(),
            state: errand.state,
            attempt: errand.attempt,
            phase: errand.phase.clone(),
            message: errand.message.clone(),
            log: (errand.attempt > 0).then(|| format!("logs {}", errand.id.short())),
            created_at: errand.created_at.rfc3339(),
            started_at: errand.started_at.map(Timestamp::rfc3339),
            ended_at: errand.ended_at.map(Timestamp::rfc3339),
        }
    }
}

/// A job as `sdm show job --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Identity.
    pub id: String,
    /// Name of the command.
    pub command: String,
    /// What whoever asked calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// What they say it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Who asked.
    pub by: String,
    /// Nothing is changed: what would be is shown.
    pub dry_run: bool,
    /// Whether every task has ended.
    pub ended: bool,
    /// RFC 3339.
    pub created_at: String,
    /// One for each repository.
    pub tasks: Vec<TaskView>,
}

/// One repository of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// `owner/name`.
    pub repo: String,
    /// Branch, where it is known.
    pub branch: Option<String>,
    /// Commit, where it is known.
    pub sha: Option<String>,
    /// `waiting`, `not_concerned`, `failed`, `canceled`, or the state of its goal set.
    pub state: String,
    /// Whether it has ended.
    pub ended: bool,
    /// Id of the goal set that carries it out.
    pub goal_set: Option<String>,
    /// Why it is as it is, or what came of it.
    pub message: Option<String>,
    /// What its goal left as data, such as the difference that a dry run found.
    pub data: Option<String>,
}

/// A secret on its way over the socket; it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

/// Repositories as somebody asks for them (semantics 5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetsAsked {
    /// All of this owner, or with `repo` one.
    pub owner: Option<String>,
    /// A name, or `owner/name`.
    pub repo: Option<String>,
    /// A pattern on the name or `owner/name`.
    pub repos: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The commit.
    pub sha: Option<String>,
}
