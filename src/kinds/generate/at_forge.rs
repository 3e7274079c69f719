//! New repositories at a forge: made there and pushed to, or nothing is (semantics 5.6).
//!
//! What is about to be made is noted first, so that an end that is carried out once more after a crash knows its own: one of that
//! name, which holds nothing or exactly this commit.

use serde_json::{Value, json};

use super::super::ask_to_merge::asker;
use super::super::{GoalContext, KindError, words};
use super::occupied;
use crate::model::goal_event::ExternalUrl;
use crate::model::{CommitSha, ExecutionResult, RepoSlug, Repository};
use crate::ports::forges::{EmptyRepository, WantedRepository};
use crate::ports::scm::{BranchUpdate, NewRepository, Pushed, ScmError};
use crate::ports::secrets::Asker;

/// A repository that was made at a forge, with its first commit.
pub(super) struct MadeThere {
    pub(super) repo: Repository,
    /// Its page.
    pub(super) page: String,
    head: CommitSha,
}

/// The page of what stands already where it would be made.
///
/// # Errors
/// There is no such forge or owner, or the token is not for that.
pub(super) async fn occupied_by(
    context: &GoalContext<'_>,
    wanted: &WantedRepository,
) -> Result<Option<String>, KindError> {
    let asker = asker_for(context, &wanted.slug);
    Ok(context.forges.room_for(wanted, &asker).await?)
}

/// The token is for the new repository, and asked for as what is made there, not as what it is made of.
fn asker_for(context: &GoalContext<'_>, slug: &RepoSlug) -> Asker {
    Asker {
        repo: slug.clone(),
        ..asker(context)
    }
}

/// Makes it and pushes the first commit; or the result of the goal, when something is there or cannot be pushed to.
///
/// # Errors
/// The forge does not do it. What may pass is tried again by whoever asked.
pub(super) async fn make(
    context: &GoalContext<'_>,
    wanted: &WantedRepository,
    new: &NewRepository,
) -> Result<Result<MadeThere, ExecutionResult>, KindError> {
    let seed = &context.record.push.repo;
    let head = context.scm.first_commit(seed, new).await?;
    let note = format!("made at {} as {}", wanted.forge, wanted.slug);
    let has_begun = context.store.generated(&note, &head).await?.is_some();
    context.store.note_generated(&note, &head, 1, context.now).await?;
    let asker = asker_for(context, &wanted.slug);
    let there = match context.forges.make(wanted, &asker).await? {
        Some(empty) => empty,
        None if has_begun => context.forges.made(wanted, &asker).await?,
        None => return Ok(Err(occupied(format_args!("{}/{}", wanted.forge, wanted.slug)))),
    };
    push(context, there, new, head).await
}

/// Pushes the first commit to what was made.
async fn push(
    context: &GoalContext<'_>,
    there: EmptyRepository,
    new: &NewRepository,
    head: CommitSha,
) -> Result<Result<MadeThere, ExecutionResult>, KindError> {
    let repo = context.scm.located(&there.address).await?;
    let update = BranchUpdate {
        branch: new.branch.clone(),
        expected: None,
        target: head.clone(),
        moves_work_tree: false,
    };
    let pushing = context
        .scm
        .push_new(&context.record.push.repo, &repo, &update, &there.login);
    let because = match pushing.await {
        Ok(Pushed::Done) => {
            let mut repo = repo;
            repo.default_branch = Some(new.branch.clone());
            let page = there.page;
            return Ok(Ok(MadeThere { repo, page, head }));
        }
        Ok(Pushed::Moved { .. }) => format!("{} has other commits there", new.branch),
        Ok(Pushed::Refused { because } | Pushed::CheckedOut { because, .. }) => because,
        Err(ScmError::Failed { doing, source }) => {
            let doing = format!(
                "{doing}, which was made at {} and is empty until that succeeds",
                there.page
            );
            return Err(ScmError::Failed { doing, source }.into());
        }
        Err(error) => words(&error),
    };
    let page = there.page;
    Ok(Err(left_there(&MadeThere { repo, page, head }, &because)))
}

/// A failure after something was made: that is not taken away again, because nobody knows who has begun to use it.
pub(super) fn left_there(made: &MadeThere, because: &str) -> ExecutionResult {
    let page = &made.page;
    let failure = ExecutionResult::failure(format!(
        "{page} was made and is left as it is, because of this: {because}. Delete it there before this is tried again"
    ));
    ExecutionResult {
        external_urls: vec![link(made)],
        ..failure
    }
}

fn link(made: &MadeThere) -> ExternalUrl {
    ExternalUrl {
        label: Some(made.repo.slug.to_string()),
        url: made.page.clone(),
    }
}

/// The result of a goal that made it there and nowhere else.
pub(super) fn generated(made: &MadeThere) -> ExecutionResult {
    let slug = made.repo.slug.to_string();
    let data = json!({"generated": {
        "repo": slug, "url": made.page, "address": made.repo.address, "head": made.head.as_str(),
    }});
    ExecutionResult {
        description: Some(format!("Made {slug} at {}", made.page)),
        data: Some(data.to_string()),
        external_urls: vec![link(made)],
        ..ExecutionResult::success()
    }
}

/// The result of a goal that made it here as well.
pub(super) fn with_page(here: ExecutionResult, made: &MadeThere) -> ExecutionResult {
    let mut data: Value = here
        .data
        .as_deref()
        .and_then(|data| serde_json::from_str(data).ok())
        .unwrap_or_default();
    data["generated"]["url"] = json!(made.page);
    data["generated"]["address"] = json!(made.repo.address);
    let said = here.description.clone().unwrap_or_default();
    ExecutionResult {
        description: Some(format!("{said}, and at {}", made.page)),
        data: Some(data.to_string()),
        external_urls: vec![link(made)],
        ..here
    }
}
