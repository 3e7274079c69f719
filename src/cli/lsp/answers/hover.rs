//! What a word means, from the tables and from where it is defined.

use serde_json::{Value, json};

use super::super::place::{Kind, shape, symbols, used};
use super::{Question, Word, document, placeholders};
use crate::model::{Descriptor, Field, ValueType};
use crate::spec::Shape;

/// An explanation of the word at the position in Markdown; null when there is none.
pub(super) fn explanation(question: &Question<'_>) -> Value {
    match placeholders::explanation(question).or_else(|| of_word(question)) {
        Some(text) => json!({ "contents": { "kind": "markdown", "value": text } }),
        None => Value::Null,
    }
}

fn of_word(question: &Question<'_>) -> Option<String> {
    let word = question.word()?;
    shape(document(), &word.here.frames)
        .and_then(|shape| of_tables(shape, &word))
        .or_else(|| question.value().and_then(|name| of_name(question, &name)))
}

fn of_tables(shape: Shape<'_>, word: &Word<'_>) -> Option<String> {
    let descriptor = shape.described(word.text);
    if !word.is_key {
        let known = shape.words().into_iter().find(|known| known.word == word.text)?;
        return Some(descriptor.map_or_else(
            || format!("**{}**\n\n{}", known.word, known.help),
            |descriptor| described(descriptor, ""),
        ));
    }
    let used = word.here.frames.last().and_then(used);
    let field = shape.key(word.text, used)?;
    Some(match descriptor {
        Some(descriptor) => described(descriptor, &facts(&field)),
        None => format!("**{}**: {}{}", field.name, field.help, facts(&field)),
    })
}

fn described(descriptor: &Descriptor, facts: &str) -> String {
    format!(
        "**{}**: {}{facts}\n\n```yaml\n{}\n```",
        descriptor.name, descriptor.help, descriptor.example
    )
}

/// What may stand there, its default and its other names.
fn facts(field: &Field) -> String {
    let mut facts = String::new();
    let mut add = |name: &str, text: &str| facts.push_str(&format!("\n\n{name}: {text}"));
    if let Some(kind) = kind(field.value) {
        add("Value", &kind);
    }
    if field.required {
        add("Required", "yes");
    }
    if !field.default.is_empty() {
        add("Default", &format!("`{}`", field.default));
    }
    if !field.aliases.is_empty() {
        add("Also", &format!("`{}`", field.aliases.join("`, `")));
    }
    facts
}

fn kind(value: ValueType) -> Option<String> {
    Some(match value {
        ValueType::Text | ValueType::Verbatim => "text".to_owned(),
        ValueType::CacheKey => "text, in which `${hash:GLOB}` is a digest of files".to_owned(),
        ValueType::Boolean => "`true` or `false`".to_owned(),
        ValueType::Integer { min, max } => format!("a whole number from {min} to {max}"),
        ValueType::Duration => "a duration such as `90s` or `1h30m`".to_owned(),
        ValueType::Regex => "a regular expression".to_owned(),
        ValueType::Glob | ValueType::GlobOfCache => "a glob such as `src/**`".to_owned(),
        ValueType::Path | ValueType::PathTemplate => "a path in the repository".to_owned(),
        ValueType::Expression => "a CEL expression".to_owned(),
        ValueType::Choice(words) => format!("one of `{}`", words.join("`, `")),
        ValueType::Argv => "a program and its arguments, as a list".to_owned(),
        ValueType::List(inner) => format!("{}, or a list of such", kind(*inner)?),
        ValueType::Map(_) => "a map with keys of your own".to_owned(),
        ValueType::Fields(fields) => format!("a map with {}", names(fields)),
        ValueType::BooleanOr(fields) => format!("`true`, `false` or a map with {}", names(fields)),
        ValueType::TextOr(key, fields) => {
            format!("a text, which is its `{key}`, or a map with {}", names(fields))
        }
        ValueType::Size => "an amount of bytes such as `512MiB`".to_owned(),
        ValueType::Environment => "variables, as a map".to_owned(),
        ValueType::Variables => "variables, as a map or a list of `{name, value}`".to_owned(),
        ValueType::With { main, .. } => kind(*main)?,
        ValueType::Test => "a test, as in rules".to_owned(),
        ValueType::Form(_) | ValueType::Any => return None,
    })
}

fn names(fields: &[Field]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    names.join(", ")
}

/// A rule, goal or test by its name.
fn of_name(question: &Question<'_>, name: &str) -> Option<String> {
    question.files.around(question.uri).iter().find_map(|file| {
        let symbols = symbols(document(), &file.text);
        let symbol = symbols.into_iter().find(|symbol| symbol.is_called(name))?;
        let what = match symbol.kind {
            Kind::Rule => "rule",
            Kind::Goal | Kind::TopLevelGoal => "goal",
            Kind::PushTest => "push test",
            Kind::Test => "test",
            Kind::Command => "command",
            Kind::Listener => "listener",
        };
        let file = file.uri.rsplit('/').next().unwrap_or_default();
        Some(format!(
            "{what} **{}**, {file}:{}",
            symbol.named.name,
            symbol.named.line + 1
        ))
    })
}
