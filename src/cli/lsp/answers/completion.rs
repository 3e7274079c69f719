//! What may be written at a position: keys, words, and names of rules and goals.

use serde_json::{Value, json};

use super::super::place::{Kind, earlier_rules, names_of, shape, used};
use super::super::scan::Frame;
use super::{Question, document, placeholders};
use crate::model::descriptor::Form;
use crate::model::{Field, ValueType};
use crate::spec::Shape;

/// Names offered at most.
pub(super) const MOST_NAMES: usize = 1_000;

/// Kinds of items, as the protocol numbers them.
const PROPERTY: u8 = 10;
const VALUE: u8 = 12;
const REFERENCE: u8 = 18;

/// Everything that may be written at the position; the editor picks by what is typed.
pub(super) fn items(question: &Question<'_>) -> Value {
    placeholders::items(question).unwrap_or_else(|| keys_and_words(question))
}

fn keys_and_words(question: &Question<'_>) -> Value {
    let here = question.here();
    let Some(shape) = shape(document(), &here.frames) else {
        return json!([]);
    };
    let innermost = here
        .frames
        .last()
        .filter(|frame| !frame.is_item() && frame.key.is_none());
    let mut items = Vec::new();
    if here.takes_key {
        let is_written = |field: &Field| {
            let mut siblings = innermost.into_iter().flat_map(|frame| &frame.siblings);
            siblings.any(|(key, _)| shape.key(key, None).is_some_and(|key| key.name == field.name))
        };
        let keys = shape.keys(innermost.and_then(used));
        items.extend(keys.iter().filter(|field| !is_written(field)).map(key));
    }
    if here.takes_value {
        items.extend(
            shape
                .words()
                .into_iter()
                .map(|word| item(word.word, VALUE, word.help)),
        );
        items.extend(
            names(question, shape, &here.frames)
                .iter()
                .map(|name| item(name, REFERENCE, "")),
        );
    }
    items.into()
}

fn key(field: &Field) -> Value {
    let mut item = item(field.name, PROPERTY, field.help);
    item["insertText"] = json!(format!("{}: ", field.name));
    if field.required {
        item["detail"] = json!("required");
    } else if !field.default.is_empty() {
        item["detail"] = json!(format!("default: {}", field.default));
    }
    item
}

fn item(label: &str, kind: u8, help: &str) -> Value {
    let mut item = json!({ "label": label, "kind": kind });
    if !help.is_empty() {
        item["documentation"] = json!(help);
    }
    item
}

/// Names of rules or goals, where one is wanted.
fn names(question: &Question<'_>, shape: Shape<'_>, frames: &[Frame]) -> Vec<String> {
    let files = question.files.around(question.uri);
    let mut names = match innermost(shape.value()) {
        ValueType::Form(Form::RuleName) => {
            let line = question.text[..question.offset].matches('\n').count();
            earlier_rules(document(), &files, question.uri, (frames, line))
        }
        ValueType::Form(Form::GoalName) => names_of(document(), &files, |kind| {
            matches!(kind, Kind::Goal | Kind::TopLevelGoal)
        }),
        ValueType::Form(Form::TestName) => names_of(document(), &files, |kind| kind == Kind::PushTest),
        ValueType::Form(Form::Goal | Form::Steps | Form::Used) => {
            names_of(document(), &files, |kind| kind == Kind::TopLevelGoal)
        }
        _ => Vec::new(),
    };
    names.truncate(MOST_NAMES);
    names
}

/// What a value is where it is written as one text.
fn innermost(value: ValueType) -> ValueType {
    match value {
        ValueType::List(inner) => innermost(*inner),
        ValueType::TextOr(key, fields) => {
            let main = fields.iter().find(|field| field.name == key);
            main.map_or(value, |field| innermost(field.value))
        }
        other => other,
    }
}
