//! `transform`: programs that change repositories because somebody asks for it, one commit for each (semantics 5.5).
//!
//! The programs run as one step of our own program (`own/transform.rs`), which leaves the commit as a pack. What becomes of it
//! is decided in [`conclude`]: shown and forgotten in a dry run, else sent to a branch, never by force, never into a work tree.

pub(super) mod arguments;
mod conclude;
pub(super) mod message;
pub mod order;

use async_trait::async_trait;
use serde_json::Value;

use super::resolve::Placeholders;
use super::{
    Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, ask_to_merge, machine, part_tests,
    refuse_untrusted,
};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, FieldPath, ValueType};
use crate::ports::store::Cause;
use arguments::{Arguments, Presentation, Programs, Written};
pub use arguments::{asks_to_merge, own_branch};
pub(super) use conclude::{Made, made, shown_difference};
use order::{Order, Ordered, Purpose};

pub(super) struct Transform;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    name: "transform",
    aliases: &[],
    value: Some(ValueType::Fields(arguments::FIELDS)),
    by_use: false,
    help: "Runs programs that change the repositories it is asked for, and pushes what they changed as one commit to each; a \
           dry run shows the difference and pushes nothing.",
    example: "name: license\ntransform: {run: [./scripts/set-license, \"${parameters.license}\"]}",
};

#[async_trait]
impl Kind for Transform {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn can_be_taken_over(&self, _result: &ExecutionResult) -> bool {
        false
    }

    fn runs_process(&self, _arguments: &Value) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        let mut problems = Arguments::read(arguments).map_or_else(|found| found, |read| read.unused());
        match Programs::read("transform", arguments) {
            Ok(programs) if programs.is_empty() => {
                let hint = "write `run: [program, argument, …]`, or `steps` with several";
                let message = "`transform` says nothing to run";
                problems.add(&FieldPath::whole(), "missing_property", message, hint);
            }
            Ok(programs) => problems.extend(programs.check_commit()),
            Err(found) => problems.extend(found),
        }
        problems.none_or(())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        refuse_untrusted(context)?;
        let work = &context.goal.definition().work;
        let arguments = Arguments::read(&work.arguments)?;
        may_have_its_branch(context)?;
        let asks = arguments.presentation == Presentation::PullRequest && !is_dry_run(context);
        if asks {
            // Before anything is pushed that nobody would be asked to merge.
            let place = ask_to_merge::place(context)
                .await
                .map_err(|because| no_place(context, &because))?;
            ask_to_merge::may_ask(context, &place).await?;
        }
        let programs = Programs::read("transform", &work.arguments)?;
        let request = request(context, &programs, Purpose::Transform).await?;
        Ok(Begun::Process(request))
    }

    async fn conclude(
        &self,
        context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        conclude::conclude(context, ended).await
    }
}

/// Before anything runs: a branch that cannot be, or is the one that everybody works on.
fn may_have_its_branch(context: &GoalContext<'_>) -> Result<(), KindError> {
    let (definition, repo) = (context.goal.definition(), &context.record.push.repo);
    let arguments = &definition.work.arguments;
    let own = own_branch(arguments, &definition.parameters, &repo.slug, &definition.name)?;
    match own {
        Some(own) if repo.default_branch.as_ref() == Some(&own) => Err(KindError::Definition(format!(
            "{own} is the default branch, and the commit goes to a branch of its own: name another one in `branch`, or write \
             `presentation: commit`"
        ))),
        Some(_) | None => Ok(()),
    }
}

fn no_place(context: &GoalContext<'_>, because: &str) -> KindError {
    KindError::Definition(format!(
        "`presentation: pull_request` needs a forge for {}: {because}; name its origin in `forges` of the configuration, or leave \
         the commit on a branch with `branch`",
        context.record.push.repo.slug
    ))
}

/// Whether nothing is to be changed.
pub(super) fn is_dry_run(context: &GoalContext<'_>) -> bool {
    matches!(context.record.cause, Cause::Command { dry_run: true, .. })
}

/// The step that runs the programs whose tests hold.
pub(super) async fn request(
    context: &GoalContext<'_>,
    programs: &Programs,
    purpose: Purpose,
) -> Result<ProcessRequest, KindError> {
    let name = &context.goal.definition().name;
    let relevant = part_tests::that_hold(context, programs.all(name), Written::part).await?;
    let placeholders = Placeholders::of(context).await?;
    let mut ordered = Vec::new();
    for program in relevant {
        let resolved = placeholders.argv_beside(&program.run, &[&programs.env])?;
        ordered.push(Ordered {
            name: program.name,
            argv: resolved.argv,
            environment: resolved.environment,
        });
    }
    let text = programs.text(name, &placeholders)?;
    let author = programs.author(&placeholders)?;
    let order = Order {
        programs: ordered,
        directory: programs.directory.clone(),
        message: message::of_command(DESCRIPTOR.name, &text, name).map_err(KindError::Definition)?,
        author: message::author(&author).map_err(KindError::Definition)?,
        committer: machine(),
        at: context.now,
        purpose,
    };
    let order = serde_json::to_value(&order).map_err(|error| KindError::Definition(error.to_string()))?;
    Ok(ProcessRequest {
        steps: vec![Step::own("", order::VERB, order)],
        environment: placeholders.variables(&programs.env)?,
        timeout: programs.timeout(),
        grace: programs.grace(),
    })
}
