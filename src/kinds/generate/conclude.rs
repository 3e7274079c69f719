//! From the changed files of a seed to a new repository.

use serde_json::json;

use super::super::resolve::Placeholders;
use super::super::transform::arguments::Programs;
use super::super::transform::{Made, is_dry_run, made, message, shown_difference};
use super::super::{Ended, GoalContext, KindError, machine};
use super::arguments::Arguments;
use super::at_forge::{self, MadeThere};
use super::{is_there, occupied};
use crate::model::{CommitSha, Event, ExecutionResult, RepoSlug, Repository};
use crate::ports::scm::{Founded, NewRepository};

pub(super) async fn conclude(
    context: &GoalContext<'_>,
    ended: Ended<'_>,
) -> Result<ExecutionResult, KindError> {
    let source = match made(context, &ended).await? {
        Made::Commit(head) => head,
        Made::Nothing => context.record.push.after.clone(),
        Made::Failed(result) => return Ok(result),
    };
    let work = &context.goal.definition().work;
    let arguments = Arguments::read(&work.arguments)?;
    let placeholders = Placeholders::of(context).await?;
    let slug = arguments.slug(&placeholders)?;
    if is_dry_run(context) {
        let seed = &context.record.push.repo.slug;
        let shown = shown_difference(context, &source).await?;
        return Ok(ExecutionResult {
            description: Some(format!("Would make {slug} of {seed}")),
            ..shown
        });
    }
    let wanted = arguments.at_forge(&placeholders)?;
    let mut new = NewRepository {
        below: arguments.below(),
        branch: arguments.branch()?,
        message: first_message(context, &placeholders)?,
        author: author(context, &placeholders)?,
        committer: machine(),
        // The same when it is made once more after a crash.
        at: context.goal.started_at.unwrap_or(context.now),
        source,
        slug,
        origin: None,
    };
    let made = match &wanted {
        None => None,
        Some(wanted) => match at_forge::make(context, wanted, &new).await? {
            Ok(made) => Some(made),
            Err(refusal) => return Ok(refusal),
        },
    };
    new.origin = made.as_ref().map(|made| made.repo.address.clone());
    match made {
        Some(made) if !arguments.lies_here() => {
            tell(context, &made.repo, None, Some(&made)).await?;
            Ok(at_forge::generated(&made))
        }
        made => found_here(context, &new, made).await,
    }
}

/// Makes it on this computer, beside one that has been made at a forge where that is asked for too.
async fn found_here(
    context: &GoalContext<'_>,
    new: &NewRepository,
    made: Option<MadeThere>,
) -> Result<ExecutionResult, KindError> {
    match context.scm.found(&context.record.push.repo, new).await? {
        Founded::Made { repo, path, head } => {
            // Somebody the machine trusts asked for it by name.
            context.store.set_trusted(&repo.key, true).await?;
            let path = path.display().to_string();
            tell(context, &repo, Some(&path), made.as_ref()).await?;
            let here = generated(&repo.slug, &path, &head);
            Ok(match &made {
                Some(made) => at_forge::with_page(here, made),
                None => here,
            })
        }
        Founded::Occupied { path } => Ok(match &made {
            Some(made) => at_forge::left_there(made, &is_there(path.display())),
            None => occupied(path.display()),
        }),
    }
}

/// Whether its first commit can be made as it is written.
///
/// # Errors
/// Its message or its author is none.
pub(super) fn can_be_said(context: &GoalContext<'_>, placeholders: &Placeholders) -> Result<(), KindError> {
    first_message(context, placeholders)?;
    author(context, placeholders).map(|_| ())
}

fn generated(slug: &RepoSlug, path: &str, head: &CommitSha) -> ExecutionResult {
    let data = json!({"generated": {"repo": slug.to_string(), "path": path, "head": head.as_str()}});
    ExecutionResult {
        description: Some(format!("Made {slug} in {path}")),
        data: Some(data.to_string()),
        ..ExecutionResult::success()
    }
}

fn programs(context: &GoalContext<'_>) -> Result<Programs, KindError> {
    let work = &context.goal.definition().work;
    Ok(Programs::read("generate", &work.arguments)?)
}

fn first_message(context: &GoalContext<'_>, placeholders: &Placeholders) -> Result<String, KindError> {
    let name = &context.goal.definition().name;
    let text = programs(context)?.text(name, placeholders)?;
    let push = &context.record.push;
    let seed = format!("Generated from {} at {}.", push.repo.slug, push.after.short());
    let message = message::of_command("generate", &format!("{}\n\n{seed}", text.trim()), name);
    let message = message.map_err(KindError::Definition)?;
    // What was asked for twice is not the same, even within a second.
    Ok(format!("{message}Sdm-Goal-Set: {}\n", context.record.set.id))
}

fn author(
    context: &GoalContext<'_>,
    placeholders: &Placeholders,
) -> Result<crate::model::push::Signature, KindError> {
    let written = programs(context)?.author(placeholders)?;
    message::author(&written).map_err(KindError::Definition)
}

/// Whoever waits for new repositories hears of it; the machine itself watches it from then on.
async fn tell(
    context: &GoalContext<'_>,
    repo: &Repository,
    path: Option<&str>,
    there: Option<&MadeThere>,
) -> Result<(), KindError> {
    let cause = &context.record.cause;
    let event = Event {
        key: format!("RepoCreated:{}", repo.key),
        name: "RepoCreated".to_owned(),
        at: context.now,
        depth: cause.depth() + 1,
        payload: json!({
            "repo": {
                "owner": repo.slug.owner,
                "name": repo.slug.name,
                "slug": repo.slug.to_string(),
                "default_branch": repo.default_branch.as_ref().map(ToString::to_string),
                "address": repo.address,
                "path": path,
                "url": there.map(|there| &there.page),
            },
            "sender": {"login": cause.by()},
        }),
    };
    Ok(context.store.raise(&[event]).await?)
}
