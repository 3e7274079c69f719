//! `execute`: runs a program in a working copy of the pushed commit (semantics 4.5 `execute`, 3.11, 3.19).

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::pipeline::{self, StepArguments};
use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError, ProcessRequest, Step};
use crate::model::running::{DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{Descriptor, ExecutionResult, Field, StateName, ValueType};

pub(super) struct Execute;

static FIELDS: &[Field] = &[
    Field::new("run", ValueType::Argv, "program and arguments"),
    Field::new(
        "steps",
        ValueType::List(&ValueType::Fields(pipeline::FIELDS)),
        "several commands in order, where `run` is not used",
    ),
    Field::new("command", ValueType::Text, "program, where `run` is not used").aliases(&["cmd"]),
    Field::new(
        "args",
        ValueType::List(&ValueType::Text),
        "arguments of `command`",
    ),
    TIMEOUT,
    GRACE,
    ENV,
    Field {
        help: "where it runs, below the root of the working copy; placeholders allowed",
        ..DIRECTORY
    },
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "execute",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Runs a program, or several `steps`, in a working copy of the pushed commit; exit code 0 is success.",
    example: "name: test\nexecute: {run: [cargo, test], timeout: 20m}",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    run: Vec<String>,
    steps: Option<Vec<StepArguments>>,
    command: Option<String>,
    args: Vec<String>,
    timeout: Option<u64>,
    grace: Option<u64>,
    env: std::collections::BTreeMap<String, String>,
    directory: String,
}

impl Arguments {
    fn read(arguments: &Value) -> Result<Self, String> {
        let read: Self = serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())?;
        if let Some(steps) = &read.steps {
            return match read.command.is_none() && read.run.is_empty() && read.args.is_empty() {
                true => pipeline::check(steps).map(|()| read),
                false => Err("`execute` has both `steps` and another command; keep one".to_owned()),
            };
        }
        match (&read.command, read.run.is_empty()) {
            (None, true) => Err("`execute` needs `run: [program, argument, …]` or `steps`".to_owned()),
            (Some(_), false) => Err("`execute` has both `run` and `command`; keep one".to_owned()),
            (None, false) if !read.args.is_empty() => {
                Err("`args` belongs to `command`; put them into `run`".to_owned())
            }
            _ => Ok(read),
        }
    }

    fn steps(&self, context: &GoalContext<'_>, placeholders: &Placeholders) -> Result<Vec<Step>, KindError> {
        if let Some(steps) = &self.steps {
            return pipeline::steps(steps, &self.directory, &context.record.push, placeholders);
        }
        let resolved = placeholders.argv(&self.argv())?;
        Ok(vec![Step {
            directory: placeholders.directory(&self.directory)?,
            environment: resolved.environment,
            ..Step::program("", resolved.argv)
        }])
    }

    fn argv(&self) -> Vec<String> {
        match &self.command {
            Some(command) => std::iter::once(command).chain(&self.args).cloned().collect(),
            None => self.run.clone(),
        }
    }
}

/// Every step was left out by its `when`.
fn nothing_to_do() -> ExecutionResult {
    ExecutionResult {
        state: Some(StateName::Skipped),
        phase: Some("no step applies".to_owned()),
        ..ExecutionResult::success()
    }
}

#[async_trait]
impl Kind for Execute {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn runs_process(&self) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), String> {
        Arguments::read(arguments).map(|_| ())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments =
            Arguments::read(&context.goal.definition().work.arguments).map_err(KindError::Definition)?;
        let placeholders = Placeholders::of(context).await?;
        let steps = arguments.steps(context, &placeholders)?;
        let environment = placeholders.variables(&arguments.env)?;
        let milliseconds = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        if steps.is_empty() {
            return Ok(Begun::Ended(nothing_to_do()));
        }
        Ok(Begun::Process(ProcessRequest {
            steps,
            environment,
            timeout: milliseconds(arguments.timeout, Duration::from_secs(600)),
            grace: milliseconds(arguments.grace, Duration::from_secs(30)),
        }))
    }
}
