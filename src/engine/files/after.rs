//! When a goal's process has ended: what it left is taken, recorded and shown in its data.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::before::failed;
use super::{KeepStep, NOTE, Ordered, OrderedKeep, RESTORED, directory};
use crate::engine::Engine;
use crate::kinds::{self, GoalContext, KindError};
use crate::model::files::KeptOn;
use crate::model::{ExecutionResult, StateName};
use crate::ports::AttemptRef;
use crate::ports::kept::{KeepReport, Kept, KeptAs, MadeArchive, RestoreReport, Success};

/// Under which key a goal's data says what was restored.
const INPUT: &str = "@atomist/sdm/input";

/// Under which key it says what was kept.
const OUTPUT: &str = "@atomist/sdm/output";

/// Largest report or note that is read back.
const LARGEST: u64 = 16 << 20;

impl Engine {
    /// Takes what the attempt left, as far as its end allows, and says so in the result. Again is once.
    ///
    /// # Errors
    /// The store cannot be written, or an archive cannot be taken.
    pub(in crate::engine) async fn take_files(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        result: ExecutionResult,
    ) -> Result<ExecutionResult, KindError> {
        if context.goal.definition().files.is_empty() {
            return Ok(result);
        }
        let directory = directory(&self.settings.exchange, attempt);
        // Without a note there is nothing to take: the attempt ended before it was ordered anything.
        let Some(ordered) = read::<Ordered>(&directory.join(NOTE)).await? else {
            return Ok(result);
        };
        let outcome = result.outcome(false);
        let has_succeeded = matches!(outcome, StateName::Success | StateName::WaitingForApproval);
        let taken = self
            .take(context, attempt, &ordered, &directory, has_succeeded)
            .await?;
        let restored = read::<RestoreReport>(&directory.join(RESTORED)).await?;
        let result = shown(
            result,
            context.goal.data.as_deref(),
            &ordered,
            restored.as_ref(),
            &taken,
        );
        self.parts.store.keep_files(&taken).await?;
        let is_whole = outcome == StateName::Success && can_be_taken_over(context, &result);
        if let Some(inputs) = ordered.success.filter(|_| is_whole) {
            let success = success(context, attempt, inputs, &result);
            self.parts.store.record_success(&success).await?;
        }
        if !taken.is_empty() {
            self.keep_files_within_bounds().await;
        }
        Ok(result)
    }

    /// Puts archives on the shelf; those of a goal that failed only where that was ordered.
    async fn take(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        ordered: &Ordered,
        directory: &Path,
        has_succeeded: bool,
    ) -> Result<Vec<Kept>, KindError> {
        let mut taken = Vec::new();
        for step in KeepStep::ALL {
            let report = read::<KeepReport>(&directory.join(step.report()))
                .await?
                .unwrap_or_default();
            let of_step = ordered.keep.iter().filter(|keep| keep.step == step);
            for (keep, made) in of_step.zip(report.archives) {
                let Some(made) = made.filter(|_| has_succeeded || keep.on == KeptOn::Always) else {
                    continue;
                };
                let trust = context.record.push.trust;
                let from = directory.join(&keep.file);
                match self.parts.archives.take(trust, &made.digest, &from).await {
                    Ok(()) => {}
                    // A cache never fails a goal.
                    Err(error) if keep.kept_as == KeptAs::Cache => {
                        tracing::warn!(goal = %attempt.goal, %error, "a cache cannot be kept");
                        continue;
                    }
                    Err(error) => return Err(failed("take what the goal left")(error)),
                }
                taken.push(kept(context, attempt, keep, made));
            }
        }
        Ok(taken)
    }
}

fn kept(context: &GoalContext<'_>, attempt: &AttemptRef, keep: &OrderedKeep, made: MadeArchive) -> Kept {
    let push = &context.record.push;
    Kept {
        kept_as: keep.kept_as,
        classifier: keep.classifier.clone(),
        scope: keep.scope,
        trust: push.trust,
        repo_key: push.repo.key.clone(),
        branch: push.branch.clone(),
        goal_set: attempt.goal_set,
        goal: attempt.goal.clone(),
        attempt: attempt.attempt,
        digest: made.digest,
        size: made.size,
        at: context.now,
    }
}

/// Whether the result is all that the goal left: a version belongs to its commit, and some kinds change more than that.
fn can_be_taken_over(context: &GoalContext<'_>, result: &ExecutionResult) -> bool {
    let kind = kinds::kind(&context.goal.definition().work.kind);
    result.version.is_none() && kind.is_some_and(|kind| kind.can_be_taken_over(result))
}

fn success(
    context: &GoalContext<'_>,
    attempt: &AttemptRef,
    inputs: String,
    result: &ExecutionResult,
) -> Success {
    let push = &context.record.push;
    Success {
        inputs,
        trust: push.trust,
        repo_key: push.repo.key.clone(),
        branch: push.branch.clone(),
        sha: push.after.clone(),
        goal_set: attempt.goal_set,
        goal: attempt.goal.clone(),
        attempt: attempt.attempt,
        data: result.data.clone(),
        at: context.now,
    }
}

/// The result with what was restored and kept in its data, which replaces keys one by one (semantics 3.3). Data that is no
/// object is left as it is.
fn shown(
    mut result: ExecutionResult,
    earlier: Option<&str>,
    ordered: &Ordered,
    restored: Option<&RestoreReport>,
    taken: &[Kept],
) -> ExecutionResult {
    let mut additions = Map::new();
    if !ordered.inputs.is_empty() {
        let digests = restored
            .into_iter()
            .flat_map(|report| report.restored.iter().cloned());
        let digests = digests.chain(std::iter::repeat(None));
        let one = |(classifier, digest): (&String, Option<String>)| json!({"classifier": classifier, "digest": digest});
        additions.insert(
            INPUT.to_owned(),
            ordered.inputs.iter().zip(digests).map(one).collect(),
        );
    }
    let outputs = taken.iter().filter(|kept| kept.kept_as == KeptAs::Output);
    let outputs: Vec<Value> = outputs
        .map(|kept| json!({"classifier": kept.classifier, "digest": kept.digest, "size": kept.size}))
        .collect();
    if !outputs.is_empty() {
        additions.insert(OUTPUT.to_owned(), outputs.into());
    }
    if !additions.is_empty() {
        result.data = with_additions(result.data.as_deref().or(earlier), additions).or(result.data);
    }
    result
}

/// An object with further keys; `None` when it is no object.
pub(super) fn with_additions(data: Option<&str>, additions: Map<String, Value>) -> Option<String> {
    let mut object = match data {
        Some(text) => serde_json::from_str::<Map<String, Value>>(text).ok()?,
        None => Map::new(),
    };
    object.extend(additions);
    Some(Value::Object(object).to_string())
}

/// The digests of the outputs that data speaks of.
pub(super) fn outputs_in(data: Option<&str>) -> Vec<String> {
    let data: Value = data
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let outputs = data[OUTPUT].as_array().into_iter().flatten();
    outputs
        .filter_map(|output| output["digest"].as_str().map(str::to_owned))
        .collect()
}

/// A report of a step; `None` when the step did not come so far. A goal may have written to it, so nonsense is an error
/// of the goal and not ours.
async fn read<T: DeserializeOwned + Send + 'static>(path: &Path) -> Result<Option<T>, KindError> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let text = match std::fs::File::open(&path) {
            Ok(file) => {
                let mut text = Vec::new();
                io::Read::read_to_end(&mut io::Read::take(file, LARGEST), &mut text)?;
                text
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(serde_json::from_slice(&text)?))
    });
    let read = reading.await.map_err(io::Error::other).and_then(|read| read);
    read.map_err(failed("read what became of the goal's files"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keeps_what_it_has_and_gains_what_was_kept() {
        let additions = || json!({OUTPUT: [{"digest": "ab"}]}).as_object().unwrap().clone();
        let data = with_additions(Some(r#"{"a": 1}"#), additions()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&data).unwrap()["a"], 1);
        assert_eq!(outputs_in(Some(&data)), ["ab"]);
        assert_eq!(with_additions(Some("free text"), additions()), None);
        assert_eq!(outputs_in(Some("free text")), [""; 0]);
        assert_eq!(outputs_in(None), [""; 0]);
    }
}
