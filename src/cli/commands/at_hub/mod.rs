//! Commands with `--hub`: they look at the configured hub, with a key of one's own, instead of at the machine here.

mod goals;
mod logs;
mod machines;
mod pushes;

pub(super) use goals::{Which, run as goals};
pub(super) use logs::run as logs;
pub(super) use machines::{called, commands, explained, machines};
pub(super) use pushes::run as pushes;

use serde_json::Value;

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::hub_asker::HubReader;

/// The configured hub.
fn hub(context: &Context) -> Result<HubReader, CommandError> {
    let configuration = context.configuration()?;
    Ok(HubReader::open(&configuration)?)
}

/// Text in an answer; nothing where there is none.
fn text(value: &Value, path: &str) -> String {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// `owner/name` of something that has a repository.
fn repository(value: &Value) -> String {
    format!("{}/{}", text(value, "/repo/owner"), text(value, "/repo/name"))
}

/// Whether a person who says this much of an id, of a goal set or a commit, means it.
fn is_meant(id: Option<&str>, goal_set: &str, sha: &str) -> bool {
    id.is_none_or(|id| goal_set.starts_with(id) || sha.starts_with(id))
}
