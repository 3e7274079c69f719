//! Where names are defined, and the outline of a file.

use serde_json::{Value, json};

use super::super::place::{Kind, Symbol, shape, symbols};
use super::super::text;
use super::{Question, document};
use crate::model::ValueType;
use crate::model::descriptor::Form;

/// Kinds of symbols, as the protocol numbers them.
const NAMESPACE: u8 = 3;
const FUNCTION: u8 = 12;
const EVENT: u8 = 24;

/// Where the rule, goal or test named at the position is defined.
pub(super) fn definitions(question: &Question<'_>) -> Value {
    let Some(name) = question.value() else {
        return json!([]);
    };
    let wanted = wanted(question);
    let mut found = Vec::new();
    for file in question.files.around(question.uri) {
        let symbols = symbols(document(), &file.text);
        let symbols = symbols
            .iter()
            .filter(|symbol| wanted(symbol.kind) && symbol.is_called(&name));
        found.extend(symbols.map(|symbol| json!({ "uri": file.uri, "range": range(&file.text, symbol) })));
    }
    found.into()
}

/// What a name at the position can be a name of.
fn wanted(question: &Question<'_>) -> fn(Kind) -> bool {
    let here = question.word().map(|word| word.here).unwrap_or_default();
    let value = shape(document(), &here.frames).map(|shape| match shape.value() {
        ValueType::List(ValueType::Form(form)) => Some(*form),
        ValueType::Form(form) => Some(form),
        _ => None,
    });
    match value.flatten() {
        Some(Form::RuleName) => |kind| kind == Kind::Rule,
        Some(Form::Goal | Form::Steps | Form::Used) => |kind| kind == Kind::TopLevelGoal,
        Some(Form::GoalName) => |kind| matches!(kind, Kind::Goal | Kind::TopLevelGoal),
        Some(Form::TestName) => |kind| kind == Kind::PushTest,
        Some(
            Form::Test
            | Form::Rule
            | Form::Command
            | Form::Parameter
            | Form::Intent
            | Form::Listener
            | Form::Event,
        )
        | None => |kind| matches!(kind, Kind::Rule | Kind::Goal | Kind::TopLevelGoal),
    }
}

fn range(text: &str, symbol: &Symbol) -> Value {
    let named = &symbol.named;
    let length = named.name.chars().count();
    text::range(text::line(text, named.line), named.line, named.column, length)
}

/// Rules with their goals, goals at top level, tests, commands and listeners, in the order of the file.
pub(super) fn outline(text: &str) -> Value {
    let mut outline: Vec<Value> = Vec::new();
    for symbol in symbols(document(), text) {
        let entry = entry(text, &symbol);
        let children = outline.last_mut().filter(|_| symbol.kind == Kind::Goal);
        let children = children.and_then(|rule| rule.get_mut("children")?.as_array_mut());
        match children {
            Some(children) => children.push(entry),
            None => outline.push(entry),
        }
    }
    outline.into()
}

fn entry(text: &str, symbol: &Symbol) -> Value {
    let kind = match symbol.kind {
        Kind::Rule => NAMESPACE,
        Kind::Goal | Kind::TopLevelGoal | Kind::PushTest | Kind::Command => FUNCTION,
        Kind::Test | Kind::Listener => EVENT,
    };
    let range = range(text, symbol);
    json!({
        "name": symbol.named.name,
        "kind": kind,
        "range": range,
        "selectionRange": range,
        "children": [],
    })
}
