//! From the commit that a transform left to what people get: a difference to look at, or a branch.

use serde_json::{Value, json};

use super::super::ask_to_merge::{Asking, ask_to_merge, place, without_pull_request};
use super::super::auto_merge::AutoMerge;
use super::super::delivery::{Delivered, MAX_CHAIN, how_to_take, to_other_branch, to_pushed_branch};
use super::super::kept_out;
use super::super::left::read_left;
use super::super::resolve::Placeholders;
use super::super::{Ended, GoalContext, KindError, words};
use super::arguments::{Arguments, Presentation, Programs};
use super::order::{OUTCOME_FILE, Outcome, PACK_FILE};
use super::{is_dry_run, message, own_branch};
use crate::model::{BranchName, CommitSha, ExecutionResult, StateName};
use crate::ports::scm::Difference;
use crate::ports::store::Cause;

/// Largest outcome in bytes.
const MAX_OUTCOME: u64 = 1 << 20;

/// Largest difference that is shown, in bytes.
const MAX_DIFFERENCE: usize = 256 << 10;

/// Longest error that is passed on, in characters.
const LONGEST_ERROR: usize = 500;

pub(super) async fn conclude(
    context: &GoalContext<'_>,
    ended: Ended<'_>,
) -> Result<ExecutionResult, KindError> {
    let head = match made(context, &ended).await? {
        Made::Commit(head) => head,
        Made::Nothing => return Ok(said("No changes", None)),
        Made::Failed(result) => return Ok(result),
    };
    if is_dry_run(context) {
        return shown_difference(context, &head).await;
    }
    let chain = chain_of(context).await? + 1;
    if chain > MAX_CHAIN {
        return Ok(loops(context, chain));
    }
    let repo = &context.record.push.repo;
    context
        .store
        .note_generated(&repo.key, &head, chain, context.now)
        .await?;
    deliver(context, &head).await
}

/// What the step left.
pub(in crate::kinds) enum Made {
    /// A commit, taken into the mirror.
    Commit(CommitSha),
    /// It changed nothing.
    Nothing,
    /// It failed; this is the goal's result.
    Failed(ExecutionResult),
}

/// Reads what the step left, believing nothing of it.
pub(in crate::kinds) async fn made(context: &GoalContext<'_>, ended: &Ended<'_>) -> Result<Made, KindError> {
    let left = read_left(&ended.output.join(OUTCOME_FILE), MAX_OUTCOME);
    let outcome: Option<Outcome> = left
        .map_err(|error| KindError::Definition(format!("what the transform left cannot be read: {error}")))?;
    let result = ended.result.clone();
    let Some(outcome) = outcome else {
        return Ok(Made::Failed(match result.code {
            0 if result.state.is_none() => ExecutionResult::failure("the transform left no outcome"),
            _ => result,
        }));
    };
    if result.code != 0 || outcome.error.is_some() {
        let error = outcome
            .error
            .map(|error| error.chars().take(LONGEST_ERROR).collect());
        return Ok(Made::Failed(ExecutionResult {
            code: result.code.max(1),
            message: error.or(result.message.clone()),
            ..result
        }));
    }
    let push = &context.record.push;
    if outcome.base != push.after {
        return Ok(Made::Failed(ExecutionResult::failure(
            "the transform did not begin with the commit it was asked for",
        )));
    }
    if outcome.head == outcome.base {
        return Ok(Made::Nothing);
    }
    let pack = ended.output.join(PACK_FILE);
    let taken = context
        .scm
        .take_in(&push.repo, &pack, &outcome.base, &outcome.head)
        .await;
    let taken = taken.map_err(|error| KindError::Definition(words(&error)))?;
    if !is_dry_run(context) {
        let secrets = kept_out::secrets(context).await?;
        if let Some(because) = kept_out::commit_with_secret(context, &secrets, &taken).await? {
            return Ok(Made::Failed(ExecutionResult::failure(because)));
        }
    }
    Ok(Made::Commit(outcome.head))
}

/// A dry run: the difference to the commit it began with, and nothing else (CM-09).
pub(in crate::kinds) async fn shown_difference(
    context: &GoalContext<'_>,
    head: &CommitSha,
) -> Result<ExecutionResult, KindError> {
    let push = &context.record.push;
    let difference = context
        .scm
        .difference(&push.repo, &push.after, head, MAX_DIFFERENCE)
        .await?;
    let secrets = kept_out::secrets(context).await?;
    let description = match kept_out::file_with_secret(context, &secrets, head).await? {
        None => format!("Would change {}", counted(&difference)),
        Some(because) => format!("Would fail: {because}"),
    };
    let text = secrets.redact(&difference.text);
    Ok(ExecutionResult {
        data: Some(json!({"diff": text, "files": difference.files}).to_string()),
        ..said(&description, Some("dry run"))
    })
}

/// How many files differ.
fn counted(difference: &Difference) -> String {
    match difference.files {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    }
}

/// How many pushes of machines in a row end in the commit it began with. Somebody who asks for it themselves begins anew.
async fn chain_of(context: &GoalContext<'_>) -> Result<u32, KindError> {
    if matches!(context.record.cause, Cause::Command { depth: 0, .. }) {
        return Ok(0);
    }
    let push = &context.record.push;
    let chain = context.store.generated(&push.repo.key, &push.after).await?;
    Ok(chain.unwrap_or(0))
}

fn loops(context: &GoalContext<'_>, chain: u32) -> ExecutionResult {
    ExecutionResult {
        phase: Some("loop".to_owned()),
        ..ExecutionResult::failure(format!(
            "it would be push number {chain} of machines in a row on {}: commands and listeners set each other off. Nothing was \
             pushed; mend them, or run it by hand",
            context.record.push.branch
        ))
    }
}

async fn deliver(context: &GoalContext<'_>, head: &CommitSha) -> Result<ExecutionResult, KindError> {
    let (definition, push) = (context.goal.definition(), &context.record.push);
    let own = own_branch(
        &definition.work.arguments,
        &definition.parameters,
        &push.repo.slug,
        &definition.name,
    )?;
    let delivered = match &own {
        None => to_pushed_branch(context, &push.after, head, false).await?,
        Some(branch) => to_other_branch(context, branch, head).await?,
    };
    let is_there = delivered == Delivered::There;
    let result = result_of(delivered, head, own.as_ref().unwrap_or(&push.branch));
    match &own {
        Some(branch) if is_there => ask_where_wanted(context, (branch, head), result).await,
        Some(_) | None => Ok(result),
    }
}

/// Asks that the branch is merged, where its author wants that.
async fn ask_where_wanted(
    context: &GoalContext<'_>,
    (branch, head): (&BranchName, &CommitSha),
    result: ExecutionResult,
) -> Result<ExecutionResult, KindError> {
    let (definition, push) = (context.goal.definition(), &context.record.push);
    let arguments = &definition.work.arguments;
    if Arguments::read(arguments)?.presentation != Presentation::PullRequest {
        return Ok(result);
    }
    let place = match place(context).await {
        Ok(place) => place,
        Err(because) => return Ok(without_pull_request(result, &because)),
    };
    let auto_merge = AutoMerge::read(arguments, true)?;
    let programs = Programs::read("transform", arguments)?;
    let text = programs.text(&definition.name, &Placeholders::of(context).await?)?;
    // It may have gone on with its own branch; then what that was made for is the default branch.
    let target = match push.branch == *branch {
        true => push.repo.default_branch.as_ref().unwrap_or(&push.branch),
        false => &push.branch,
    };
    let (title, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let by = context.record.cause.by();
    let marks = message::marks("transform", &definition.name);
    let body = format!(
        "{}\n\nAsked for by @{by} with `{}`.\n\n{marks}{}\n",
        rest.trim(),
        definition.name,
        auto_merge.marks()
    );
    let asking = Asking {
        branch,
        head,
        target,
        title,
        body: body.trim_start(),
        auto_merge,
    };
    ask_to_merge(context, &place, &asking, result).await
}

fn result_of(delivered: Delivered, head: &CommitSha, branch: &BranchName) -> ExecutionResult {
    match delivered {
        Delivered::There => ExecutionResult {
            data: Some(data(head, branch)),
            ..said(&format!("Changes pushed to {branch}"), None)
        },
        Delivered::Beside(beside) => ExecutionResult {
            data: Some(data(head, &beside)),
            ..said(
                &format!("Changes left on a branch: {}", how_to_take(&beside)),
                None,
            )
        },
        Delivered::Superseded => ExecutionResult {
            state: Some(StateName::Canceled),
            ..said(
                &format!("{branch} has a newer commit; run it again"),
                Some("superseded"),
            )
        },
        Delivered::Refused(because) => {
            ExecutionResult::failure(format!("{branch} does not take the changes: {because}"))
        }
    }
}

fn data(head: &CommitSha, branch: &BranchName) -> String {
    let data: Value = json!({"transform": {"branch": branch.as_str(), "head": head.as_str()}});
    data.to_string()
}

/// Success with a text.
fn said(description: &str, phase: Option<&str>) -> ExecutionResult {
    ExecutionResult {
        description: Some(description.to_owned()),
        phase: phase.map(str::to_owned),
        ..ExecutionResult::success()
    }
}
