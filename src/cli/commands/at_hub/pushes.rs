//! `sdm show pushes --hub`.

use serde_json::{Value, json};

use super::super::super::context::{CommandResult, Context, Exit};
use super::super::super::render::pushes::pushes;
use super::{hub, repository, text};
use crate::wire::views::PushView;

const PUSHES: &str = "query Pushes($first: Int) { Push(first: $first, orderBy: [timestamp_desc]) { \
    id timestamp branch before { sha } after { sha message } repo { owner name } commits { sha } } }";

/// Most pushes that are looked through for a repository.
const MOST: u32 = 500;

/// Pushes that the hub knows, newest first.
pub(in super::super) fn run(context: &mut Context, repo: Option<&str>, limit: u32) -> CommandResult {
    let hub = hub(context)?;
    let first = if repo.is_some() { MOST } else { limit.min(MOST) };
    let answer = context
        .ui
        .while_waiting("asking the hub", || hub.graph(PUSHES, &json!({ "first": first })))?;
    let found = answer["Push"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<PushView> = found.iter().map(view).collect();
    found.retain(|push| repo.is_none_or(|repo| push.repo == repo));
    found.truncate(limit as usize);
    if context.ui.json {
        context.ui.object(&json!({ "pushes": found }))?;
    } else {
        context.ui.data(&pushes(&context.ui.theme, &found))?;
    }
    Ok(Exit::Ok)
}

fn view(push: &Value) -> PushView {
    let before = push.pointer("/before/sha").and_then(Value::as_str);
    let message = text(push, "/after/message");
    PushView {
        id: text(push, "/id"),
        repo: repository(push),
        branch: text(push, "/branch"),
        before: before.map(str::to_owned),
        after: text(push, "/after/sha"),
        title: message.lines().next().unwrap_or_default().to_owned(),
        commits: push["commits"].as_array().map_or(0, Vec::len) as u64,
        at: text(push, "/timestamp"),
    }
}
