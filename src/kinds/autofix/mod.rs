//! `autofix`: programs that mend the pushed commit, each as a commit of its own, in one push (semantics 4.1).
//!
//! The fixes run as one step of our own program (`own/autofix.rs`) that commits between them and leaves the commits as a pack.
//! What becomes of those commits is decided in [`conclude`]: nothing a goal leaves is believed, nothing is forced, and what lies
//! in a developer's work tree is not touched unless its author said so and it is clean.

mod arguments;
mod conclude;
mod message;
pub mod order;
mod proof;

use async_trait::async_trait;
use serde_json::Value;

use super::containers::One;
use super::resolve::Placeholders;
use super::{
    Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, containers, kept_out, machine,
    part_tests,
};
use crate::model::push::Trust;
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult};
use crate::ports::containers::Pull;
use arguments::{Arguments, WrittenFix};
use order::{Fix, Order};

/// The phase of one that found everything in order.
const NOTHING_TO_MEND: &str = "nothing to mend";

pub(super) struct Autofix;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    name: "autofix",
    aliases: &[],
    value: Some(crate::model::ValueType::Fields(arguments::FIELDS)),
    by_use: false,
    help: "Runs programs that mend the commit, and pushes what they changed as commits of their own.",
    example: "name: format\nautofix: {run: [cargo, fmt]}",
};

#[async_trait]
impl Kind for Autofix {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    /// What found nothing to mend finds nothing in the same files; what was mended was this commit's.
    fn can_be_taken_over(&self, result: &ExecutionResult) -> bool {
        result.phase.as_deref() == Some(NOTHING_TO_MEND)
    }

    /// The branch has a name of the commit in it unless its author says otherwise.
    fn where_changes_go(&self) -> &'static [&'static str] {
        &["branch"]
    }

    fn runs_process(&self, _arguments: &Value) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        let arguments = Arguments::read(arguments)?;
        let mut problems = arguments.check_branch();
        problems.extend(arguments.check_image());
        problems.none_or(())
    }

    fn images(&self, arguments: &Value) -> Vec<(String, Pull)> {
        let image = Arguments::read(arguments).ok().and_then(|read| read.image);
        image.into_iter().map(|image| (image, Pull::default())).collect()
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let work = &context.goal.definition().work;
        let arguments = Arguments::read(&work.arguments)?;
        let push = &context.record.push;
        if push.trust == Trust::Untrusted {
            // Nothing of a stranger's is pushed in the machine's name (threat B10).
            return Ok(Begun::Ended(said(
                "Autofixes not executing",
                "the push is not trusted",
            )));
        }
        let heads = context.scm.heads(&push.repo).await?;
        let because = match heads.branches.get(&push.branch) {
            Some(head) if *head == push.after => None,
            Some(_) => Some("a newer commit exists"),
            // Deleted meanwhile, or what is not committed yet.
            None => Some("the commit is on no branch"),
        };
        if let Some(because) = because {
            return Ok(Begun::Ended(said("Autofixes not executing", because)));
        }
        let fixes = arguments.fixes(&context.goal.definition().name);
        let concerned = part_tests::that_hold(context, fixes, WrittenFix::part).await?;
        if concerned.is_empty() {
            return Ok(Begun::Ended(said(
                "No autofixes applied",
                "none is for this push",
            )));
        }
        let mut relevant = Vec::new();
        for fix in concerned {
            if !proof::is_in_push(context, &fix.name).await? {
                relevant.push(fix);
            }
        }
        if relevant.is_empty() {
            return Ok(Begun::Ended(said(
                "No autofixes applied",
                "this push is made by them",
            )));
        }
        let placeholders = Placeholders::of(context).await?;
        let environment = placeholders.variables(&arguments.env)?;
        let mut ordered = Vec::new();
        for fix in relevant {
            let ordering = (&placeholders, environment.as_slice());
            ordered.push(ordered_fix(context, &arguments, ordering, &fix).await?);
        }
        let order = Order {
            fixes: ordered,
            directory: arguments.directory.clone(),
            left_out: kept_out::files(&context.goal.definition().secrets),
            author: arguments.author(push),
            committer: machine(),
            at: context.now,
        };
        let order = serde_json::to_value(&order).map_err(|error| KindError::Definition(error.to_string()))?;
        let clearing = arguments.image.as_ref().map(|_| containers::CLEARING);
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step::own("", order::VERB, order)],
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
        let result = match (moved, ended.result.code) {
            (Some(because), 0) => ExecutionResult::failure(because),
            (Some(_) | None, _) => conclude::conclude(context, ended).await?,
        };
        Ok(containers::with_images(result, report.images))
    }
}

/// What is told of a fix.
async fn ordered_fix(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    (placeholders, environment): (&Placeholders, &[(String, String)]),
    fix: &WrittenFix,
) -> Result<Fix, KindError> {
    let resolved = placeholders.argv_beside(&fix.run, &[&arguments.env])?;
    let goal = &context.goal.definition().name;
    let container = match &arguments.image {
        Some(image) => {
            let one = One {
                name: "autofix",
                image,
                argv: &fix.run,
                environment,
                directory: &arguments.directory,
                grace: arguments.grace(),
            };
            Some(containers::order_of_one(context, placeholders, &one).await?)
        }
        None => None,
    };
    Ok(Fix {
        message: message::of_fix(&fix.name, goal),
        name: fix.name.clone(),
        argv: resolved.argv,
        environment: resolved.environment,
        ignore_failure: fix.ignore_failure,
        container,
    })
}

/// Success with a text and a reason.
fn said(description: &str, phase: &str) -> ExecutionResult {
    ExecutionResult {
        description: Some(description.to_owned()),
        phase: Some(phase.to_owned()),
        ..ExecutionResult::success()
    }
}
