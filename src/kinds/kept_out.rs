//! Secrets stay out of what a goal changes: in a commit they would be everybody's (threats D8, E1).

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{GoalContext, KindError};
use crate::model::files::SecretUse;
use crate::model::redact::Redactor;
use crate::model::{Commit, CommitSha};
use crate::ports::store::Cause;

/// What finds and masks the secrets that the goal was given, and the secret parameters of the command that it is.
///
/// # Errors
/// There were some, and a restart has lost them: what cannot be looked for cannot be kept out.
pub(super) async fn secrets(context: &GoalContext<'_>) -> Result<Arc<Redactor>, KindError> {
    let lost = match context.given.is_empty() && !context.goal.definition().secrets.is_empty() {
        true => Some("secrets"),
        false => lost_parameters(context).await?.then_some("secret parameters"),
    };
    if let Some(lost) = lost {
        let because = format!(
            "its {lost} were kept in memory only and are gone, so that what it changed cannot be looked through for them: run it again"
        );
        return Err(KindError::Definition(because));
    }
    let values = context.secrets.iter().chain(&context.given);
    let values: Vec<String> = values.map(|secret| secret.expose_secret().to_owned()).collect();
    Ok(Arc::new(Redactor::new(&values)))
}

/// Whether the command that the goal is had secret parameters that nobody remembers.
async fn lost_parameters(context: &GoalContext<'_>) -> Result<bool, KindError> {
    let Cause::Command { job, .. } = &context.record.cause else {
        return Ok(false);
    };
    if !context.secrets.is_empty() {
        return Ok(false);
    }
    let job = context.store.job(*job).await?;
    Ok(job.is_some_and(|(job, _)| !job.secrets.is_empty()))
}

/// The first file that a commit changes so that it holds a secret, in words for people.
pub(super) async fn file_with_secret(
    context: &GoalContext<'_>,
    secrets: &Arc<Redactor>,
    head: &CommitSha,
) -> Result<Option<String>, KindError> {
    file_between(context, secrets, (&context.record.push.after, head)).await
}

/// The first thing of commits, newest first, that holds a secret, in words for people. Each is looked at: what a later one takes
/// back is pushed all the same.
pub(super) async fn commit_with_secret(
    context: &GoalContext<'_>,
    secrets: &Arc<Redactor>,
    commits: &[Commit],
) -> Result<Option<String>, KindError> {
    let parents = commits.iter().skip(1).map(|commit| &commit.sha);
    let parents = parents.chain([&context.record.push.after]);
    for (commit, parent) in commits.iter().zip(parents) {
        let author = &commit.author;
        let texts = [&commit.message, &author.name, &author.email];
        if texts.iter().any(|text| secrets.finds_any(text.as_bytes())) {
            return Ok(Some(words("the message of a commit")));
        }
        if let Some(because) = file_between(context, secrets, (parent, &commit.sha)).await? {
            return Ok(Some(because));
        }
    }
    Ok(None)
}

/// The paths in the working copy that secrets are written to while the goal works: whatever is there belongs into no commit.
pub(super) fn files(secrets: &[SecretUse]) -> Vec<String> {
    let of_one = |secret: &SecretUse| {
        let mounts = secret.file_mounts.iter().filter_map(|mount| mount.path().ok());
        let paths: Vec<String> = secret.file.iter().cloned().chain(mounts).collect();
        paths
    };
    secrets.iter().flat_map(of_one).collect()
}

async fn file_between(
    context: &GoalContext<'_>,
    secrets: &Arc<Redactor>,
    (base, head): (&CommitSha, &CommitSha),
) -> Result<Option<String>, KindError> {
    if context.secrets.is_empty() && context.given.is_empty() {
        return Ok(None);
    }
    let looking = Arc::clone(secrets);
    let is_meant = Arc::new(move |text: &[u8]| looking.finds_any(text));
    let repo = &context.record.push.repo;
    let found = context.scm.first_changed(repo, base, head, is_meant).await?;
    Ok(found.map(|path| words(&format!("`{}`", secrets.redact(&path)))))
}

fn words(what: &str) -> String {
    format!("{what} would hold the value of a secret, so nothing of it is committed")
}
