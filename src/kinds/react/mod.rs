//! `react`: programs that look at what a push changes and say what follows (semantics 4.3).
//!
//! Programs run side by side in one step of our own (`own/react.rs`). Containers are run as those of any goal in containers are, and
//! told which files changed.

mod arguments;
pub mod order;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::containers::{self, Wanted};
use super::left::{code_left, read_left};
use super::part_tests;
use super::resolve::Placeholders;
use super::{Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, globs, look_into};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, StateName, ValueType};
use crate::ports::containers::Pull;
use arguments::{Arguments, Written};
use order::{OUTCOME_FILE, Order, Outcome, Reaction, Response};

pub(super) struct React;

/// Largest outcome of the step, in bytes.
const MAX_OUTCOME: u64 = 4 << 20;

static DESCRIPTOR: Descriptor = Descriptor {
    name: "react",
    aliases: &["push_impact"],
    value: Some(ValueType::Fields(arguments::FIELDS)),
    by_use: false,
    help: "Runs programs on what the push changes, listed in the file `SDM_CHANGED_FILES`, separated by NUL; one that fails fails the goal, one \
           that writes `{\"state\": \"waiting_for_approval\"}` to `ATOMIST_RESULT` asks a person.",
    example: "name: migrations\nreact: {run: [./scripts/review-migration], changed: [\"migrations/**\"]}",
};

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

    fn images(&self, arguments: &Value) -> Vec<(String, Pull)> {
        let read = Arguments::read(arguments).ok();
        let containers = read.and_then(|arguments| arguments.containers);
        containers.map_or_else(Vec::new, |containers| containers.images())
    }

    async fn images_for(&self, context: &GoalContext<'_>) -> Result<Vec<(String, Pull)>, KindError> {
        let arguments = arguments_of(context)?;
        let Some(containers) = arguments.containers.clone() else {
            return Ok(Vec::new());
        };
        match what_reacts(context, &arguments).await?.reactions.is_empty() {
            true => Ok(Vec::new()),
            false => containers::images_for(context, containers).await,
        }
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = arguments_of(context)?;
        let WhatReacts { changed, reactions } = what_reacts(context, &arguments).await?;
        if reactions.is_empty() {
            return Ok(Begun::Ended(ExecutionResult {
                phase: Some("nothing to react to".to_owned()),
                ..ExecutionResult::success()
            }));
        }
        if let Some(containers) = &arguments.containers {
            return in_containers(context, containers.clone(), changed.as_deref()).await;
        }
        let placeholders = Placeholders::of(context).await?;
        let environment = placeholders.variables(&arguments.env)?;
        let order = Order {
            reactions: ordered(reactions, (&placeholders, &arguments.env))?,
            directory: arguments.directory.clone(),
            changed,
        };
        let order = serde_json::to_value(&order).map_err(|error| KindError::Definition(error.to_string()))?;
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step::own("", order::VERB, order)],
            environment,
            timeout: arguments.timeout(),
            grace: arguments.grace(),
        }))
    }

    async fn conclude(
        &self,
        context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        if arguments_of(context)?.containers.is_some() {
            return containers::concluded(context, ended).await;
        }
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

fn arguments_of(context: &GoalContext<'_>) -> Result<Arguments, KindError> {
    Ok(Arguments::read(&context.goal.definition().work.arguments)?)
}

/// What of a goal is concerned by a push.
struct WhatReacts {
    /// The changed files; none when they cannot be known.
    changed: Option<Vec<String>>,
    reactions: Vec<Written>,
}

async fn what_reacts(context: &GoalContext<'_>, arguments: &Arguments) -> Result<WhatReacts, KindError> {
    let changed = look_into(context, |view| view.changed_files()).await?;
    let changed = changed.map_err(|error| KindError::Definition(error.to_string()))?;
    let changed = changed.map(|changed| changed.to_vec());
    let all = arguments.reactions(&context.goal.definition().name);
    let asked_for = part_tests::that_hold(context, all, Written::part).await?;
    let reactions = relevant(&asked_for, changed.as_deref())?;
    Ok(WhatReacts { changed, reactions })
}

fn ordered(
    reactions: Vec<Written>,
    (placeholders, env): (&Placeholders, &BTreeMap<String, String>),
) -> Result<Vec<Reaction>, KindError> {
    let one = |reaction: Written| {
        let resolved = placeholders.argv_beside(&reaction.run, &[env])?;
        Ok(Reaction {
            name: reaction.name,
            argv: resolved.argv,
            environment: resolved.environment,
        })
    };
    reactions.into_iter().map(one).collect()
}

/// The reaction that is carried out in containers, which are told of the changes.
async fn in_containers(
    context: &GoalContext<'_>,
    containers: containers::Arguments,
    changed: Option<&[String]>,
) -> Result<Begun, KindError> {
    let (timeout, grace) = (containers.timeout(), containers.grace());
    let wanted = Wanted {
        changed,
        ..Wanted::default()
    };
    let driven = containers::driven(context, containers, wanted).await?;
    Ok(containers::begun(driven, timeout, grace))
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
        return ExecutionResult {
            code: code_left(outcome.code),
            ..ExecutionResult::failure(format!("{} failed", failed.join(", ")))
        };
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
        let outcome = Outcome {
            responses,
            code: None,
        };
        verdict(&outcome).outcome(false)
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

    #[test]
    fn semantics_3_13_a_failure_has_the_code_that_all_failing_programs_share() {
        let code = |code| {
            let responses = vec![("r".to_owned(), Response::Fail)];
            verdict(&Outcome { responses, code }).code
        };
        assert_eq!(
            (code(Some(75)), code(None), code(Some(0)), code(Some(-3))),
            (75, 1, 1, 1)
        );
    }
}
