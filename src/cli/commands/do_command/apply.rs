//! The one line that applies what a dry run has shown, pinned to its repository and commit (CM-09).

use serde_json::Value;

use super::said::Said;
use crate::model::parameter::variable;
use crate::wire::commands::{CommandView, TaskView};

pub(super) fn line(command: &CommandView, said: &Said, task: &TaskView) -> String {
    let words = command.intents.iter().find_map(|intent| match intent {
        crate::model::Intent::Words(words) => Some(words.clone()),
        crate::model::Intent::Pattern(_) => None,
    });
    let mut parts = vec![
        "sdm".to_owned(),
        "do".to_owned(),
        words.unwrap_or_else(|| quoted(&command.name)),
    ];
    for (name, value) in &said.parameters {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                texts.join(",")
            }
            other => other.to_string(),
        };
        parts.push(format!("--{name}={}", quoted(&text)));
    }
    parts.push(format!("--targets.repo={}", quoted(&task.repo)));
    if let Some(branch) = &task.branch {
        parts.push(format!("--targets.branch={}", quoted(branch)));
    }
    if let Some(sha) = &task.sha {
        parts.push(format!("--targets.sha={sha}"));
    }
    if command.dry_run || said.dry_run.is_some() {
        parts.push("--dry-run=false".to_owned());
    }
    let secrets = said.secrets.keys().map(|name| format!("{}=… ", variable(name)));
    secrets.collect::<String>() + &parts.join(" ")
}

/// For a shell: as it is when nothing in it means anything there.
fn quoted(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '@' | '+');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_one_word_for_a_shell() {
        assert_eq!(quoted("acme/app"), "acme/app");
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(quoted(""), "''");
    }
}
