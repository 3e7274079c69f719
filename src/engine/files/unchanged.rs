//! A goal whose inputs are those of an earlier success takes that over instead of running.
//!
//! Its inputs are what it would run, the files of the commit that it names, the variables it names, and the files it gets
//! from other goals. What it does not name it does not depend on: that is the author's word.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde_json::{Map, json};

use super::after::{outputs_in, with_additions};
use super::before::{failed, files_with_ids, with_view};
use super::{bounded, sought};
use crate::engine::Engine;
use crate::kinds::process::ProcessRequest;
use crate::kinds::resolve::Placeholders;
use crate::kinds::{GoalContext, KindError};
use crate::model::files::Unchanged;
use crate::model::{ExecutionResult, StateName};
use crate::ports::AttemptRef;
use crate::ports::kept::{Kept, KeptAs, Success};

/// Under which key a goal's data says whose result it has taken over.
const REUSED: &str = "@atomist/sdm/reused";

impl Engine {
    /// The digest of everything the goal depends on, when it says what that is.
    ///
    /// # Errors
    /// The commit or the store cannot be read.
    pub(in crate::engine) async fn inputs_of(
        &self,
        context: &GoalContext<'_>,
        request: &ProcessRequest,
    ) -> Result<Option<String>, KindError> {
        let definition = context.goal.definition();
        let Some(unchanged) = &definition.files.unchanged else {
            return Ok(None);
        };
        let globs = unchanged.inputs.clone();
        let scm = self.parts.scm.clone();
        let files = with_view(scm, context.record.push.clone(), move |view| {
            files_with_ids(view, &globs)
        })
        .await?;
        let everything = json!({
            "goal": definition.key().to_string(),
            "runs": format!("{request:?}"),
            "files": files,
            "env": self.variables(unchanged, request),
            "inputs": self.digests_of_inputs(context).await?,
            "outputs": definition.files.outputs,
        });
        let text = everything.to_string();
        Ok(Some(hex::encode(digest::digest(
            &digest::SHA256,
            text.as_bytes(),
        ))))
    }

    /// The variables it names, as it would find them.
    fn variables(&self, unchanged: &Unchanged, request: &ProcessRequest) -> BTreeMap<String, Option<String>> {
        let all = self.settings.base_environment.iter().chain(&request.environment);
        let all: BTreeMap<&String, &String> = all.map(|(name, value)| (name, value)).collect();
        let value = |name: &String| (name.clone(), all.get(name).map(ToString::to_string));
        unchanged.env.iter().map(value).collect()
    }

    async fn digests_of_inputs(&self, context: &GoalContext<'_>) -> Result<Vec<Option<String>>, KindError> {
        let inputs = &context.goal.definition().files.inputs;
        let placeholders = Placeholders::of(context).await?;
        let mut digests = Vec::new();
        for input in inputs {
            let name = super::key::classifier(&self.settings.name, &placeholders.text(&input.classifier)?);
            let sought = sought(context, KeptAs::Output, name, input.scope);
            let found = self.parts.store.find_kept(&sought).await?;
            digests.push(found.map(|kept| kept.digest));
        }
        Ok(digests)
    }

    /// The result of an earlier success with these inputs, when everything that it left is still there; what it left is then
    /// this goal's as well.
    ///
    /// # Errors
    /// The store cannot be used.
    pub(in crate::engine) async fn take_over(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        inputs: &str,
    ) -> Result<Option<ExecutionResult>, KindError> {
        let Some(unchanged) = &context.goal.definition().files.unchanged else {
            return Ok(None);
        };
        let sought = sought(context, KeptAs::Output, String::new(), unchanged.scope);
        let Some(earlier) = self.parts.store.find_success(inputs, &sought).await? else {
            return Ok(None);
        };
        let Some(outputs) = self.outputs_still_there(&earlier).await? else {
            return Ok(None);
        };
        let push = &context.record.push;
        let as_mine = |kept: Kept| Kept {
            scope: bounded(kept.scope, context),
            repo_key: push.repo.key.clone(),
            branch: push.branch.clone(),
            goal_set: attempt.goal_set,
            goal: attempt.goal.clone(),
            attempt: attempt.attempt,
            at: context.now,
            ..kept
        };
        let mine: Vec<Kept> = outputs.into_iter().map(as_mine).collect();
        self.parts.store.keep_files(&mine).await?;
        let again = Success {
            branch: push.branch.clone(),
            at: context.now,
            ..earlier.clone()
        };
        self.parts.store.record_success(&again).await?;
        Ok(Some(taken_over(context, &earlier)))
    }

    /// Everything that a success left; `None` when some of it has gone.
    async fn outputs_still_there(&self, earlier: &Success) -> Result<Option<Vec<Kept>>, KindError> {
        let outputs = self.parts.store.outputs_of(earlier).await?;
        let named = outputs_in(earlier.data.as_deref());
        let is_known = |digest: &String| outputs.iter().any(|kept| kept.digest == *digest);
        if !named.iter().all(is_known) {
            return Ok(None);
        }
        for kept in &outputs {
            let there = self.parts.archives.has(kept.trust, &kept.digest).await;
            if !there.map_err(failed("look for an archive"))? {
                self.parts.store.forget_archive(kept.trust, &kept.digest).await?;
                return Ok(None);
            }
        }
        Ok(Some(outputs))
    }
}

fn taken_over(context: &GoalContext<'_>, earlier: &Success) -> ExecutionResult {
    let reused = json!({
        "goal_set": earlier.goal_set.to_string(),
        "sha": earlier.sha.as_str(),
        "branch": earlier.branch.as_str(),
        "attempt": earlier.attempt,
    });
    let additions = Map::from_iter([(REUSED.to_owned(), reused)]);
    let because = format!(
        "nothing it depends on has changed since {}: taken over from goal set {}",
        earlier.sha.short(),
        earlier.goal_set.short()
    );
    ExecutionResult {
        phase: Some("unchanged".to_owned()),
        description: Some(format!("{} ({because})", context.goal.text(StateName::Success))),
        message: Some(because),
        data: with_additions(earlier.data.as_deref(), additions),
        ..ExecutionResult::success()
    }
}
