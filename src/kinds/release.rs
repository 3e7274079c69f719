//! `release`: settles which version is released, and hands it to whatever publishes it (semantics 4.6).

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::resolve::Placeholders;
use super::tag::version_of;
use super::{Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step};
use crate::model::version::{is_release_like, release};
use crate::model::{Descriptor, ExecutionResult, Field, ValueType};

pub(super) struct Release;

static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "what publishes it; finds the version in `SDM_RELEASE_VERSION`",
    ),
    Field::new("timeout", ValueType::Duration, "longest run time").default("10m"),
    Field::new(
        "grace",
        ValueType::Duration,
        "between the request to end and the kill",
    )
    .default("30s"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "release",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Releases the version of the commit without prerelease and build, or the milestone or candidate that it is tagged as.",
    example: "name: release\nrelease: {run: [./scripts/publish, --final]}",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    run: Vec<String>,
    timeout: Option<u64>,
    grace: Option<u64>,
}

#[async_trait]
impl Kind for Release {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn runs_process(&self) -> bool {
        true
    }

    fn check(&self, arguments: &Value) -> Result<(), String> {
        serde_json::from_value::<Arguments>(arguments.clone())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = serde_json::from_value(context.goal.definition().work.arguments.clone())
            .map_err(|error| KindError::Definition(error.to_string()))?;
        let version = released_version(context).await?;
        if arguments.run.is_empty() {
            return Ok(Begun::Ended(ExecutionResult {
                description: Some(format!("Released {version}; no forge is connected to publish it")),
                data: Some(data(&version)),
                ..ExecutionResult::success()
            }));
        }
        let resolved = Placeholders::of(context).await?.argv(&arguments.run)?;
        let mut environment = resolved.environment;
        environment.push(("SDM_RELEASE_VERSION".to_owned(), version));
        let milliseconds = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step::program("", resolved.argv)],
            environment,
            timeout: milliseconds(arguments.timeout, Duration::from_secs(600)),
            grace: milliseconds(arguments.grace, Duration::from_secs(30)),
        }))
    }

    async fn conclude(
        &self,
        context: &GoalContext<'_>,
        ended: Ended<'_>,
    ) -> Result<ExecutionResult, KindError> {
        let result = ended.result;
        if result.code != 0 || result.state.is_some() {
            return Ok(result);
        }
        let version = released_version(context).await?;
        let description = result.description.clone().or(Some(format!("Released {version}")));
        let data = result.data.clone().or(Some(data(&version)));
        Ok(ExecutionResult {
            description,
            data,
            ..result
        })
    }
}

fn data(version: &str) -> String {
    json!({"release": {"version": version}}).to_string()
}

/// A milestone or candidate that the commit is tagged as, else its version without prerelease and build (VE-04).
async fn released_version(context: &GoalContext<'_>) -> Result<String, KindError> {
    let push = &context.record.push;
    let mut tags = context.scm.tags_of(&push.repo, &push.after).await?;
    tags.retain(|tag| is_release_like(tag));
    tags.sort();
    match tags.pop() {
        Some(tag) => Ok(tag),
        None => version_of(context)
            .await
            .map(|version| release(&version).to_owned()),
    }
}
