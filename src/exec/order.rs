//! What the daemon tells a supervisor to run: one JSON document through a pipe, because it carries secrets.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::model::definition::ProgressRule;
use crate::ports::executor::ProcessSpec;

/// A [`ProcessSpec`] on its way. Fields are only ever added, each with a default: daemon and supervisor may be of two versions.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    /// Where it runs.
    pub(super) directory: PathBuf,
    /// The whole environment.
    pub(super) environment: Vec<(String, String)>,
    /// Values to mask.
    pub(super) redact: Vec<String>,
    /// Longest run time.
    pub(super) timeout: Duration,
    /// Between TERM and KILL.
    pub(super) grace: Duration,
    /// Output that becomes a phase.
    pub(super) progress: Vec<ProgressRule>,
    /// Where `result.json` may be left.
    pub(super) result_file: PathBuf,
    /// Head of the log.
    pub(super) header: Vec<String>,
    /// Largest log in bytes.
    pub(super) log_limit: u64,
}

impl From<ProcessSpec> for Order {
    fn from(spec: ProcessSpec) -> Self {
        Self {
            redact: spec
                .redact
                .iter()
                .map(|secret| secret.expose_secret().to_owned())
                .collect(),
            argv: spec.argv,
            directory: spec.directory,
            environment: spec.environment,
            timeout: spec.timeout,
            grace: spec.grace,
            progress: spec.progress,
            result_file: spec.result_file,
            header: spec.header,
            log_limit: spec.log_limit,
        }
    }
}

/// What is kept of an order on disk: enough to tell what ran and how to end it, and nothing secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptOrder {
    /// Program and arguments, masked.
    pub(super) argv: Vec<String>,
    /// Where it runs.
    pub(super) directory: PathBuf,
    /// Names of the environment, without values.
    pub(super) environment: Vec<String>,
    /// Longest run time.
    pub(super) timeout: Duration,
    /// Between TERM and KILL.
    pub(super) grace: Duration,
}
