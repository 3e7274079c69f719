//! `message`: says something to those who follow the repository (semantics 4.11).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError, read};
use crate::model::{ArgumentProblems, Descriptor, ExecutionResult, Field, FieldPath, News, ValueType};

pub(super) struct Message;

/// Longest message, in characters.
const MAX_TEXT: usize = 4_000;

static FIELDS: &[Field] = &[
    Field::new("text", ValueType::Text, "what to say; placeholders allowed")
        .required()
        .not_empty(),
    Field::new(
        "url",
        ValueType::Text,
        "where more can be read; placeholders allowed",
    ),
    Field::new(
        "channels",
        ValueType::Choice(&["linked"]),
        "to whom: the feed, and the channels linked to the repository where a chat is connected",
    )
    .default("linked"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "message",
    aliases: &["suggestion"],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: false,
    help: "Says something in the feed.",
    example: "name: announce\nmessage: {text: \"Deployed ${repo.name}\"}",
};

#[derive(Debug, Deserialize)]
struct Arguments {
    text: String,
    #[serde(default)]
    url: Option<String>,
}

#[async_trait]
impl Kind for Message {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn check(&self, arguments: &Value) -> Result<(), ArgumentProblems> {
        let read: Arguments = read(arguments)?;
        let url = read.url.unwrap_or_default();
        let is_web = ["https://", "http://", "${"]
            .iter()
            .any(|start| url.starts_with(start));
        if url.is_empty() || is_web {
            return Ok(());
        }
        let message = "`url` is not the address of a page";
        let hint = "begin it with `https://`, or remove it";
        Err(ArgumentProblems::one(
            &FieldPath::to("url"),
            "invalid_url",
            message,
            hint,
        ))
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = read(&context.goal.definition().work.arguments)?;
        let placeholders = Placeholders::of(context).await?;
        let mut text = placeholders.words(&arguments.text)?;
        if let Some(url) = &arguments.url {
            text = format!("{text} · {}", placeholders.text(url)?);
        }
        let text: String = text.chars().take(MAX_TEXT).collect();
        let news = News::Message {
            text: text.clone(),
            repo: Some(context.record.push.repo.slug.clone()),
        };
        context.store.say(&news, context.now).await?;
        Ok(Begun::Ended(ExecutionResult {
            description: Some(format!("Said: {}", text.lines().next().unwrap_or_default())),
            ..ExecutionResult::success()
        }))
    }
}
