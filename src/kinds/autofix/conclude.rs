//! From the commits that the fixes left to the outcome of the goal: taken in, pushed once, never forced.

use serde_json::json;

use super::super::ask_to_merge::{Asking, Place, ask_to_merge, place, without_pull_request};
use super::super::auto_merge::AutoMerge;
use super::super::delivery::{Delivered, MAX_CHAIN, how_to_take, to_other_branch, to_pushed_branch};
use super::super::kept_out;
use super::super::left::read_left;
use super::super::resolve::Placeholders;
use super::super::{Ended, GoalContext, KindError, words};
use super::arguments::{Arguments, Presentation};
use super::order::{OUTCOME_FILE, Outcome, PACK_FILE};
use super::proof;
use super::said;
use crate::model::{BranchName, ExecutionResult, StateName};

/// Largest outcome in bytes.
const MAX_OUTCOME: u64 = 1 << 20;

/// Longest part of a name that is shown.
const LONGEST_NAME: usize = 100;

pub(super) async fn conclude(
    context: &GoalContext<'_>,
    ended: Ended<'_>,
) -> Result<ExecutionResult, KindError> {
    let outcome: Option<Outcome> = read_left(&ended.output.join(OUTCOME_FILE), MAX_OUTCOME)
        .map_err(|error| KindError::Definition(format!("what the fixes left cannot be read: {error}")))?;
    let Some(mut outcome) = outcome else {
        return Ok(match ended.result.code {
            0 if ended.result.state.is_none() => ExecutionResult::failure("the fixes left no outcome"),
            _ => ended.result,
        });
    };
    if ended.result.code != 0 || outcome.error.is_some() {
        let message = outcome
            .error
            .map(|error| cut(&error))
            .or(ended.result.message.clone());
        return Ok(ExecutionResult {
            code: ended.result.code.max(1),
            message,
            ..ended.result
        });
    }
    let push = &context.record.push;
    if outcome.base != push.after {
        return Ok(ExecutionResult::failure(
            "the fixes did not begin with the pushed commit",
        ));
    }
    if outcome.head == outcome.base {
        return Ok(match outcome.ignored.is_empty() {
            true => said("No autofixes applied", super::NOTHING_TO_MEND),
            false => said(
                "No autofixes applied",
                &format!("{} failed and is ignored", names(&outcome.ignored)),
            ),
        });
    }
    let chain = chain_of(context).await? + 1;
    if chain > MAX_CHAIN {
        return Ok(loops(&outcome, chain));
    }
    let pack = ended.output.join(PACK_FILE);
    let taken = context
        .scm
        .take_in(&push.repo, &pack, &outcome.base, &outcome.head)
        .await;
    let taken = taken.map_err(|error| KindError::Definition(words(&error)))?;
    let secrets = kept_out::secrets(context).await?;
    if let Some(because) = kept_out::commit_with_secret(context, &secrets, &taken).await? {
        return Ok(ExecutionResult::failure(because));
    }
    let made = proof::signed(context, taken).await?;
    for commit in &made {
        context
            .store
            .note_generated(&push.repo.key, commit, chain, context.now)
            .await?;
    }
    outcome.head = made.into_iter().next().unwrap_or(outcome.head);
    deliver(context, &outcome).await
}

/// How many pushes of goals in a row end in the pushed commit.
async fn chain_of(context: &GoalContext<'_>) -> Result<u32, KindError> {
    let push = &context.record.push;
    if let Some(chain) = context.store.generated(&push.repo.key, &push.after).await? {
        return Ok(chain);
    }
    proof::made_in_a_row(context).await
}

fn loops(outcome: &Outcome, chain: u32) -> ExecutionResult {
    ExecutionResult {
        phase: Some("loop".to_owned()),
        ..ExecutionResult::failure(format!(
            "{} would be push number {chain} of fixes in a row on this branch: they undo each other, or one never comes to an \
             end. Nothing was pushed; mend the fixes, or commit by hand",
            names(&outcome.applied)
        ))
    }
}

async fn deliver(context: &GoalContext<'_>, outcome: &Outcome) -> Result<ExecutionResult, KindError> {
    let work = &context.goal.definition().work;
    let arguments = Arguments::read(&work.arguments)?;
    let push = &context.record.push;
    if arguments.presentation == Presentation::Commit {
        let moves = arguments.moves_work_tree();
        let delivered = to_pushed_branch(context, &push.after, &outcome.head, moves).await?;
        // The new push gets goals of its own.
        let state = (delivered == Delivered::There).then_some(StateName::Stopped);
        let result = result_of(delivered, outcome, &push.branch, "Autofixes applied");
        return Ok(ExecutionResult {
            state: state.or(result.state),
            ..result
        });
    }
    let name = Placeholders::of(context).await?.text(&arguments.branch)?;
    let branch = BranchName::parse(&name).map_err(|error| KindError::Definition(error.to_string()))?;
    let delivered = to_other_branch(context, &branch, &outcome.head).await?;
    let is_there = delivered == Delivered::There;
    let result = result_of(
        delivered,
        outcome,
        &branch,
        &format!("Autofixes pushed to {branch}"),
    );
    if !is_there || arguments.presentation != Presentation::PullRequest {
        return Ok(result);
    }
    match place(context).await {
        Ok(place) => asking(context, outcome, (&place, &branch), result).await,
        Err(because) => Ok(without_pull_request(result, &because)),
    }
}

/// Asks that the branch with the fixes is merged into the pushed one.
async fn asking(
    context: &GoalContext<'_>,
    outcome: &Outcome,
    (place, branch): (&Place, &BranchName),
    result: ExecutionResult,
) -> Result<ExecutionResult, KindError> {
    let push = &context.record.push;
    let auto_merge = AutoMerge::read(&context.goal.definition().work.arguments, true)?;
    let applied: Vec<String> = outcome.applied.iter().take(100).map(|name| cut(name)).collect();
    let list: String = applied.iter().map(|name| format!("- {name}\n")).collect();
    let body = format!(
        "Autofixes of {}:\n\n{list}\n[atomist:generated]{}\n",
        push.after.short(),
        auto_merge.marks()
    );
    let asking = Asking {
        branch,
        head: &outcome.head,
        target: &push.branch,
        title: &format!("Autofix: {}", names(&outcome.applied)),
        body: &body,
        auto_merge,
    };
    ask_to_merge(context, place, &asking, result).await
}

fn result_of(delivered: Delivered, outcome: &Outcome, branch: &BranchName, done: &str) -> ExecutionResult {
    match delivered {
        Delivered::There => ExecutionResult {
            data: data(outcome, branch),
            ..said(done, &names(&outcome.applied))
        },
        Delivered::Beside(beside) => ExecutionResult {
            data: data(outcome, &beside),
            ..said(
                &format!("Autofixes left on a branch: {}", how_to_take(&beside)),
                &names(&outcome.applied),
            )
        },
        Delivered::Superseded => ExecutionResult {
            state: Some(StateName::Canceled),
            ..said("Autofixes superseded by a newer commit", "superseded")
        },
        Delivered::Refused(because) => ExecutionResult::failure(format!(
            "{branch} does not take the commits of the fixes: {because}"
        )),
    }
}

/// Names of up to two, else their number.
fn names(applied: &[String]) -> String {
    match applied {
        [one] => cut(one),
        [one, other] => format!("{}, {}", cut(one), cut(other)),
        many => format!("{} autofixes", many.len()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_NAME * 5) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn data(outcome: &Outcome, branch: &BranchName) -> Option<String> {
    let applied: Vec<String> = outcome.applied.iter().take(100).map(|name| cut(name)).collect();
    let data =
        json!({"autofix": {"applied": applied, "branch": branch.as_str(), "head": outcome.head.as_str()}});
    Some(data.to_string())
}
