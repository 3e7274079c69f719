//! `inspect`: reads what tools say of a commit and decides what follows (semantics 4.2).
//!
//! The tools run as one step of our own program (`own/inspect.rs`), which reads their reports ([`report`]) and shows what they
//! say in the log. One that is carried out in containers runs in a step before it, which keeps its report. The patterns of the author are looked for in the commit itself ([`reviewer`]). All comments together are one
//! review, kept with the goal, and [`verdict`] makes an outcome of it.

mod arguments;
pub mod order;
pub mod report;
mod reviewer;
mod verdict;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::containers::{self, Driven, Wanted};
use super::left::{code_left, read_left};
use super::resolve::Placeholders;
use super::{Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, globs, look_into, part_tests};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, News, Review, ReviewComment, ValueType};
use crate::ports::containers::Pull;
use crate::ports::executor::{LARGEST_REVIEW, OnFailure};
use arguments::{Arguments, WrittenInspection};
use order::{Inspection, OUTCOME_FILE, Order, Outcome};
use reviewer::Reviewer;

pub(super) struct Inspect;

/// What it is called; it changes nothing.
pub const NAME: &str = "inspect";

static DESCRIPTOR: Descriptor = Descriptor {
    name: NAME,
    aliases: &["code_inspection"],
    value: Some(ValueType::Fields(arguments::FIELDS)),
    by_use: false,
    help: "Runs tools that comment on the code, keeps their comments, and fails or asks for approval by their severity.",
    example: "name: lint\ninspect: {run: [cargo, clippy, --message-format=json], report: cargo, approve_on: warn}",
};

#[async_trait]
impl Kind for Inspect {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn runs_process(&self, arguments: &Value) -> bool {
        Arguments::read(arguments).map_or(true, |arguments| arguments.runs_tools())
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
        match arguments_of(context)?.containers {
            Some(containers) => containers::images_for(context, containers).await,
            None => Ok(Vec::new()),
        }
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = arguments_of(context)?;
        let inspections = arguments.inspections(&context.goal.definition().name);
        let mut inspections = part_tests::that_hold(context, inspections, WrittenInspection::part).await?;
        let in_containers = match in_containers(context, &arguments).await? {
            Some(Driven::By(step)) => Some(*step),
            Some(Driven::Nothing(because)) => {
                inspections.retain(|inspection| !inspection.in_containers);
                if inspections.is_empty() && arguments.patterns.is_empty() {
                    return Ok(Begun::Ended(containers::skipped(&because)));
                }
                None
            }
            None => None,
        };
        if inspections.is_empty() && arguments.patterns.is_empty() {
            return Ok(Begun::Ended(ExecutionResult {
                description: Some("No code inspections configured".to_owned()),
                ..ExecutionResult::success()
            }));
        }
        if inspections.is_empty() {
            return decide(context, &arguments, Outcome::default(), None)
                .await
                .map(Begun::Ended);
        }
        let placeholders = Placeholders::of(context).await?;
        let environment = placeholders.variables(&arguments.env)?;
        let order = Order {
            inspections: ordered(inspections, &arguments.env, &placeholders)?,
            directory: arguments.directory.clone(),
        };
        let order = serde_json::to_value(&order).map_err(|error| KindError::Definition(error.to_string()))?;
        let clearing = in_containers.is_some().then_some(containers::CLEARING);
        Ok(Begun::Process(ProcessRequest {
            steps: steps(in_containers, order),
            environment,
            timeout: arguments.timeout(),
            grace: arguments.grace() + clearing.unwrap_or_default(),
        }))
    }

    async fn conclude(
        &self,
        context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        let report = containers::read_report(&ended).await;
        let moved = containers::fix_images(context, &report.fixed).await?;
        if ended.result.code != 0 || ended.result.state.is_some() {
            return Ok(containers::with_images(ended.result, report.images));
        }
        let left = read_left(&ended.output.join(OUTCOME_FILE), LARGEST_REVIEW);
        let outcome = left.map_err(|error| {
            KindError::Definition(format!("what the inspections left cannot be read: {error}"))
        })?;
        let mut result = match outcome {
            Some(outcome) => decide(context, &arguments_of(context)?, outcome, report.hindered()).await?,
            None => ExecutionResult::failure("the inspections left no outcome"),
        };
        if !report.fixed.is_empty() {
            result.phase = containers::meaningful(result.phase);
        }
        let result = containers::with_images(result, report.images);
        Ok(containers::held_to_images(result, moved))
    }
}

/// What drives the inspection in containers, when there is one.
async fn in_containers(
    context: &GoalContext<'_>,
    arguments: &Arguments,
) -> Result<Option<Driven>, KindError> {
    let Some(containers) = arguments.containers.clone() else {
        return Ok(None);
    };
    let wanted = Wanted {
        report: Some(arguments.wanted_report()),
        ..Wanted::default()
    };
    containers::driven(context, containers, wanted).await.map(Some)
}

fn ordered(
    inspections: Vec<WrittenInspection>,
    variables: &BTreeMap<String, String>,
    placeholders: &Placeholders,
) -> Result<Vec<Inspection>, KindError> {
    let one = |inspection: WrittenInspection| {
        let resolved = placeholders.argv_beside(&inspection.run, &[variables])?;
        Ok(Inspection {
            name: inspection.name,
            argv: resolved.argv,
            environment: resolved.environment,
            report: inspection.report,
            report_file: inspection.report_file,
            pattern: inspection.pattern,
            in_containers: inspection.in_containers,
        })
    };
    inspections.into_iter().map(one).collect()
}

/// The containers, whose code is one for the next step to judge; and that step.
fn steps(in_containers: Option<Step>, order: Value) -> Vec<Step> {
    match in_containers {
        None => vec![Step::own("", order::VERB, order)],
        Some(step) => vec![
            Step {
                name: "inspecting in containers".to_owned(),
                on_failure: OnFailure::IsIgnored,
                ..step
            },
            Step::own("reading the report", order::VERB, order),
        ],
    }
}

fn arguments_of(context: &GoalContext<'_>) -> Result<Arguments, KindError> {
    Ok(Arguments::read(&context.goal.definition().work.arguments)?)
}

/// One review of everything that was said, kept, and what follows from it. Containers that were `hindered` are no inspection that
/// failed, so nobody has said that it is to be ignored.
async fn decide(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    outcome: Outcome,
    hindered: Option<&str>,
) -> Result<ExecutionResult, KindError> {
    let code = code_left(outcome.code);
    let mut errors: Vec<String> = outcome.errors.into_iter().take(100).collect();
    let by_pattern = match review_patterns(context, arguments).await? {
        Ok(comments) => comments,
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    };
    let mut review = Review::consolidated([Review::of(outcome.comments), Review::of(by_pattern)]);
    review.left_out += outcome.left_out;
    let set = context.record.set.id;
    context
        .store
        .save_review(set, &context.goal.key(), &review)
        .await?;
    let result = arguments.policy().verdict(&review);
    if arguments.to_channels && review.count() > 0 {
        let tally = result.phase.as_deref().unwrap_or_default();
        let push = &context.record.push;
        let said = format!("{tally} at {} of {}", push.after.short(), push.branch);
        tell(context, &said).await?;
    }
    if errors.is_empty() {
        return Ok(with_code(result, code));
    }
    tell(context, &errors.join("; ")).await?;
    let first = hindered.unwrap_or(&errors[0]);
    let said = format!("{} failed: {first}", counted(errors.len()));
    let result = match arguments.ignores_errors() && hindered.is_none() {
        true => ExecutionResult {
            phase: Some(format!("{} failed and that is ignored", counted(errors.len()))),
            ..result
        },
        false => verdict::without_verdict(result, &review, said),
    };
    Ok(with_code(result, code))
}

/// A failure with the code of the tools, which `retry: {codes}` is about.
fn with_code(result: ExecutionResult, code: i32) -> ExecutionResult {
    match result.code {
        0 => result,
        _ => ExecutionResult { code, ..result },
    }
}

fn counted(errors: usize) -> String {
    match errors {
        1 => "an inspection".to_owned(),
        several => format!("{several} inspections"),
    }
}

async fn tell(context: &GoalContext<'_>, said: &str) -> Result<(), KindError> {
    let text = format!("{}: {said}", context.goal.definition().name);
    let news = News::Message {
        text: text.chars().take(1000).collect(),
        repo: Some(context.record.push.repo.slug.clone()),
    };
    Ok(context.store.say(&news, context.now).await?)
}

/// Looks for the patterns in the commit; what is wrong with the content is an error of the inspection.
async fn review_patterns(
    context: &GoalContext<'_>,
    arguments: &Arguments,
) -> Result<Result<Vec<ReviewComment>, String>, KindError> {
    if arguments.patterns.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let reviewer = Reviewer::new(&arguments.patterns)?;
    Ok(look_into(context, move |view| reviewer.review(view))
        .await?
        .map_err(|error| error.to_string()))
}
