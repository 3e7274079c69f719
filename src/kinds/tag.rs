//! `tag`: an annotated tag for the commit, pushed alone (semantics 4.6).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError, machine, read, refuse_untrusted};
use crate::model::version::release;
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, Field, FieldPath, TagName, ValueType};
use crate::ports::scm::{NewTag, Pushed};

pub(super) struct Tag;

static FIELDS: &[Field] = &[
    Field::new(
        "tag",
        ValueType::Text,
        "its name; placeholders allowed; the version of the commit when absent",
    ),
    Field::new(
        "release",
        ValueType::Boolean,
        "whether the version stands without prerelease and build",
    )
    .default("false"),
    Field::new(
        "build",
        ValueType::Text,
        "what is added behind a `+`; placeholders allowed",
    )
    .not_empty(),
    Field::new(
        "message",
        ValueType::Text,
        "its message; placeholders allowed; the title of the commit when absent",
    )
    .not_empty(),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "tag",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Tags the commit with its version, in the repository itself.",
    example: "use: tag\nrelease: true",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    tag: Option<String>,
    release: bool,
    build: Option<String>,
    message: Option<String>,
}

#[async_trait]
impl Kind for Tag {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        let read: Arguments = read(arguments)?;
        let written = read.tag.as_deref().filter(|tag| !tag.contains("${"));
        match written.map(TagName::parse) {
            Some(Err(error)) => {
                let hint = "write another name, or leave it out: then it is the version of the commit";
                let field = FieldPath::to("tag");
                Err(ArgumentProblems::one(
                    &field,
                    "invalid_tag",
                    error.to_string(),
                    hint,
                ))
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = read(&context.goal.definition().work.arguments)?;
        refuse_untrusted(context)?;
        let push = &context.record.push;
        let name = name(context, &arguments).await?;
        let tag = NewTag {
            message: message(context, &arguments, &name).await?,
            name,
            target: push.after.clone(),
            tagger: machine(),
            at: context.goal.started_at.unwrap_or(context.now),
        };
        let pushed = context.scm.push_tag(&push.repo, &tag).await?;
        Ok(Begun::Ended(result(&tag.name, pushed)))
    }
}

async fn name(context: &GoalContext<'_>, arguments: &Arguments) -> Result<TagName, KindError> {
    let placeholders = Placeholders::of(context).await?;
    let mut name = match &arguments.tag {
        Some(template) => placeholders.text(template)?,
        None if arguments.release => release(&version_of(context).await?).to_owned(),
        None => version_of(context).await?,
    };
    if let Some(build) = &arguments.build {
        name = format!("{name}+{}", placeholders.text(build)?);
    }
    TagName::parse(&name).map_err(|error| KindError::Definition(error.to_string()))
}

async fn message(
    context: &GoalContext<'_>,
    arguments: &Arguments,
    name: &TagName,
) -> Result<String, KindError> {
    if let Some(template) = &arguments.message {
        return Placeholders::of(context).await?.text(template);
    }
    let title = context.record.push.title().trim();
    Ok(match title {
        "" => untitled(arguments, name),
        title => title.to_owned(),
    })
}

/// The message of a tag whose commit says nothing (semantics 4.6).
fn untitled(arguments: &Arguments, name: &TagName) -> String {
    let what = match (&arguments.tag, arguments.release) {
        (Some(_), _) => "Tag",
        (None, true) => "Release",
        (None, false) => "Prerelease",
    };
    format!("{what} {name}")
}

fn result(name: &TagName, pushed: Pushed) -> ExecutionResult {
    match pushed {
        Pushed::Done => ExecutionResult {
            description: Some(format!("Tagged {name}")),
            ..ExecutionResult::success()
        },
        Pushed::Moved { .. } => ExecutionResult::failure(format!(
            "the tag {name} is there already and names another commit"
        )),
        Pushed::Refused { because } | Pushed::CheckedOut { because, .. } => {
            ExecutionResult::failure(format!("the repository does not take the tag {name}: {because}"))
        }
    }
}

/// The version recorded for the commit, without which a goal that needs one fails.
pub(super) async fn version_of(context: &GoalContext<'_>) -> Result<String, KindError> {
    let push = &context.record.push;
    let version = context.store.version(&push.repo.key, &push.after).await?;
    version.ok_or_else(|| {
        KindError::Definition(format!(
            "{} has no version; a goal that gives it one has to come before, such as `use: version`",
            push.after.short()
        ))
    })
}
