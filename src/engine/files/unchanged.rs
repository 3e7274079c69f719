//! A goal whose inputs are those of an earlier success takes that over instead of running.
//!
//! Its inputs are its whole definition, filled in for its push and as far as the push calls for it, so that neither what it
//! does nor how that is judged can be forgotten; the files of the commit that it names, the variables it names, and the files
//! it gets from other goals. Where its changes would go is none of them: only what changed nothing is taken over. What it does
//! not name it does not depend on: that is the author's word.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use super::after::{outputs_in, with_additions};
use super::before::{failed, files_with_ids, with_view};
use super::{bounded, sought};
use crate::engine::Engine;
use crate::kinds::process::{Command, ProcessRequest, Step};
use crate::kinds::resolve::Placeholders;
use crate::kinds::{self, GoalContext, Kind, KindError, inspect};
use crate::model::files::Unchanged;
use crate::model::goal_event::ExternalUrl;
use crate::model::reused::{REUSED, Reused, UNCHANGED};
use crate::model::{Descriptions, ExecutionResult, Work};
use crate::ports::AttemptRef;
use crate::ports::kept::{Kept, KeptAs, Success};

/// Names in what our own steps are told that are another for every attempt, push or moment, and change nothing of what is done.
/// The definition says the rest, so that leaving out too much here loses nothing.
const OF_THE_ATTEMPT: &[&str] = &["belonging", "notes", "author", "committer", "at", "message"];

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
            let matched = globs
                .iter()
                .map(|glob| files_with_ids(view, std::slice::from_ref(glob)));
            matched.collect::<Result<Vec<_>, _>>()
        })
        .await?;
        // A glob that matches nothing would never see a change: it is misspelt, or its files are not there yet.
        if files.iter().any(Vec::is_empty) {
            return Ok(None);
        }
        let mut written = definition.clone();
        // What people read of it is neither done nor judged.
        written.descriptions = Descriptions::default();
        leave_out_where_changes_go(&mut written.work);
        let written = serde_json::to_value(written);
        let written = written.map_err(|error| KindError::Definition(error.to_string()))?;
        let everything = json!({
            "definition": filled(&Placeholders::of(context).await?, written),
            "environment": request.environment,
            "steps": request.steps.iter().map(what_runs).collect::<Vec<_>>(),
            "files": files,
            "env": self.variables(unchanged, request),
            "inputs": self.digests_of_inputs(context).await?,
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
        if !self.takes_comments_over(context, &earlier).await? {
            return Ok(None);
        }
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
        let urls = self.links_to(context, &earlier).await?;
        Ok(Some(taken_over(context, &earlier, urls)))
    }

    /// Keeps what was said of the earlier commit as said of this one; `false` where there should be something and nothing is.
    async fn takes_comments_over(
        &self,
        context: &GoalContext<'_>,
        earlier: &Success,
    ) -> Result<bool, KindError> {
        let reviews = self.parts.store.reviews(earlier.goal_set).await?;
        let Some((_, review)) = reviews.into_iter().find(|(goal, _)| *goal == earlier.goal) else {
            return Ok(context.goal.definition().work.kind != inspect::NAME);
        };
        let (set, goal) = (context.record.set.id, context.goal.key());
        self.parts.store.save_review(set, &goal, &review).await?;
        Ok(true)
    }

    /// The page of the goal set that did the work, and the links that its goal has.
    async fn links_to(
        &self,
        context: &GoalContext<'_>,
        earlier: &Success,
    ) -> Result<Vec<ExternalUrl>, KindError> {
        let mut urls = Vec::new();
        if let Some(hub) = &context.policy.hub {
            let repo = &context.record.push.repo;
            let page = hub.page_of(context.store, repo, earlier.goal_set, context.now);
            urls.push(ExternalUrl {
                label: Some(format!("taken over from {}", earlier.goal_set.short())),
                url: page.await?,
            });
        }
        let record = self.parts.store.goal_set(earlier.goal_set).await?;
        let goal = record.as_ref().and_then(|record| record.set.goal(&earlier.goal));
        urls.extend(
            goal.into_iter()
                .flat_map(|goal| goal.external_urls.iter().cloned()),
        );
        Ok(urls)
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

/// Leaves out what only says where a goal's changes go: only what changed nothing is taken over.
fn leave_out_where_changes_go(work: &mut Work) {
    let kind = kinds::kind(&work.kind);
    let names = kind.map(Kind::where_changes_go).unwrap_or_default();
    if let Some(arguments) = work.arguments.as_object_mut() {
        arguments.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// A value of a definition with every text as it is for this push, beside how it is written; without where it is written.
fn filled(placeholders: &Placeholders, value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => {
            let value = placeholders.text(&text).ok();
            json!([text, value])
        }
        Value::Array(items) => items.into_iter().map(|item| filled(placeholders, item)).collect(),
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .filter(|(name, value)| !(name == "place" && is_place(value)));
            fields
                .map(|(name, value)| (name, filled(placeholders, value)))
                .collect()
        }
        other => other,
    }
}

/// Whether it is nothing but where something is written: a line more before it makes no other goal of it.
fn is_place(value: &Value) -> bool {
    let Some(fields) = value.as_object() else {
        return false;
    };
    fields.len() == 3
        && ["file", "line", "column"]
            .iter()
            .all(|name| fields.contains_key(*name))
}

/// What a step does: which of several parts of a goal are for this push is said nowhere else.
fn what_runs(step: &Step) -> Value {
    let runs = match &step.command {
        Command::Program(argv) => json!(argv),
        Command::Own { verb, order } => json!([verb, lasting(order)]),
    };
    json!({"name": step.name, "directory": step.directory, "environment": step.environment, "runs": runs})
}

/// What our own step is told, without what is another each time.
fn lasting(order: &Value) -> Value {
    match order {
        Value::Array(items) => items.iter().map(lasting).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter(|(name, _)| !OF_THE_ATTEMPT.contains(&name.as_str()));
            fields
                .map(|(name, value)| (name.clone(), lasting(value)))
                .collect()
        }
        other => other.clone(),
    }
}

fn taken_over(context: &GoalContext<'_>, earlier: &Success, urls: Vec<ExternalUrl>) -> ExecutionResult {
    let reused = Reused {
        goal_set: earlier.goal_set,
        goal: Some(earlier.goal.clone()),
        sha: earlier.sha.clone(),
        branch: earlier.branch.clone(),
        attempt: earlier.attempt,
    };
    let additions = Map::from_iter([(REUSED.to_owned(), json!(reused))]);
    let because = format!(
        "nothing it depends on has changed since {}: taken over from goal set {}",
        earlier.sha.short(),
        earlier.goal_set.short()
    );
    let outcome = ExecutionResult::success().outcome(context.goal.definition().approval.is_some());
    ExecutionResult {
        phase: Some(UNCHANGED.to_owned()),
        description: Some(format!("{} ({because})", context.goal.text(outcome))),
        message: Some(because),
        data: with_additions(earlier.data.as_deref(), additions),
        external_urls: urls,
        ..ExecutionResult::success()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        Placeholders::from_facts(json!({"push": {"branch": "main"}}))
    }

    #[test]
    fn a_definition_is_all_it_says_for_its_push_and_not_where_it_is_written() {
        let at = |line: u32, fail_on: &str| {
            json!({
                "place": {"file": "goals.yaml", "line": line, "column": 3},
                "work": {"arguments": {"fail_on": fail_on, "run": ["lint", "${push.branch}"]}},
                "parameters": {"place": "Bern"},
            })
        };
        let filled = |value| filled(&placeholders(), value);
        assert_eq!(filled(at(3, "error")), filled(at(4, "error")));
        assert_ne!(filled(at(3, "error")), filled(at(3, "warn")));
        let shown = filled(at(3, "error")).to_string();
        assert!(
            shown.contains(r#"["${push.branch}","main"]"#) && shown.contains("Bern"),
            "{shown}"
        );
    }

    #[test]
    fn where_fixes_would_go_is_no_input_of_what_mended_nothing() {
        let of = |kind: &str, branch: &str| {
            let mut work = Work {
                kind: kind.to_owned(),
                arguments: json!({"run": ["format"], "branch": branch}),
            };
            leave_out_where_changes_go(&mut work);
            work.arguments
        };
        assert_eq!(of("autofix", "a"), of("autofix", "b"));
        assert_eq!(of("autofix", "a")["run"][0], "format");
        assert_ne!(of("execute", "a"), of("execute", "b"));
    }

    #[test]
    fn what_a_step_is_told_is_the_same_for_every_attempt() {
        let order = |attempt: u32, image: &str| {
            let containers = json!([{"image": image, "command": ["make"]}]);
            json!({"belonging": {"attempt": attempt}, "notes": [attempt.to_string()], "containers": containers})
        };
        let step = |order| what_runs(&Step::own("", "containers", order));
        assert_eq!(step(order(1, "a")), step(order(2, "a")));
        assert_ne!(step(order(1, "a")), step(order(1, "b")));
    }
}
