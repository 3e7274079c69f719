//! Branches of goals that ask to be merged: where there is a forge, by a pull request (semantics 4.1, 5.5).
//!
//! A repository on this computer asks where it came from: its branch is sent to its `origin` first, when that is at a forge and
//! has all that the branch follows. Nothing that somebody has not pushed themselves is published by a goal.

use serde_json::{Value, json};

use super::auto_merge::AutoMerge;
use super::{GoalContext, KindError, words};
use crate::model::goal_event::ExternalUrl;
use crate::model::{BranchName, CommitSha, ExecutionResult, Repository};
use crate::ports::forges::{ForgeError, OpenPullRequest, PullRequest};
use crate::ports::scm::{BranchUpdate, Pushed, ScmError};
use crate::ports::secrets::Asker;

/// Longest title, in characters; forges cut longer ones or refuse them.
const LONGEST_TITLE: usize = 200;

/// Where people are asked.
pub(super) enum Place {
    /// At the forge that the repository itself is at.
    Here,
    /// At the forge of its origin.
    Origin(Repository),
}

/// A branch, where the goal left it, and what to say of it.
pub(super) struct Asking<'a> {
    pub(super) branch: &'a BranchName,
    /// Its head.
    pub(super) head: &'a CommitSha,
    /// The branch that it is to be merged into.
    pub(super) target: &'a BranchName,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) auto_merge: AutoMerge,
}

/// Where a branch of this goal can ask to be merged, or why nowhere, as a part of a sentence.
pub(super) async fn place(context: &GoalContext<'_>) -> Result<Place, String> {
    let (repo, asker) = (&context.record.push.repo, asker(context));
    if context.forges.knows(repo, &asker) {
        return Ok(Place::Here);
    }
    match context.scm.origin(repo).await {
        Ok(Some(origin)) if context.forges.knows(&origin, &asker) => Ok(Place::Origin(origin)),
        Ok(Some(origin)) => Err(format!("no forge is connected at its origin {}", origin.address)),
        Ok(None) => Err("no forge is connected".to_owned()),
        Err(error) => Err(words(&error)),
    }
}

/// Whether whoever asks may ask for branches to be merged there.
///
/// # Errors
/// The forge says no, or does not answer.
pub(super) async fn may_ask(context: &GoalContext<'_>, place: &Place) -> Result<(), ForgeError> {
    let repo = match place {
        Place::Here => &context.record.push.repo,
        Place::Origin(origin) => origin,
    };
    context.forges.may_ask_to_merge(repo, &asker(context)).await
}

/// Asks that a branch is merged. What is pushed stays pushed, whatever the forge says; the result says what became of it.
pub(super) async fn ask_to_merge(
    context: &GoalContext<'_>,
    place: &Place,
    asking: &Asking<'_>,
    result: ExecutionResult,
) -> Result<ExecutionResult, KindError> {
    let repo = match place {
        Place::Here => &context.record.push.repo,
        Place::Origin(origin) => {
            if let Some(because) = not_sent(context, origin, asking).await? {
                return Ok(without_pull_request(result, &because));
            }
            origin
        }
    };
    let wanted = PullRequest {
        branch: asking.branch.clone(),
        target: asking.target.clone(),
        title: asking
            .title
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_TITLE)
            .collect(),
        body: asking.body.to_owned(),
        labels: asking.auto_merge.labels(),
        former_labels: asking.auto_merge.former_labels(),
    };
    let open = context
        .forges
        .ask_to_merge(repo, &wanted, &asker(context))
        .await?;
    Ok(with_pull_request(result, &open))
}

/// Sends the branch to the origin; why that does not take it.
async fn not_sent(
    context: &GoalContext<'_>,
    origin: &Repository,
    asking: &Asking<'_>,
) -> Result<Option<String>, KindError> {
    match send(context, origin, asking).await {
        Err(error) if error.is_transient() => Err(error.into()),
        Err(ScmError::Unauthorized { address }) => Ok(Some(format!(
            "{address} takes nothing without a login: name one in `logins` of the configuration, or let git's credential \
             helper know it"
        ))),
        Err(error) => Ok(Some(words(&error))),
        Ok(because) => Ok(because),
    }
}

async fn send(
    context: &GoalContext<'_>,
    origin: &Repository,
    asking: &Asking<'_>,
) -> Result<Option<String>, ScmError> {
    let (push, address) = (&context.record.push, &origin.address);
    let heads = context.scm.heads(origin).await?.branches;
    if !heads.contains_key(asking.target) {
        return Ok(Some(format!("{address} has no branch {}", asking.target)));
    }
    let is_there = heads.values().any(|head| *head == push.after);
    if !is_there && !context.scm.was_seen_at_origin(&push.repo, &push.after).await? {
        let short = push.after.short();
        return Ok(Some(format!("{short} has not been pushed to {address} yet")));
    }
    let update = BranchUpdate {
        branch: asking.branch.clone(),
        expected: heads.get(asking.branch).cloned(),
        target: asking.head.clone(),
        moves_work_tree: false,
    };
    Ok(
        match context.scm.push_to_origin(&push.repo, origin, &update).await? {
            Pushed::Done => None,
            Pushed::Moved { .. } => Some(format!("{} of {address} has other commits", asking.branch)),
            Pushed::Refused { because } | Pushed::CheckedOut { because, .. } => {
                Some(format!("{address} does not take {}: {because}", asking.branch))
            }
        },
    )
}

/// For whom a forge's token is asked.
pub(super) fn asker(context: &GoalContext<'_>) -> Asker {
    let push = &context.record.push;
    Asker {
        repo: push.repo.slug.clone(),
        branch: push.branch.clone(),
        goal: context.goal.definition().unique_name.to_string(),
        trust: push.trust,
        in_name_of: context.record.cause.in_name_of(),
        is_supplied: context.goal.definition().is_supplied,
    }
}

/// The result of a goal whose branch asks to be merged.
fn with_pull_request(result: ExecutionResult, open: &OpenPullRequest) -> ExecutionResult {
    let what = match open.is_new {
        true => "opened",
        false => "brought up to date",
    };
    let said = result.description.clone().unwrap_or_default();
    let mut external_urls = result.external_urls.clone();
    external_urls.push(ExternalUrl {
        label: Some(format!("Pull request {}", open.number)),
        url: open.url.clone(),
    });
    let data = result.data.as_deref().map(|data| with_number(data, open));
    ExecutionResult {
        description: Some(format!(
            "{said}; pull request {} {what}: {}",
            open.number, open.url
        )),
        external_urls,
        data,
        ..result
    }
}

/// The result of a goal whose branch is there for people to find.
pub(super) fn without_pull_request(result: ExecutionResult, because: &str) -> ExecutionResult {
    let said = result.description.clone().unwrap_or_default();
    ExecutionResult {
        description: Some(format!("{said}; no pull request: {because}")),
        ..result
    }
}

/// The data of a goal with its pull request beside the branch.
fn with_number(data: &str, open: &OpenPullRequest) -> String {
    let mut data: Value = serde_json::from_str(data).unwrap_or_default();
    let of_kind = data.as_object_mut().and_then(|data| data.values_mut().next());
    if let Some(of_kind) = of_kind.and_then(Value::as_object_mut) {
        let pull_request = json!({"number": open.number, "url": open.url});
        of_kind.insert("pull_request".to_owned(), pull_request);
    }
    data.to_string()
}
