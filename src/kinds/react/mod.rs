//! `react`: programs that look at what a push changes and say what follows (semantics 4.3).

pub mod order;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::left::read_left;
use super::part_tests::{self, Part};
use super::resolve::Placeholders;
use super::{
    Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, globs, look_into, part_names, read,
};
use crate::model::running::{DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{
    ArgumentProblems, Descriptor, ExecutionResult, Field, FieldPath, StateName, TestExpression, ValueType,
};
use order::{OUTCOME_FILE, Order, Outcome, Reaction, Response};

pub(super) struct React;

/// Largest outcome of the step, in bytes.
const MAX_OUTCOME: u64 = 4 << 20;

const REACTION_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    Field::new(
        "changed",
        ValueType::List(&ValueType::Glob),
        "it runs only when the push changes one of these files",
    )
    .not_empty(),
    Field::new(
        "test",
        ValueType::Test,
        "a push test: without it this reaction is left out",
    ),
];

static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "program and arguments of the only reaction",
    ),
    Field::new(
        "changed",
        ValueType::List(&ValueType::Glob),
        "it runs only when the push changes one of these files",
    )
    .not_empty(),
    Field::new(
        "reactions",
        ValueType::List(&ValueType::Fields(REACTION_FIELDS)),
        "several reactions, side by side",
    ),
    TIMEOUT,
    GRACE,
    ENV,
    DIRECTORY,
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "react",
    aliases: &["push_impact"],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Runs programs on what the push changes, listed in the file `SDM_CHANGED_FILES`; one that fails fails the goal, one \
           that writes `{\"state\": \"waiting_for_approval\"}` to `ATOMIST_RESULT` asks a person.",
    example: "name: migrations\nreact: {run: [./scripts/review-migration], changed: [\"migrations/**\"]}",
};

#[derive(Debug, Clone, Deserialize)]
struct Written {
    name: String,
    run: Vec<String>,
    #[serde(default)]
    changed: Vec<String>,
    #[serde(default)]
    test: Option<TestExpression>,
}

impl Written {
    /// It with its test.
    fn part(&self) -> Part<'_> {
        (&self.name, self.test.as_ref())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    run: Vec<String>,
    changed: Vec<String>,
    reactions: Vec<Written>,
    timeout: Option<u64>,
    grace: Option<u64>,
    env: BTreeMap<String, String>,
    directory: String,
}

impl Arguments {
    fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = read.ways_to_say_it();
        let list = FieldPath::to("reactions");
        let names = read.reactions.iter().map(|reaction| reaction.name.as_str());
        problems.extend(part_names::check(&list, "reaction", names));
        problems.extend(part_tests::check(&list, read.reactions.iter().map(Written::part)));
        problems.none_or(read)
    }

    fn ways_to_say_it(&self) -> ArgumentProblems {
        let list = FieldPath::to("reactions");
        let mut problems = ArgumentProblems::default();
        match (self.run.is_empty(), self.reactions.is_empty()) {
            (false, false) => {
                let message = "`react` has both `run` and `reactions`";
                problems.add(
                    &list,
                    "conflicting_keys",
                    message,
                    "make `run` one of the reactions",
                );
            }
            (true, true) => {
                let hint = "write `run: [program, argument, …]`, or `reactions` with several";
                let message = "`react` says nothing to run";
                problems.add(&FieldPath::whole(), "missing_property", message, hint);
            }
            (true, false) if !self.changed.is_empty() => {
                let hint = "write `changed` at each reaction that it is meant for";
                let message = "`changed` belongs to `run`, which is not there";
                problems.add(&FieldPath::to("changed"), "misplaced_key", message, hint);
            }
            (true | false, true | false) => {}
        }
        problems
    }

    fn reactions(&self, goal: &str) -> Vec<Written> {
        match self.run.is_empty() {
            true => self.reactions.clone(),
            false => vec![Written {
                name: goal.to_owned(),
                run: self.run.clone(),
                changed: self.changed.clone(),
                test: None,
            }],
        }
    }
}

#[async_trait]
impl Kind for React {
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
        let changed = look_into(context, |view| view.changed_files()).await?;
        let changed = changed.map_err(|error| KindError::Definition(error.to_string()))?;
        let all = arguments.reactions(&context.goal.definition().name);
        let asked_for = part_tests::that_hold(context, all, Written::part).await?;
        let relevant = relevant(&asked_for, changed.as_deref())?;
        if relevant.is_empty() {
            return Ok(Begun::Ended(ExecutionResult {
                phase: Some("nothing to react to".to_owned()),
                ..ExecutionResult::success()
            }));
        }
        let placeholders = Placeholders::of(context).await?;
        let environment = placeholders.variables(&arguments.env)?;
        let mut reactions = Vec::new();
        for reaction in relevant {
            let resolved = placeholders.argv_beside(&reaction.run, &[&arguments.env])?;
            reactions.push(Reaction {
                name: reaction.name,
                argv: resolved.argv,
                environment: resolved.environment,
            });
        }
        let order = Order {
            reactions,
            directory: arguments.directory.clone(),
            changed: changed.map(|changed| changed.to_vec()),
        };
        let order = serde_json::to_value(&order).map_err(|error| KindError::Definition(error.to_string()))?;
        let milliseconds = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step::own("", order::VERB, order)],
            environment,
            timeout: milliseconds(arguments.timeout, Duration::from_secs(600)),
            grace: milliseconds(arguments.grace, Duration::from_secs(30)),
        }))
    }

    async fn conclude(
        &self,
        _context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        if ended.result.code != 0 || ended.result.state.is_some() {
            return Ok(ended.result);
        }
        let left = read_left(&ended.output.join(OUTCOME_FILE), MAX_OUTCOME);
        let outcome: Option<Outcome> = left.map_err(|error| {
            KindError::Definition(format!("what the reactions left cannot be read: {error}"))
        })?;
        Ok(match outcome {
            Some(outcome) => verdict(&outcome),
            None => ExecutionResult::failure("the reactions left no outcome"),
        })
    }
}

/// Reactions to these changes; when they cannot be known, all (2.5: unknown is material).
fn relevant(reactions: &[Written], changed: Option<&[String]>) -> Result<Vec<Written>, KindError> {
    let mut relevant = Vec::new();
    for reaction in reactions {
        let wanted = globs(&reaction.changed).map_err(KindError::Definition)?;
        let concerns = |changed: &[String]| changed.iter().any(|path| wanted.is_match(path));
        if reaction.changed.is_empty() || changed.is_none_or(concerns) {
            relevant.push(reaction.clone());
        }
    }
    Ok(relevant)
}

/// Any failure wins, then any approval (PI-01, PI-02).
fn verdict(outcome: &Outcome) -> ExecutionResult {
    let of = |wanted: &[Response]| -> Vec<&str> {
        let all = outcome
            .responses
            .iter()
            .filter(|(_, response)| wanted.contains(response));
        all.map(|(name, _)| name.as_str()).take(10).collect()
    };
    let (failed, asking) = (of(&[Response::Fail]), of(&[Response::RequireApproval]));
    if !failed.is_empty() {
        return ExecutionResult::failure(format!("{} failed", failed.join(", ")));
    }
    match asking.is_empty() {
        true => ExecutionResult::success(),
        false => ExecutionResult {
            state: Some(StateName::WaitingForApproval),
            phase: Some(format!("{} asks for approval", asking.join(", "))),
            ..ExecutionResult::success()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, changed: &[&str]) -> Written {
        Written {
            name: name.to_owned(),
            run: vec!["x".to_owned()],
            changed: changed.iter().map(ToString::to_string).collect(),
            test: None,
        }
    }

    fn outcome(responses: &[Response]) -> StateName {
        let responses = responses
            .iter()
            .map(|response| ("r".to_owned(), *response))
            .collect();
        verdict(&Outcome { responses }).outcome(false)
    }

    #[test]
    fn pi_01_a_reaction_runs_when_it_is_concerned() {
        let all = [
            written("any", &[]),
            written("docs", &["docs/**"]),
            written("src", &["src/**"]),
        ];
        let changed = ["src/a.rs".to_owned()];
        let names = |changed: Option<&[String]>| -> Vec<String> {
            relevant(&all, changed)
                .unwrap()
                .into_iter()
                .map(|one| one.name)
                .collect()
        };
        assert_eq!(names(Some(&changed)), ["any", "src"]);
        assert_eq!(names(None), ["any", "docs", "src"]);
    }

    #[test]
    fn pi_01_pi_02_failure_wins_then_approval() {
        use Response::{Fail, Proceed, RequireApproval};
        assert_eq!(outcome(&[Proceed]), StateName::Success);
        assert_eq!(outcome(&[Proceed, Fail, RequireApproval]), StateName::Failure);
        assert_eq!(
            outcome(&[Proceed, RequireApproval]),
            StateName::WaitingForApproval
        );
    }
}
