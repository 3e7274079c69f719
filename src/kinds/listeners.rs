//! What runs around the work of a goal: its listeners, and hooks of the repository (semantics 3.12, 3.15).
//!
//! All of it are steps below the goal's supervisor, so there is one log, one time limit and one end. What a listener
//! writes to its own `ATOMIST_RESULT` becomes part of the goal's description, phase, data and links (EX-04).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::left::read_left;
use super::part_tests::{self, Part};
use super::resolve::Placeholders;
use super::{GoalContext, KindError, ProcessRequest, Step, globs, look_into};
use crate::model::definition::Listener;
use crate::model::goal_event::ExternalUrl;
use crate::model::{ArgumentProblems, ExecutionResult, FieldPath, Goal};
use crate::ports::executor::When;
use crate::rules::view::{ProjectView, ViewError};

/// Where a repository keeps its hooks.
pub(crate) const HOOKS: &str = ".atomist/hooks";

/// The verb of the step that runs a hook.
pub(crate) const HOOK_VERB: &str = "hook";

/// Largest hook, in bytes.
const MAX_HOOK: usize = 1 << 20;

/// Largest result of a listener, in bytes.
const MAX_RESULT: u64 = 1 << 20;

/// Most links taken from one listener.
const MAX_LINKS: usize = 20;

/// Whether a repository's own hooks may run: only where its name is on the operator's list (3.15 DECISION).
pub(crate) fn allows_hooks(allowed: &[String], slug: &str) -> bool {
    !allowed.is_empty() && globs(allowed).is_ok_and(|allowed| allowed.is_match(slug))
}

/// Whether that list can be read.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_allowed(allowed: &[String]) -> Result<(), String> {
    globs(allowed).map(|_| ())
}

/// The request with everything that runs around its steps.
pub(crate) async fn around(
    context: &GoalContext<'_>,
    request: ProcessRequest,
    allows_hooks: bool,
) -> Result<ProcessRequest, KindError> {
    let listeners = numbered_that_hold(context).await?;
    let hooks = match allows_hooks {
        true => hooks_of(context).await?,
        false => Hooks::default(),
    };
    if listeners.is_empty() && hooks == Hooks::default() {
        return Ok(request);
    }
    let placeholders = Placeholders::of(context).await?;
    let mut steps: Vec<Step> = hooks
        .pre
        .into_iter()
        .map(|file| hook("pre-goal hook", &file))
        .collect();
    for (number, listener) in listeners.iter().filter(|(_, listener)| listener.before) {
        steps.push(step(&placeholders, listener, &file_of(*number, BEFORE))?);
    }
    let name = &context.goal.definition().name;
    steps.extend(request.steps.into_iter().map(|step| named(step, name)));
    steps.extend(hooks.post.into_iter().map(|file| hook("post-goal hook", &file)));
    for (number, listener) in listeners.iter().filter(|(_, listener)| listener.after) {
        steps.push(Step {
            when: When::Finally,
            ..step(&placeholders, listener, &file_of(*number, AFTER))?
        });
    }
    Ok(ProcessRequest { steps, ..request })
}

/// The listeners whose test holds for the push, each with its place among all of them.
async fn numbered_that_hold<'a>(context: &GoalContext<'a>) -> Result<Vec<(usize, &'a Listener)>, KindError> {
    let all: &'a [Listener] = &context.goal.definition().listeners;
    let numbered = all.iter().enumerate().collect();
    part_tests::that_hold(context, numbered, |(_, listener)| part(listener)).await
}

fn part(listener: &Listener) -> Part<'_> {
    (&listener.name, listener.test.as_ref())
}

/// What is wrong with the tests of a goal's listeners.
pub(super) fn check(listeners: &[Listener]) -> ArgumentProblems {
    part_tests::check(&FieldPath::to("listeners"), listeners.iter().map(part))
}

const BEFORE: &str = "before";
const AFTER: &str = "after";

/// The file in the output directory in which a listener leaves its result.
fn file_of(number: usize, event: &str) -> String {
    format!("listener-{}-{event}.json", number + 1)
}

fn step(placeholders: &Placeholders, listener: &Listener, result: &str) -> Result<Step, KindError> {
    let resolved = placeholders.argv(&listener.run)?;
    Ok(Step {
        environment: resolved.environment,
        own_result: Some(result.to_owned()),
        ..Step::program(&listener.name, resolved.argv)
    })
}

/// A step that stood alone needs a name among others.
fn named(step: Step, goal: &str) -> Step {
    match step.name.is_empty() {
        true => Step {
            name: goal.to_owned(),
            ..step
        },
        false => step,
    }
}

fn hook(name: &str, hook: &HookOrder) -> Step {
    let order = serde_json::to_value(hook).expect("texts are JSON");
    Step::own(name, HOOK_VERB, order)
}

/// A hook as it was pushed, whatever the goal makes of the file in its working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookOrder {
    /// Its name.
    pub(crate) file: String,
    /// Its content in base64.
    pub(crate) content: String,
    /// Whether it may be executed.
    pub(crate) is_executable: bool,
}

impl HookOrder {
    fn read(view: &dyn ProjectView, file: String) -> Result<Option<Self>, ViewError> {
        let path = format!("{HOOKS}/{file}");
        let Some(content) = view.content(&path)? else {
            return Ok(None);
        };
        if content.len() > MAX_HOOK {
            return Err(ViewError {
                what: path,
                because: format!("a hook has at most {MAX_HOOK} bytes"),
            });
        }
        let is_executable = view.file_id(&path)?.is_some_and(|id| id.ends_with("+x"));
        Ok(Some(Self {
            file,
            content: STANDARD.encode(content),
            is_executable,
        }))
    }
}

/// The hooks that the pushed commit has for a goal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hooks {
    pre: Option<HookOrder>,
    post: Option<HookOrder>,
}

async fn hooks_of(context: &GoalContext<'_>) -> Result<Hooks, KindError> {
    let definition = context.goal.definition();
    let [pre, post] = ["pre", "post"].map(|when| hook_file(when, &definition.environment, &definition.name));
    let found = look_into(context, move |view| {
        Ok(Hooks {
            pre: HookOrder::read(view, pre)?,
            post: HookOrder::read(view, post)?,
        })
    });
    found
        .await?
        .map_err(|error: ViewError| KindError::Definition(error.to_string()))
}

/// `<pre|post>-<environment>-<name>`: the environment without its number, all lower case, spaces as `_`. A name that would lead
/// elsewhere has no hook.
fn hook_file(when: &str, environment: &str, name: &str) -> String {
    let label = environment.trim_start_matches(|c: char| c.is_ascii_digit());
    let label = if label.len() < environment.len() {
        label.trim_start_matches('-')
    } else {
        environment
    };
    format!("{when}-{label}-{name}")
        .to_lowercase()
        .replace([' ', '/'], "_")
}

/// What a listener may write.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    description: Option<String>,
    phase: Option<String>,
    data: Option<Value>,
    #[serde(alias = "external_urls")]
    external_urls: Vec<ExternalUrl>,
}

/// The files in which listeners of a goal leave their results, in order.
pub(crate) fn files(goal: &Goal) -> impl Iterator<Item = String> {
    let numbers = 0..goal.definition().listeners.len();
    numbers.flat_map(|number| [file_of(number, BEFORE), file_of(number, AFTER)])
}

/// The result with what the listeners left, the later ones last (EX-04, hazard 15). A listener whose result cannot be read has
/// none.
pub(crate) fn merged(goal: &Goal, output: &Path, mut result: ExecutionResult) -> ExecutionResult {
    for file in files(goal) {
        let written: Option<Written> = read_left(&output.join(&file), MAX_RESULT).unwrap_or_else(|error| {
            tracing::warn!(file, error = %error, "the result of a listener cannot be read");
            None
        });
        if let Some(written) = written {
            take_over(&mut result, written);
        }
    }
    result
}

fn take_over(result: &mut ExecutionResult, written: Written) {
    let cut = |text: String| text.chars().take(1000).collect::<String>();
    result.description = written.description.map(cut).or(result.description.take());
    result.phase = written.phase.map(cut).or(result.phase.take());
    if let Some(data) = written.data {
        result.data = Some(merged_data(result.data.as_deref(), data));
    }
    let is_link = |link: &ExternalUrl| link.url.starts_with("https://") || link.url.starts_with("http://");
    result
        .external_urls
        .extend(written.external_urls.into_iter().filter(is_link).take(MAX_LINKS));
}

/// Shallow, the new keys win (3.3); what is no object replaces.
fn merged_data(old: Option<&str>, new: Value) -> String {
    let old = old.and_then(|old| serde_json::from_str(old).ok());
    match (old, new) {
        (Some(Value::Object(mut old)), Value::Object(new)) => {
            old.extend(new);
            Value::Object(old).to_string()
        }
        (_, Value::String(text)) => text,
        (_, other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hooks_are_named_by_environment_and_goal_with_all_spaces_replaced() {
        assert_eq!(
            hook_file("pre", "0-code", "Rust Lint All"),
            "pre-code-rust_lint_all"
        );
        assert_eq!(hook_file("post", "1-staging", "deploy"), "post-staging-deploy");
        assert_eq!(hook_file("pre", "qa", "../../x"), "pre-qa-.._.._x");
    }

    #[test]
    fn ex_05_hooks_run_only_where_the_operator_allows_them() {
        let list = |globs: &[&str]| globs.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(!allows_hooks(&[], "acme/app"));
        assert!(allows_hooks(&list(&["acme/*"]), "acme/app"));
        assert!(!allows_hooks(&list(&["acme/*"]), "acme2/app") && !allows_hooks(&list(&["*"]), "acme/app"));
        assert!(check_allowed(&list(&["[a"])).is_err());
    }

    #[test]
    fn ex_04_what_a_listener_says_becomes_part_of_the_result() {
        let mut result = ExecutionResult {
            data: Some(r#"{"a":1,"b":1}"#.to_owned()),
            ..ExecutionResult::success()
        };
        let written = json!({"description": "d", "data": {"b": 2}, "externalUrls": [{"url": "https://x"}, {"url": "javascript:x"}]});
        take_over(&mut result, serde_json::from_value(written).unwrap());
        assert_eq!(result.data.as_deref(), Some(r#"{"a":1,"b":2}"#));
        assert_eq!(
            (result.description.as_deref(), result.external_urls.len()),
            (Some("d"), 1)
        );
        assert_eq!(merged_data(Some("text"), json!({"b": 2})), r#"{"b":2}"#);
    }
}
