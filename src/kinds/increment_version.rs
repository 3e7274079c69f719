//! `increment_version`: the next version for whoever comes after a release, as a commit on the branch (semantics 4.6).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::delivery::{Delivered, MAX_CHAIN, how_to_take, to_pushed_branch};
use super::version::{base_version, version_file};
use super::{
    Begun, GoalContext, Kind, KindError, look_into, look_into_commit, machine, read, refuse_untrusted,
};
use crate::model::version::{Increment, VERSION_FILES, incremented, is_ahead, release};
use crate::model::{ArgumentProblems, CommitSha, Descriptor, ExecutionResult, Field, StateName, ValueType};
use crate::ports::scm::NewCommit;
use crate::rules::GENERATED_TRAILER;

pub(super) struct IncrementVersion;

/// How often a branch that moved under us is looked at again.
const TRIES: u32 = 3;

static FIELDS: &[Field] = &[
    Field::new(
        "part",
        ValueType::Choice(&["major", "minor", "patch"]),
        "which number is incremented",
    )
    .default("patch"),
    Field::new(
        "file",
        ValueType::Path,
        "the file that holds the version; `.version` or `VERSION` when absent",
    ),
    Field::new(
        "merge",
        ValueType::Choice(&["never", "if_clean"]),
        "whether a work tree on this computer that has the branch checked out is moved along when nothing in it is changed",
    )
    .default("never"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "increment_version",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Commits the next version to the version file on the branch, unless it is ahead already.",
    example: "use: increment_version\npart: minor",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    part: String,
    file: Option<String>,
    merge: String,
}

#[async_trait]
impl Kind for IncrementVersion {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        read::<Arguments>(arguments).map(|_| ())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = read(&context.goal.definition().work.arguments)?;
        refuse_untrusted(context)?;
        let push = &context.record.push;
        let chain = context
            .store
            .generated(&push.repo.key, &push.after)
            .await?
            .unwrap_or(0)
            + 1;
        if chain > MAX_CHAIN || is_increment(push.title()) {
            // Its own push sets it off again, unless a rule says otherwise (D10).
            return Ok(Begun::Ended(said("No increment: a goal made this push")));
        }
        for _ in 0..TRIES {
            if let Some(result) = increment(context, &arguments, chain).await? {
                return Ok(Begun::Ended(result));
            }
        }
        Ok(Begun::Ended(ExecutionResult::failure(
            "the branch moved each time the next version was to be pushed",
        )))
    }
}

/// One try; `None` when the branch moved meanwhile.
async fn increment(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    chain: u32,
) -> Result<Option<ExecutionResult>, KindError> {
    let push = &context.record.push;
    let heads = context.scm.heads(&push.repo).await?;
    let Some(head) = heads.branches.get(&push.branch).cloned() else {
        return Ok(Some(ExecutionResult {
            state: Some(StateName::Canceled),
            phase: Some("branch not found".to_owned()),
            ..ExecutionResult::success()
        }));
    };
    context.scm.fetch(&push.repo, &head).await?;
    let file = arguments.file.clone();
    let released = look_into(context, move |view| base_version(view, file.as_deref())).await?;
    let released = released.map_err(KindError::Definition)?;
    let part = Increment::parse(&arguments.part).unwrap_or(Increment::Patch);
    let next = incremented(&released, part).map_err(|error| KindError::Definition(error.to_string()))?;
    let file = arguments.file.clone();
    let stated = look_into_commit(context, &head, move |view| version_file(view, file.as_deref()));
    let stated = stated
        .await?
        .map_err(|error| KindError::Definition(error.to_string()))?;
    let (path, current) = match stated {
        Some(stated) => (
            stated.path.clone(),
            stated.version().map_err(KindError::Definition)?,
        ),
        None => (VERSION_FILES[0].to_owned(), released.clone()),
    };
    let is_done = current == next
        || is_ahead(&current, &next).map_err(|error| KindError::Definition(error.to_string()))?;
    if is_done {
        return Ok(Some(said(&format!("The version is at {current} already"))));
    }
    let commit = NewCommit {
        base: head.clone(),
        files: vec![(path, format!("{next}\n").into_bytes())],
        message: message(release(&released), &context.goal.definition().name),
        author: machine(),
        at: context.goal.started_at.unwrap_or(context.now),
    };
    let made = context.scm.commit(&push.repo, &commit).await?;
    context
        .store
        .note_generated(&push.repo.key, &made, chain, context.now)
        .await?;
    deliver(context, arguments, &head, &made, &next).await
}

async fn deliver(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    head: &CommitSha,
    made: &CommitSha,
    next: &str,
) -> Result<Option<ExecutionResult>, KindError> {
    let moves = arguments.merge == "if_clean";
    Ok(match to_pushed_branch(context, head, made, moves).await? {
        Delivered::There => Some(said(&format!("Incremented version to {next}"))),
        Delivered::Beside(branch) => Some(said(&format!(
            "Version {next} left on a branch: {}",
            how_to_take(&branch)
        ))),
        Delivered::Superseded => None,
        Delivered::Refused(because) => Some(ExecutionResult::failure(format!(
            "{} does not take the next version: {because}",
            context.record.push.branch
        ))),
    })
}

const TITLE: &str = "Version: increment after ";

fn is_increment(title: &str) -> bool {
    title.starts_with(TITLE) && title.ends_with(" release")
}

fn message(released: &str, goal: &str) -> String {
    let goal = goal.replace(['\n', '\r'], " ");
    format!("{TITLE}{released} release\n\n[atomist:generated]\n\n{GENERATED_TRAILER}: {goal}\n")
}

fn said(description: &str) -> ExecutionResult {
    ExecutionResult {
        description: Some(description.to_owned()),
        ..ExecutionResult::success()
    }
}
