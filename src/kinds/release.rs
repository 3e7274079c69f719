//! `release`: settles which version is released, and hands it to whatever publishes it (semantics 4.6).

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask_to_merge::asker;
use super::resolve::Placeholders;
use super::tag::version_of;
use super::{
    Begun, Ended, GoalContext, Kind, KindError, ProcessRequest, Step, look_into, read, refuse_untrusted,
};
use crate::model::goal_event::ExternalUrl;
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::version::{is_release_like, release};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, Field, ValueType};

use crate::ports::forges::{ForgeError, NewRelease, PublishedRelease};

pub(super) struct Release;

/// The file that says what is new, where there is one.
const CHANGELOG: &str = "CHANGELOG.md";

static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "what publishes it; finds the version in `SDM_RELEASE_VERSION`",
    ),
    Field::new(
        "publish",
        ValueType::Boolean,
        "whether a release is published at the forge of the repository; where `run` is absent it is unless this says `false`",
    ),
    TIMEOUT,
    GRACE,
    ENV,
    Field {
        help: "where it runs, below the root of the working copy",
        ..DIRECTORY
    },
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
    publish: Option<bool>,
    timeout: Option<u64>,
    grace: Option<u64>,
    env: BTreeMap<String, String>,
    directory: String,
}

#[async_trait]
impl Kind for Release {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn can_be_taken_over(&self, _result: &ExecutionResult) -> bool {
        false
    }

    fn runs_process(&self, arguments: &Value) -> bool {
        read::<Arguments>(arguments).map_or(true, |arguments| !arguments.run.is_empty())
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        read::<Arguments>(arguments).map(|_| ())
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = Arguments::of(context)?;
        let version = released_version(context).await?;
        if arguments.run.is_empty() {
            let result = ExecutionResult {
                description: Some(format!("Released {version}")),
                data: Some(data(&version)),
                ..ExecutionResult::success()
            };
            return Ok(Begun::Ended(match arguments.publishes() {
                true => published(context, &version, result).await?,
                false => result,
            }));
        }
        let placeholders = Placeholders::of(context).await?;
        let resolved = placeholders.argv_beside(&arguments.run, &[&arguments.env])?;
        let mut environment = resolved.environment;
        environment.extend(placeholders.variables(&arguments.env)?);
        environment.push(("SDM_RELEASE_VERSION".to_owned(), version));
        Ok(Begun::Process(ProcessRequest {
            steps: vec![Step {
                directory: arguments.directory.clone(),
                ..Step::program("", resolved.argv)
            }],
            environment,
            timeout: running::timeout(arguments.timeout),
            grace: running::grace(arguments.grace),
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
        let result = ExecutionResult {
            description,
            data,
            ..result
        };
        match Arguments::of(context)?.publishes() {
            true => published(context, &version, result).await,
            false => Ok(result),
        }
    }
}

impl Arguments {
    fn of(context: &GoalContext<'_>) -> Result<Self, KindError> {
        serde_json::from_value(context.goal.definition().work.arguments.clone())
            .map_err(|error| KindError::Definition(error.to_string()))
    }

    /// Whether the forge is asked; where a program publishes it only by its author's word.
    fn publishes(&self) -> bool {
        self.publish.unwrap_or(self.run.is_empty())
    }
}

/// Publishes the release at the forge. Without a forge or a token for it the goal succeeds and says so (VE-06).
async fn published(
    context: &GoalContext<'_>,
    version: &str,
    result: ExecutionResult,
) -> Result<ExecutionResult, KindError> {
    let push = &context.record.push;
    let said = result.description.clone().unwrap_or_default();
    if !context.forges.knows(&push.repo, &asker(context)) {
        return Ok(ExecutionResult {
            description: Some(format!("{said}; no forge is connected to publish it")),
            ..result
        });
    }
    refuse_untrusted(context)?;
    context.scm.fetch(&push.repo, &push.after).await?;
    let has_changelog = look_into(context, |view| view.has_file(CHANGELOG)).await?;
    let has_changelog = has_changelog.map_err(|error| KindError::Definition(error.to_string()))?;
    let release = NewRelease {
        tag: version.to_owned(),
        target: push.after.clone(),
        is_prerelease: version.contains('-'),
        changelog: has_changelog.then_some(CHANGELOG),
    };
    match context
        .forges
        .publish(&push.repo, &release, &asker(context))
        .await
    {
        Ok(published) => Ok(with_link(result, &said, version, &published)),
        Err(ForgeError::Secret(because)) => Ok(ExecutionResult {
            description: Some(format!("{said}; not published: {because}")),
            ..result
        }),
        Err(error) => Err(error.into()),
    }
}

fn with_link(
    result: ExecutionResult,
    said: &str,
    version: &str,
    published: &PublishedRelease,
) -> ExecutionResult {
    let how = match published.is_new {
        true => "published",
        false => "published before",
    };
    let mut external_urls = result.external_urls.clone();
    external_urls.push(ExternalUrl {
        label: Some(format!("Release {version}")),
        url: published.url.clone(),
    });
    ExecutionResult {
        description: Some(format!("{said}; {how} at {}", published.url)),
        external_urls,
        ..result
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
