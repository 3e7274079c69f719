//! Steps of `execute`: a pipeline in one working copy (semantics 4.11, EX-10).
//!
//! What steps share lies in the working copy. A step that fails ends the goal; one ends it on purpose by its `stop_code`
//! or by an end that it reports in `result.json`; `finally` steps run in any case.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::running::ENV;
use crate::model::{ArgumentProblems, Field, FieldPath, Push, ValueType};
use crate::ports::executor::{OnFailure, When};
use crate::rules::MemoryView;
use crate::rules::expression::{Evaluator, Expression};
use crate::rules::patterns::PatternSet;
use crate::rules::project::{Project, ProjectPatterns};
use crate::rules::push_test::PlanningFacts;

use super::resolve::Placeholders;
use super::{KindError, Step, part_names};

/// Most steps of a goal.
const MOST_STEPS: usize = 100;

const WHEN_HINT: &str =
    "`when` is CEL over `push` and `repo`; to look at files, use `only_if: [test, -e, FILE]`";

/// Keys of a step.
pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "name",
        ValueType::Text,
        "what it is called; the phase while it runs",
    )
    .required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    Field::new(
        "when",
        ValueType::Expression,
        "CEL over `push` and `repo`; when it is false, the step is skipped",
    ),
    Field::new(
        "only_if",
        ValueType::Argv,
        "a command that is run just before; when it ends with another code than 0, the step is skipped",
    ),
    Field::new(
        "finally",
        ValueType::Boolean,
        "whether it also runs after a failure, with `SDM_OUTCOME` in its environment",
    )
    .default("false"),
    Field::new(
        "ignore_failure",
        ValueType::Boolean,
        "whether the goal goes on when it fails",
    )
    .default("false"),
    Field::new(
        "stop_code",
        ValueType::Integer { min: 1, max: 255 },
        "the code by which it ends the goal on purpose and well",
    ),
    Field {
        help: "further variables of this step",
        ..ENV
    },
    Field::new(
        "directory",
        ValueType::PathTemplate,
        "where it runs, instead of the goal's directory; placeholders allowed",
    ),
];

/// A step as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StepArguments {
    name: String,
    run: Vec<String>,
    when: Option<String>,
    only_if: Option<Vec<String>>,
    finally: bool,
    ignore_failure: bool,
    stop_code: Option<i32>,
    env: BTreeMap<String, String>,
    directory: Option<String>,
}

/// What makes no sense of steps beyond their shape.
pub(super) fn check(steps: Option<&[StepArguments]>) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let Some(steps) = steps else { return problems };
    let all = FieldPath::to("steps");
    if steps.is_empty() {
        problems.add(&all, "empty_list", "`steps` is empty", "a goal runs at least one");
    }
    if steps.len() > MOST_STEPS {
        let message = format!("{} steps are too many", steps.len());
        problems.add(
            &all,
            "too_many",
            message,
            format!("a goal has at most {MOST_STEPS}"),
        );
    }
    let names = steps.iter().map(|step| step.name.as_str());
    problems.extend(part_names::check(&all, "step", names));
    for (index, step) in steps.iter().enumerate() {
        let refused = step.when.as_ref().and_then(|source| compiled(source).err());
        if let Some(message) = refused {
            let field = all.item(index).key("when");
            problems.add(&field, "invalid_expression", message, WHEN_HINT);
        }
    }
    problems
}

fn compiled(source: &str) -> Result<Expression, String> {
    let expression = Expression::compile(source, &[]).map_err(|refusal| refusal.message)?;
    match expression.asks_project() {
        true => Err("`when` of a step sees no files".to_owned()),
        false => Ok(expression),
    }
}

/// The steps to carry out for a push; those that do not apply are left out.
///
/// # Errors
/// An expression or a placeholder has no value for this push.
pub(super) fn steps(
    written: &[StepArguments],
    (directory, variables): (&str, &BTreeMap<String, String>),
    push: &Push,
    placeholders: &Placeholders,
) -> Result<Vec<Step>, KindError> {
    let mut steps = Vec::new();
    for step in written {
        if holds(step, push)? {
            let directory = step.directory.as_deref().unwrap_or(directory);
            let of_goal = (directory, variables);
            steps.extend(condition(step, of_goal, placeholders)?);
            steps.push(work(step, of_goal, placeholders)?);
        }
    }
    Ok(steps)
}

fn holds(step: &StepArguments, push: &Push) -> Result<bool, KindError> {
    let Some(source) = &step.when else {
        return Ok(true);
    };
    let problem = |problem: String| KindError::Definition(format!("step `{}`: {problem}", step.name));
    let expression = compiled(source).map_err(problem)?;
    let nothing = || PatternSet::default().finish();
    let patterns = ProjectPatterns {
        tree: nothing().map_err(problem)?,
        changed: nothing().map_err(problem)?,
    };
    let view = MemoryView::new();
    let project = Project::new(&view, &patterns);
    Evaluator::default()
        .evaluate(&expression, push, &PlanningFacts::default(), &project)
        .map_err(|error| problem(error.to_string()))
}

/// The command that rules the step out, as a step before it.
fn condition(
    step: &StepArguments,
    of_goal: (&str, &BTreeMap<String, String>),
    placeholders: &Placeholders,
) -> Result<Option<Step>, KindError> {
    let Some(argv) = &step.only_if else {
        return Ok(None);
    };
    let mut condition = command(step, argv, of_goal, placeholders)?;
    condition.name = format!("{}?", step.name);
    condition.on_failure = OnFailure::SkipsNext;
    Ok(Some(condition))
}

fn work(
    step: &StepArguments,
    of_goal: (&str, &BTreeMap<String, String>),
    placeholders: &Placeholders,
) -> Result<Step, KindError> {
    let mut work = command(step, &step.run, of_goal, placeholders)?;
    work.stop_code = step.stop_code;
    work.heeds_result = true;
    if step.ignore_failure {
        work.on_failure = OnFailure::IsIgnored;
    }
    Ok(work)
}

fn command(
    step: &StepArguments,
    argv: &[String],
    of_goal: (&str, &BTreeMap<String, String>),
    placeholders: &Placeholders,
) -> Result<Step, KindError> {
    let (directory, variables) = of_goal;
    let resolved = placeholders.argv_beside(argv, &[variables, &step.env])?;
    let mut environment = resolved.environment;
    environment.extend(placeholders.variables(&step.env)?);
    Ok(Step {
        directory: placeholders.directory(directory)?,
        environment,
        when: match step.finally {
            true => When::Finally,
            false => When::SuccessSoFar,
        },
        ..Step::program(&step.name, resolved.argv)
    })
}
