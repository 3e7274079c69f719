//! What the daemon tells a supervisor to run: one JSON document through a pipe, because it carries secrets.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::model::definition::ProgressRule;
use crate::model::limits::GoalLimits;
use crate::ports::executor::{ProcessSpec, REVIEW_FILE, Step};

use super::fence::Fence;
use crate::model::redact::Redactor;

/// The version of orders that is written; an order without one is of version 1, which knew one command only.
const VERSION: u32 = 3;

/// A [`ProcessSpec`] on its way. Fields are only ever added, each with a default: daemon and supervisor may be of two
/// versions. The version grows when a supervisor that passes over what it does not know would do something else than
/// was ordered.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    #[serde(default)]
    version: u32,
    /// Program and arguments, in version 1.
    #[serde(default, skip_serializing)]
    argv: Vec<String>,
    /// Where it runs, in version 1.
    #[serde(default, skip_serializing)]
    directory: PathBuf,
    /// The commands.
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    /// The environment of all of them.
    pub(super) environment: Vec<(String, String)>,
    /// Values to mask.
    pub(super) redact: Vec<String>,
    /// Longest run time.
    pub(super) timeout: Duration,
    /// Between TERM and KILL.
    pub(super) grace: Duration,
    /// What the processes may use.
    #[serde(default)]
    pub(super) limits: GoalLimits,
    /// Directories whose growth counts.
    #[serde(default)]
    pub(super) watched: Vec<PathBuf>,
    /// Output that becomes a phase.
    pub(super) progress: Vec<ProgressRule>,
    /// Where `result.json` may be left.
    pub(super) result_file: PathBuf,
    /// Files beside it whose secrets are masked.
    #[serde(default = "known_beside")]
    pub(super) beside: Vec<String>,
    /// Head of the log.
    pub(super) header: Vec<String>,
    /// Largest log in bytes.
    pub(super) log_limit: u64,
    /// By which it is told to go on, where another replica may run it again. A supervisor that does not know it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fence: Option<Fence>,
}

/// What lies beside the result after orders that do not say it.
fn known_beside() -> Vec<String> {
    vec![REVIEW_FILE.to_owned()]
}

impl Order {
    /// Reads an order of this version or an earlier one.
    ///
    /// # Errors
    /// It is none, or of a version that this program does not know.
    pub(super) fn read(text: &[u8]) -> io::Result<Self> {
        let mut order: Self = serde_json::from_slice(text)?;
        if order.version > VERSION {
            let version = order.version;
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the order is of version {version} and this program knows {VERSION}: restart the daemon"
                ),
            ));
        }
        if order.steps.is_empty() {
            order.steps.push(Step {
                argv: std::mem::take(&mut order.argv),
                directory: std::mem::take(&mut order.directory),
                ..Step::default()
            });
        }
        Ok(order)
    }
}

impl From<ProcessSpec> for Order {
    fn from(spec: ProcessSpec) -> Self {
        Self {
            version: VERSION,
            argv: Vec::new(),
            directory: PathBuf::new(),
            redact: spec
                .redact
                .iter()
                .map(|secret| secret.expose_secret().to_owned())
                .collect(),
            steps: spec.steps,
            environment: spec.environment,
            timeout: spec.timeout,
            grace: spec.grace,
            limits: spec.limits,
            watched: spec.watched,
            progress: spec.progress,
            result_file: spec.result_file,
            beside: spec.beside,
            header: spec.header,
            log_limit: spec.log_limit,
            fence: None,
        }
    }
}

/// What is kept of an order on disk: enough to tell what ran and how to end it, and nothing secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptOrder {
    /// Program and arguments of the first step, masked.
    argv: Vec<String>,
    /// Where it runs.
    directory: PathBuf,
    /// The steps, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<KeptStep>,
    /// Names of the environment, without values.
    environment: Vec<String>,
    /// Longest run time.
    timeout: Duration,
    /// Between TERM and KILL.
    pub(super) grace: Duration,
}

/// One of several steps.
#[derive(Debug, Serialize, Deserialize)]
struct KeptStep {
    name: String,
    argv: Vec<String>,
    directory: PathBuf,
}

impl KeptOrder {
    /// What may be kept of an order.
    pub(super) fn of(order: &Order, redactor: &Redactor) -> Self {
        let mut steps: Vec<KeptStep> = order.steps.iter().map(|step| kept(step, redactor)).collect();
        let (argv, directory) = match steps.first() {
            Some(first) => (first.argv.clone(), first.directory.clone()),
            None => Default::default(),
        };
        if steps.len() == 1 {
            steps.clear();
        }
        Self {
            argv,
            directory,
            steps,
            environment: order.environment.iter().map(|(name, _)| name.clone()).collect(),
            timeout: order.timeout,
            grace: order.grace,
        }
    }
}

fn kept(step: &Step, redactor: &Redactor) -> KeptStep {
    KeptStep {
        name: step.name.clone(),
        argv: step
            .argv
            .iter()
            .map(|argument| redactor.redact(argument))
            .collect(),
        directory: step.directory.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"argv": ["make"], "directory": "/work", "environment": [], "redact": [],
        "timeout": {"secs": 1, "nanos": 0}, "grace": {"secs": 1, "nanos": 0}, "progress": [],
        "result_file": "/out/result.json", "header": [], "log_limit": 5}"#;

    #[test]
    fn an_order_of_the_version_before_is_read() {
        let order = Order::read(FIRST.as_bytes()).unwrap();
        assert_eq!(order.steps.len(), 1);
        assert_eq!(
            (order.steps[0].argv[0].as_str(), order.steps[0].name.as_str()),
            ("make", "")
        );
        assert_eq!(order.steps[0].directory, PathBuf::from("/work"));
    }

    #[test]
    fn an_order_of_a_later_version_is_refused_in_words() {
        let later = FIRST.replacen('{', r#"{"version": 9, "#, 1);
        let error = Order::read(later.as_bytes()).err().unwrap();
        assert!(error.to_string().contains("version 9"), "{error}");
    }

    #[test]
    fn steps_travel_whole() {
        let step = Step {
            name: "wait".into(),
            poll: Some(crate::ports::executor::Poll {
                retries: 3,
                pause: Duration::from_millis(5),
            }),
            stop_code: Some(78),
            ..Step::default()
        };
        let mut order = Order::read(FIRST.as_bytes()).unwrap();
        order.version = VERSION;
        order.steps = vec![step.clone(), Step::default()];
        let read = Order::read(&serde_json::to_vec(&order).unwrap()).unwrap();
        assert_eq!(read.steps, vec![step, Step::default()]);
    }
}
