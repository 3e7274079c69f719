//! What several kinds need: a look into a commit, globs, who we are, errors in words.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{GoalContext, KindError};
use crate::model::push::{Signature, Trust};
use crate::model::{ArgumentProblems, CommitSha, FieldPath, Push};
use crate::rules::view::ProjectView;

/// Looks into the pushed commit, on a thread that may block.
pub(super) async fn look_into<T: Send + 'static>(
    context: &GoalContext<'_>,
    look: impl FnOnce(&dyn ProjectView) -> T + Send + 'static,
) -> Result<T, KindError> {
    look_at(context, context.record.push.clone(), look).await
}

/// Looks into another commit of the same repository, which has been fetched.
pub(super) async fn look_into_commit<T: Send + 'static>(
    context: &GoalContext<'_>,
    sha: &CommitSha,
    look: impl FnOnce(&dyn ProjectView) -> T + Send + 'static,
) -> Result<T, KindError> {
    let push = Push {
        before: None,
        after: sha.clone(),
        ..context.record.push.clone()
    };
    look_at(context, push, look).await
}

async fn look_at<T: Send + 'static>(
    context: &GoalContext<'_>,
    push: Push,
    look: impl FnOnce(&dyn ProjectView) -> T + Send + 'static,
) -> Result<T, KindError> {
    let scm = Arc::clone(context.scm);
    let looking = tokio::task::spawn_blocking(move || Ok(look(&*scm.view(&push)?)));
    let looked = looking
        .await
        .map_err(|error| KindError::Definition(error.to_string()))?;
    looked.map_err(KindError::Scm)
}

/// Arguments as their kind knows them.
///
/// # Errors
/// They have another shape than the descriptor gives them, which the reader of goal files refuses before.
pub(super) fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, ArgumentProblems> {
    T::deserialize(arguments)
        .map_err(|error| ArgumentProblems::one(&FieldPath::whole(), "wrong_type", error.to_string(), ""))
}

/// A set of globs over repository paths.
///
/// # Errors
/// One of them is none.
pub(super) fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| error.to_string())?);
    }
    set.build().map_err(|error| error.to_string())
}

/// Refuses to write to the repository for a push that is not trusted (threats B9, B10).
///
/// # Errors
/// It is not.
pub(super) fn refuse_untrusted(context: &GoalContext<'_>) -> Result<(), KindError> {
    match context.record.push.trust {
        Trust::Member => Ok(()),
        Trust::Untrusted => Err(KindError::Definition(
            "nothing is written to the repository for a push that is not trusted".to_owned(),
        )),
    }
}

/// Who makes commits and tags of goals.
pub(crate) fn machine() -> Signature {
    Signature {
        name: "sdm".to_owned(),
        email: "sdm@localhost".to_owned(),
    }
}

/// An error with its causes on one line.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
