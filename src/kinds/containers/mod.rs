//! `containers`: a goal in containers (semantics 4.5, 7.3 row 1).
//!
//! [`fields`] says what may be written, [`arguments`] reads it, [`order`] makes of it what the driver of the engine is
//! told; [`policy`] is what the operator allows. The engine itself is driven by a step that is our own program.

mod arguments;
mod fields;
mod options;
mod order;
pub mod policy;
mod sense;
mod tests_of_containers;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::resolve::Placeholders;
use super::{Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, FieldPath, FixedImage, StateName};
use crate::ports::containers::{
    ContainerOrder, ContainerReport, PROJECT, Pull, REPORT, SHUTTING_DOWN, WantedReport,
};

pub(super) use arguments::Arguments;
pub(super) use fields::{CONTAINER, INIT_CONTAINERS, NETWORK, VOLUMES};
pub(super) use order::CLEARING;
use tests_of_containers::Chosen;

/// The verb of the step that drives the engine.
pub const VERB: &str = "containers";

/// Largest report that is read.
const LARGEST_REPORT: u64 = 1024 * 1024;

/// Under this key of its data placeholders find which images a goal used, where its own data leaves room for it.
const IMAGES: &str = "images";

pub(super) struct Containers;

#[async_trait]
impl Kind for Containers {
    fn descriptor(&self) -> &'static Descriptor {
        &fields::DESCRIPTOR
    }

    fn runs_process(&self, _arguments: &Value) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        Arguments::read(arguments)?.problems().none_or(())
    }

    fn images(&self, arguments: &Value) -> Vec<(String, Pull)> {
        Arguments::read(arguments).map_or_else(|_| Vec::new(), |arguments| arguments.images())
    }

    async fn images_for(&self, context: &GoalContext<'_>) -> Result<Vec<(String, Pull)>, KindError> {
        let written = &context.goal.definition().work.arguments;
        images_for(context, Arguments::read(written)?).await
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let written = &context.goal.definition().work.arguments;
        let arguments = Arguments::read(written)?;
        let (timeout, grace) = (arguments.timeout(), arguments.grace());
        let driven = driven(context, arguments, Wanted::default()).await?;
        Ok(begun(driven, timeout, grace))
    }

    async fn conclude(
        &self,
        context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        concluded(context, ended).await
    }
}

/// A goal that is nothing but its containers.
pub(super) fn begun(driven: Driven, timeout: Duration, grace: Duration) -> Begun {
    match driven {
        Driven::By(step) => Begun::Process(ProcessRequest {
            steps: vec![*step],
            environment: Vec::new(),
            timeout,
            grace: grace + CLEARING,
        }),
        Driven::Nothing(because) => Begun::Ended(skipped(&because)),
    }
}

/// What becomes of such a goal when its containers have ended.
///
/// # Errors
/// The store cannot be written.
pub(super) async fn concluded(
    context: &GoalContext<'_>,
    ended: Ended<'_>,
) -> Result<ExecutionResult, KindError> {
    let report = read_report(&ended).await;
    let moved = fix_images(context, &report.fixed).await?;
    let mut result = ended.result;
    // Why somebody ended it is said already.
    let ended_by_itself = result
        .phase
        .as_deref()
        .is_none_or(|phase| !["timeout", "stopped"].contains(&phase));
    if result.code != 0 && ended_by_itself && report.failure.is_some() {
        result.message = report.failure;
    }
    result.phase = meaningful(result.phase);
    Ok(held_to_images(with_images(result, report.images), moved))
}

/// Where the containers stood when all was over says nothing any more: an empty phase takes its place.
pub(super) fn meaningful(phase: Option<String>) -> Option<String> {
    let said = phase.filter(|phase| phase != SHUTTING_DOWN);
    Some(said.unwrap_or_default())
}

/// Fixes for the goal set what images were by their names; says which one had another meaning to a goal beside this one.
///
/// # Errors
/// The store cannot be written.
pub(super) async fn fix_images(
    context: &GoalContext<'_>,
    used: &[FixedImage],
) -> Result<Option<String>, KindError> {
    if used.is_empty() {
        return Ok(None);
    }
    let fixed = context.store.fix_images(context.record.set.id, used).await?;
    let moved = used.iter().zip(&fixed).find(|(used, fixed)| used.id != fixed.id);
    Ok(moved.map(|(used, fixed)| {
        format!(
            "the image `{}` moved while goals of this set first used it: here it was {}, for a goal beside this one {}",
            used.name, used.shown, fixed.shown
        )
    }))
}

/// A goal that ran in another image than its set is a failure.
pub(super) fn held_to_images(result: ExecutionResult, moved: Option<String>) -> ExecutionResult {
    match moved {
        Some(because) if result.code == 0 => ExecutionResult {
            code: 1,
            message: Some(because),
            state: None,
            description: None,
            ..result
        },
        Some(_) | None => result,
    }
}

/// What another kind wants of containers, beside what is written of them.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    /// What is kept of them for a later step.
    pub(super) report: Option<WantedReport>,
    /// The files that the push changes, where they are told of and can be known.
    pub(super) changed: Option<&'a [String]>,
}

/// What drives the containers of a goal.
pub(super) enum Driven {
    /// This step.
    By(Box<Step>),
    /// Nothing: the first container is not for this push, for this reason.
    Nothing(String),
}

/// Images of those containers that are for this push: of none when it does without the first.
///
/// # Errors
/// Their tests cannot be asked.
pub(super) async fn images_for(
    context: &GoalContext<'_>,
    mut arguments: Arguments,
) -> Result<Vec<(String, Pull)>, KindError> {
    match tests_of_containers::choose(context, &arguments).await? {
        Chosen::These(containers) => arguments.containers = containers,
        Chosen::Nothing(_) => return Ok(Vec::new()),
    }
    Ok(arguments.images())
}

/// The step that runs those containers that are for this push.
///
/// # Errors
/// They cannot be carried out for it, or may not.
pub(super) async fn driven(
    context: &GoalContext<'_>,
    mut arguments: Arguments,
    wanted: Wanted<'_>,
) -> Result<Driven, KindError> {
    match tests_of_containers::choose(context, &arguments).await? {
        Chosen::These(containers) => arguments.containers = containers,
        Chosen::Nothing(because) => return Ok(Driven::Nothing(because)),
    }
    let placeholders = Placeholders::of(context).await?;
    let mut order = order::order(context, &arguments, &placeholders)?;
    order.report = wanted.report;
    if let Some(changed) = wanted.changed {
        order::tell_changes(&mut order, changed);
    }
    order.fixed = context.store.fixed_images(context.record.set.id).await?;
    let order = serde_json::to_value(order).map_err(|error| KindError::Definition(error.to_string()))?;
    Ok(Driven::By(Box::new(Step::own("", VERB, order))))
}

/// One container over the working copy, as another kind wants it.
pub(super) struct One<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its image; placeholders allowed.
    pub(super) image: &'a str,
    /// What runs in it; placeholders allowed.
    pub(super) argv: &'a [String],
    /// Its variables, resolved.
    pub(super) environment: &'a [(String, String)],
    /// Where it runs below the root of the working copy.
    pub(super) directory: &'a str,
    /// Between the request to end and the kill.
    pub(super) grace: Duration,
}

/// What the driver is told to run one container.
///
/// # Errors
/// It cannot be carried out for this push, or may not.
pub(super) async fn order_of_one(
    context: &GoalContext<'_>,
    placeholders: &Placeholders,
    one: &One<'_>,
) -> Result<ContainerOrder, KindError> {
    let directory = match one.directory {
        "" => PROJECT.to_owned(),
        below => format!("{PROJECT}/{below}"),
    };
    let written = json!({
        "containers": [{
            "name": one.name,
            "image": one.image,
            "command": one.argv,
            "working_dir": directory,
        }],
        "grace": u64::try_from(one.grace.as_millis()).unwrap_or(u64::MAX),
    });
    let mut order = order::order(context, &Arguments::read(&written)?, placeholders)?;
    for container in &mut order.containers {
        container.environment.extend(one.environment.iter().cloned());
    }
    order.fixed = context.store.fixed_images(context.record.set.id).await?;
    Ok(order)
}

/// What is for programs, where there are only containers.
pub(super) fn for_programs(env: &BTreeMap<String, String>, directory: &str) -> ArgumentProblems {
    // The key, what a container has instead, and whether it is there.
    let written = [
        ("env", "env", !env.is_empty()),
        ("directory", "working_dir", !directory.is_empty()),
    ];
    let mut problems = ArgumentProblems::default();
    for (key, own, _) in written.into_iter().filter(|(_, _, is_there)| *is_there) {
        let message = format!("`{key}` is for programs, and there are only containers");
        let hint = format!("write `{own}` at the container instead");
        problems.add(&FieldPath::to(key), "misplaced_key", message, hint);
    }
    problems
}

/// What is wrong with the image of one.
pub(super) fn problems_of_image(image: &str) -> ArgumentProblems {
    let written = json!({"containers": [{"name": "one", "image": image, "command": ["true"]}]});
    match Arguments::read(&written) {
        Ok(read) => read.problems(),
        Err(problems) => problems,
    }
}

pub(super) fn skipped(because: &str) -> ExecutionResult {
    ExecutionResult {
        state: Some(StateName::Skipped),
        description: Some(format!("Skipped: {because}")),
        ..ExecutionResult::success()
    }
}

/// What the driver left beside the directories that the containers saw; nothing when it was killed too early.
pub(super) async fn read_report(ended: &Ended<'_>) -> ContainerReport {
    let path = ended.output.with_file_name(REPORT);
    let reading = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut text = Vec::new();
        std::fs::File::open(path)?
            .take(LARGEST_REPORT)
            .read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    });
    let text = reading.await.ok().and_then(Result::ok).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// The result with the images that were used (threat I5).
pub(super) fn with_images(result: ExecutionResult, images: Vec<(String, String)>) -> ExecutionResult {
    ExecutionResult {
        data: data_with_images(result.data, images.clone()),
        images: images.into_iter().collect(),
        ..result
    }
}

/// The images under a key of the data, unless the goal's own data leaves no room for it.
fn data_with_images(data: Option<String>, images: Vec<(String, String)>) -> Option<String> {
    if images.is_empty() {
        return data;
    }
    let images: Map<String, Value> = images
        .into_iter()
        .map(|(name, image)| (name, json!(image)))
        .collect();
    match data {
        None => Some(json!({ IMAGES: images }).to_string()),
        Some(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(mut fields)) => {
                fields.entry(IMAGES).or_insert(Value::Object(images));
                Some(Value::Object(fields).to_string())
            }
            Ok(_) | Err(_) => Some(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i5_images_stand_beside_the_goals_own_data_and_never_in_its_place() {
        let images = || vec![("main".to_owned(), "a@sha256:1".to_owned())];
        let with = |data: Option<&str>| data_with_images(data.map(str::to_owned), images()).unwrap();
        assert_eq!(with(None), r#"{"images":{"main":"a@sha256:1"}}"#);
        assert_eq!(
            with(Some(r#"{"x":1}"#)),
            r#"{"x":1,"images":{"main":"a@sha256:1"}}"#
        );
        assert_eq!(with(Some(r#"{"images":2}"#)), r#"{"images":2}"#);
        assert_eq!(with(Some("plain")), "plain");
        for data in [None, Some("plain"), Some(r#"{"images":2}"#)] {
            let result = ExecutionResult {
                data: data.map(str::to_owned),
                ..ExecutionResult::success()
            };
            let images = with_images(result, images()).images;
            assert_eq!(images["main"], "a@sha256:1", "whatever the data is: {data:?}");
        }
    }
}
