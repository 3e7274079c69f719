//! `execute`: runs a program in a working copy of the pushed commit (semantics 4.5 `execute`, 3.11, 3.19).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::pipeline::{self, StepArguments};
use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError, ProcessRequest, Step, read};
use crate::model::program_text::program_texts;
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, Field, FieldPath, StateName, ValueType};
use crate::spec::foreign::{foreign_texts_beside, foreign_variables};

pub(super) struct Execute;

static FIELDS: &[Field] = &[
    Field::new("run", ValueType::Argv, "program and arguments"),
    Field::new(
        "steps",
        ValueType::List(&ValueType::Fields(pipeline::FIELDS)),
        "several commands in order, where `run` is not used",
    ),
    Field::new("command", ValueType::Text, "program, where `run` is not used")
        .aliases(&["cmd"])
        .not_empty(),
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
        value: ValueType::PathTemplate,
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
    fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = read.ways_to_say_it();
        problems.extend(pipeline::check(read.steps.as_deref()));
        problems.extend(read.command_is_settled());
        problems.none_or(read)
    }

    /// Whether the author alone chooses what `command` runs with `args`; of `run` that is said where it is read.
    fn command_is_settled(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let Some(command) = &self.command else {
            return problems;
        };
        let argv: Vec<&String> = std::iter::once(command).chain(&self.args).collect();
        let variables = foreign_variables(&self.env);
        for foreign in foreign_texts_beside(&argv, &program_texts(&argv), &variables) {
            let field = match foreign.index.checked_sub(1) {
                None => FieldPath::to("command"),
                Some(item) => FieldPath::to("args").item(item),
            };
            problems.add(&field, "chosen_outside", foreign.message, foreign.hint);
        }
        problems
    }

    /// There is one way to say what is run, and each other than the first that is written is one too many.
    fn ways_to_say_it(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let ways = [
            ("run", !self.run.is_empty()),
            ("steps", self.steps.is_some()),
            ("command", self.command.is_some()),
        ];
        let mut written = ways.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key);
        let Some(first) = written.next() else {
            let hint = "write `run: [program, argument, …]`, or `steps` with several";
            problems.add(
                &FieldPath::whole(),
                "missing_property",
                "`execute` says nothing to run",
                hint,
            );
            return problems;
        };
        for key in written {
            let message = format!("`execute` has both `{first}` and `{key}`");
            problems.add(
                &FieldPath::to(key),
                "conflicting_keys",
                message,
                "keep one of them",
            );
        }
        if !self.args.is_empty() && self.command.is_none() {
            let message = "`args` belongs to `command`, which is not there";
            let hint = "put the arguments behind the program in `run`";
            problems.add(&FieldPath::to("args"), "misplaced_key", message, hint);
        }
        problems
    }

    fn steps(&self, context: &GoalContext<'_>, placeholders: &Placeholders) -> Result<Vec<Step>, KindError> {
        if let Some(steps) = &self.steps {
            return pipeline::steps(
                steps,
                (&self.directory, &self.env),
                &context.record.push,
                placeholders,
            );
        }
        let resolved = placeholders.argv_beside(&self.argv(), &[&self.env])?;
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

    fn runs_process(&self, _arguments: &Value) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        Arguments::read(arguments).map(|_| ())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = Arguments::read(&context.goal.definition().work.arguments)?;
        let placeholders = Placeholders::of(context).await?;
        let steps = arguments.steps(context, &placeholders)?;
        let environment = placeholders.variables(&arguments.env)?;
        if steps.is_empty() {
            return Ok(Begun::Ended(nothing_to_do()));
        }
        Ok(Begun::Process(ProcessRequest {
            steps,
            environment,
            timeout: running::timeout(arguments.timeout),
            grace: running::grace(arguments.grace),
        }))
    }
}
