//! Whether a listener is concerned by an event.

use regex::Regex;
use serde_json::Value;

use crate::kinds::lookup::at_path;
use crate::model::{Event, EventFilter, ListenerDefinition};

/// Whether the listener waits for exactly such events.
pub(super) fn concerns(listener: &ListenerDefinition, event: &Event) -> bool {
    if listener.event != event.name {
        return false;
    }
    // A timer's event is for one listener.
    if listener.schedule.is_some() && event.payload["timer"] != listener.name.as_str() {
        return false;
    }
    let EventFilter {
        repo,
        branch,
        tag,
        goals,
        states,
        fields,
    } = &listener.filter;
    let text = |path: &str| at_path(&event.payload, path).map(as_text);
    let fits = |pattern: &Option<String>, path: &str| {
        pattern
            .as_ref()
            .is_none_or(|pattern| text(path).is_some_and(|text| matches(pattern, &text)))
    };
    let slug = || Some(format!("{}/{}", text("repo.owner")?, text("repo.name")?));
    let repo_fits = repo
        .as_ref()
        .is_none_or(|pattern| slug().is_some_and(|slug| matches(pattern, &slug)));
    let goal_fits = goals.is_empty()
        || ["goal.name", "goal.unique_name"]
            .iter()
            .any(|path| text(path).is_some_and(|name| goals.contains(&name)));
    let state_fits = states.is_empty()
        || text("goal.state").is_some_and(|name| states.iter().any(|state| state.as_str() == name));
    let others_fit = || {
        fields
            .iter()
            .all(|(path, pattern)| text(path).is_some_and(|text| matches(pattern, &text)))
    };
    repo_fits && fits(branch, "push.branch") && fits(tag, "tag") && goal_fits && state_fits && others_fit()
}

/// The items of a list in the event that are something; none where there is no such list.
///
/// # Errors
/// What stands there is no list: what it is.
pub(super) fn items(event: &Event, path: &str) -> Result<Vec<Value>, &'static str> {
    match at_path(&event.payload, path) {
        Some(Value::Array(items)) => Ok(items.iter().filter(|item| !item.is_null()).cloned().collect()),
        Some(Value::Object(_)) => Err("a map"),
        Some(Value::String(_)) => Err("text"),
        Some(Value::Number(_)) => Err("a number"),
        Some(Value::Bool(_)) => Err("true or false"),
        Some(Value::Null) | None => Ok(Vec::new()),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Patterns are checked when they are read; one that does not compile matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}
