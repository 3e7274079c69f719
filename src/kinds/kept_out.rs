//! Secret parameters stay out of what a command changes: in a commit they would be everybody's (threat D8).

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{GoalContext, KindError};
use crate::model::CommitSha;
use crate::model::redact::Redactor;
use crate::ports::store::Cause;

/// What finds and masks the secret parameters of the command that the goal is.
///
/// # Errors
/// There were some, and a restart has lost them: what cannot be looked for cannot be kept out.
pub(super) async fn secrets(context: &GoalContext<'_>) -> Result<Arc<Redactor>, KindError> {
    if context.secrets.is_empty()
        && let Cause::Command { job, .. } = &context.record.cause
        && let Some((job, _)) = context.store.job(*job).await?
        && !job.secrets.is_empty()
    {
        let because = "its secret parameters were kept in memory only and are gone, so that what it changed cannot be looked through \
                       for them: run it again";
        return Err(KindError::Definition(because.to_owned()));
    }
    let values = context
        .secrets
        .iter()
        .map(|secret| secret.expose_secret().to_owned());
    Ok(Arc::new(Redactor::new(&values.collect::<Vec<_>>())))
}

/// The first file that a commit changes so that it holds a secret parameter, in words for people.
pub(super) async fn file_with_secret(
    context: &GoalContext<'_>,
    secrets: &Arc<Redactor>,
    head: &CommitSha,
) -> Result<Option<String>, KindError> {
    if context.secrets.is_empty() {
        return Ok(None);
    }
    let push = &context.record.push;
    let looking = Arc::clone(secrets);
    let is_meant = Arc::new(move |text: &[u8]| looking.finds_any(text));
    let found = context
        .scm
        .first_changed(&push.repo, &push.after, head, is_meant)
        .await?;
    Ok(found.map(|path| {
        let path = secrets.redact(&path);
        format!("`{path}` would hold the value of a secret parameter, so nothing of it is committed")
    }))
}
