//! Carrying out the process of a goal so that it outlives the daemon.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::definition::ProgressRule;
use crate::model::limits::GoalLimits;
use crate::model::{ExecutionResult, GoalKey, GoalSetId, Timestamp};

/// One attempt of one goal, the unit that is started at most once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptRef {
    /// The goal set.
    pub goal_set: GoalSetId,
    /// The goal.
    pub goal: GoalKey,
    /// From 1.
    pub attempt: u32,
    /// The lease's epoch; a report with another one is an ignored result.
    pub epoch: u64,
}

impl AttemptRef {
    /// An attempt for whoever looks for what there is of it, to whom it is the same under every lease.
    pub fn of_any_lease(goal_set: GoalSetId, goal: GoalKey, attempt: u32) -> Self {
        Self {
            goal_set,
            goal,
            attempt,
            epoch: 0,
        }
    }
}

/// What to run: one or several commands in order, with one log, one time limit and one result.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// The commands, at least one. While there are several, the phase is the name of the one that runs.
    pub steps: Vec<Step>,
    /// What every step finds in its environment; nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Values that must not appear in the log, also when encoded.
    pub redact: Vec<SecretString>,
    /// Run time of all steps together after which they are ended.
    pub timeout: Duration,
    /// Between TERM and KILL; steps that run finally after a stop have what is left of it.
    pub grace: Duration,
    /// What all processes together and each of them may use.
    pub limits: GoalLimits,
    /// Directories whose growth counts for the limit of disk.
    pub watched: Vec<PathBuf>,
    /// Output that becomes a phase; `atm:phase=<text>` always does.
    pub progress: Vec<ProgressRule>,
    /// Where the process may leave `result.json`; read when all has ended well.
    pub result_file: PathBuf,
    /// Files beside it that the machine reads: their secrets are masked when all has ended, as those of the result are.
    pub beside: Vec<String>,
    /// Lines for the head of the log.
    pub header: Vec<String>,
    /// Largest log in bytes; what comes after is counted and dropped with a marker.
    pub log_limit: u64,
}

/// What inspections say, beside `result.json`.
pub const REVIEW_FILE: &str = "inspect.json";

/// Largest file beside `result.json` that is masked, in bytes; a larger one is removed.
pub const LARGEST_REVIEW: u64 = 128 << 20;

/// One command of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// What it is called; may be empty when it is the only one.
    pub name: String,
    /// Program and arguments; never a shell string.
    pub argv: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// What that directory must lie in once links are followed, as it is found just before the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<PathBuf>,
    /// Variables beside those of the whole, which they replace.
    pub environment: Vec<(String, String)>,
    /// Whether it runs.
    pub when: When,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// Run it again until it ends with 0.
    pub poll: Option<Poll>,
    /// The code by which it ends the sequence on purpose: no failure, and of the others only those that run finally.
    pub stop_code: Option<i32>,
    /// What it is given in secret.
    #[serde(skip_serializing_if = "StepSecrets::is_empty")]
    pub secrets: StepSecrets,
    /// Whether a state in its `result.json` that is an end (semantics 3.4) ends the sequence as well.
    pub heeds_result: bool,
}

/// What a step is given in secret. It travels to the supervisor through a pipe and is never on disk but as the files asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepSecrets {
    /// Variables of its environment.
    pub environment: Vec<(String, SecretText)>,
    /// Files of mode 0600 that are there while it runs.
    pub files: Vec<SecretFile>,
    /// Variables that name a descriptor from which the value can be read once.
    pub descriptors: Vec<(String, SecretText)>,
}

impl StepSecrets {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A file that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// A directory that is there.
    pub root: PathBuf,
    /// Its path below; directories on the way are made.
    pub path: String,
    /// What it holds.
    pub content: SecretText,
}

/// A secret on its way to a supervisor. It cannot be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a value.
    pub fn new(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// The value, for whoever it is given to.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// When a step runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// While nothing has failed.
    #[default]
    SuccessSoFar,
    /// In any case, after the others, with `SDM_OUTCOME=success` or `failure` in its environment.
    Finally,
}

/// What the failure of a step means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The goal fails, and of the following steps only those run that run finally.
    #[default]
    EndsGoal,
    /// Nothing.
    IsIgnored,
    /// The next step is left out: this one was its condition.
    SkipsNext,
}

/// How a step is repeated (semantics 3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// How often it may end with another code than 0 before the goal fails.
    pub retries: u32,
    /// Between two tries.
    pub pause: Duration,
}

/// News of a running attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum ExecutionNews {
    /// The command is running.
    Running {
        /// Process id of the command, also its process group.
        pid: u32,
        /// Since when.
        at: Timestamp,
    },
    /// A new phase.
    Phase(String),
    /// It ended with this result; the last news.
    Ended(ExecutionResult),
    /// The supervisor is gone and left no outcome; the last news.
    Lost,
    /// The supervisor was gone before it began: nothing of the command ran, and it may be forgotten and started again.
    /// The last news.
    NeverBegan,
}

/// Follows one attempt. Dropping it ends the watch, not the process.
#[async_trait]
pub trait ExecutionWatch: Send {
    /// The next news; `None` after the last.
    async fn next(&mut self) -> Option<ExecutionNews>;
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Byte offset of this record in the attempt's log; reading may continue behind it.
    pub offset: u64,
    /// When it was written.
    pub at: Timestamp,
    /// `out`, `err` or `sdm` (the machine's own lines).
    pub stream: String,
    /// The line without its end, redacted.
    pub text: String,
}

/// A page of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Whole lines from the asked offset on.
    pub lines: Vec<LogLine>,
    /// Where to go on.
    pub next_offset: u64,
    /// Nothing will follow `next_offset`.
    pub complete: bool,
}

/// Why an attempt could not be started, stopped or read.
#[derive(Debug, Error)]
pub enum ExecutionError {
    /// This attempt was started before; it is never started twice.
    #[error("attempt {0} of the goal was started before")]
    AlreadyStarted(u32),
    /// There is no such attempt here.
    #[error("there is no such attempt")]
    Unknown,
    /// Anything else.
    #[error("failed to {doing}")]
    Failed {
        /// What we were doing.
        doing: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Starts and follows processes; each has a supervisor that outlives the daemon.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Lets processes that are told so again and again go on for a while, from a moment that lies so far back.
    async fn hold(&self, _ago: Duration) -> Result<(), ExecutionError> {
        Ok(())
    }

    /// Starts an attempt at most once and returns when its supervisor has taken over.
    async fn start(
        &self,
        attempt: &AttemptRef,
        spec: ProcessSpec,
    ) -> Result<Box<dyn ExecutionWatch>, ExecutionError>;

    /// Follows an attempt started earlier, also by a daemon that is gone.
    async fn watch(&self, attempt: &AttemptRef) -> Result<Box<dyn ExecutionWatch>, ExecutionError>;

    /// Asks for an end: TERM, grace, KILL of everything the attempt started. Returns at once; the watch tells the end.
    async fn stop(&self, attempt: &AttemptRef, reason: &str) -> Result<(), ExecutionError>;

    /// Whole log lines from a byte offset on, at most `limit` bytes of them.
    async fn read_log(
        &self,
        attempt: &AttemptRef,
        offset: u64,
        limit: u64,
    ) -> Result<LogPage, ExecutionError>;

    /// Removes what is kept of an attempt that has ended.
    async fn forget(&self, attempt: &AttemptRef) -> Result<(), ExecutionError>;
}
