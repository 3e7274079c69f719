//! `generate`: new repositories made of a seed: its files, changed by programs, with a history that begins anew
//! (semantics 5.6).
//!
//! The programs run as those of a transform do, on the seed. What they left is taken into the seed's mirror, and its files
//! become the first commit of a new repository, on this computer or at a forge ([`at_forge`]): nothing is ever written into one
//! that is there.

mod arguments;
mod at_forge;
mod conclude;

use std::fmt::Display;

use async_trait::async_trait;
use serde_json::Value;

use super::resolve::Placeholders;
use super::transform::{arguments::Programs, order::Purpose, request};
use super::{Begun, Ended, GoalContext, Kind, KindError, refuse_untrusted};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, ValueType};
use arguments::Arguments;

pub(super) struct Generate;

/// What becomes of a new repository whose place, on this computer or at a forge, is taken.
fn occupied(place: impl Display) -> ExecutionResult {
    ExecutionResult::failure(is_there(place))
}

fn is_there(place: impl Display) -> String {
    format!("{place} is there already, and nothing is written into it")
}

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    name: "generate",
    aliases: &[],
    value: Some(ValueType::Fields(arguments::FIELDS)),
    by_use: false,
    help: "Makes a new repository of a seed, on this computer or at a forge: its files, changed by programs, as the first commit of a \
           history of their own.",
    example: "name: new service\ngenerate: {seed: acme/service-seed, run: [./scripts/rename, \"${parameters.name}\"]}",
};

#[async_trait]
impl Kind for Generate {
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
        let mut problems = Arguments::read(arguments).err().unwrap_or_default();
        match Programs::read("generate", arguments) {
            Ok(programs) => problems.extend(programs.check_commit()),
            Err(found) => problems.extend(found),
        }
        problems.none_or(())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        refuse_untrusted(context)?;
        let work = &context.goal.definition().work;
        let arguments = Arguments::read(&work.arguments)?;
        // Before anything runs: what cannot be named, said or put there.
        let placeholders = Placeholders::of(context).await?;
        let slug = arguments.slug(&placeholders)?;
        conclude::can_be_said(context, &placeholders)?;
        let (seed, below) = (&context.record.push.repo, arguments.below());
        if arguments.lies_here()
            && let Some(path) = context.scm.room_for(seed, &slug, below.as_deref()).await?
        {
            return Ok(Begun::Ended(occupied(path.display())));
        }
        if let Some(wanted) = arguments.at_forge(&placeholders)?
            && let Some(page) = at_forge::occupied_by(context, &wanted).await?
        {
            return Ok(Begun::Ended(occupied(&page)));
        }
        let programs = Programs::read("generate", &work.arguments)?;
        let request = request(context, &programs, Purpose::Generate).await?;
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
