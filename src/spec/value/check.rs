//! One value against one type.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::model::ValueType;
use crate::model::descriptor::Form;

use super::super::asked_names::AskedNames;
use super::super::other_systems::written_here;
use super::super::problems::Problems;
use super::super::yaml::{Entry, Node};
use super::pattern::{OF_CACHE, OF_REPOSITORY, Patterns};

/// Checks values and collects what is wrong with them.
pub(crate) struct Checker<'p> {
    pub(crate) problems: &'p mut Problems,
    pub(super) patterns: Patterns,
    /// Variables that hold what others say, of the maps that are being read, the outermost first.
    pub(super) foreign_variables: Vec<BTreeSet<String>>,
    /// What texts ask for by names that authors have given.
    pub(crate) asked: AskedNames,
}

impl<'p> Checker<'p> {
    pub(crate) fn new(problems: &'p mut Problems) -> Self {
        Self {
            problems,
            patterns: Patterns::default(),
            foreign_variables: Vec::new(),
            asked: AskedNames::default(),
        }
    }

    /// The value in canonical form; `what` names it in messages, such as `` `timeout` ``.
    pub(crate) fn value(&mut self, wanted: &ValueType, node: &Node, what: &str) -> Option<Value> {
        if node.is_null() && !matches!(wanted, ValueType::Any) {
            self.missing_value(node, what);
            return None;
        }
        match wanted {
            ValueType::Text => self.text(node, what).map(Value::String),
            ValueType::Verbatim => self.plain_text(node, what).map(Value::from),
            ValueType::CacheKey => self.cache_key(node, what).map(Value::String),
            ValueType::Boolean => self.boolean(node, what).map(Value::Bool),
            ValueType::Integer { min, max } => self.integer(node, what, *min..=*max).map(Value::from),
            ValueType::Duration => self.duration(node, what).map(Value::from),
            ValueType::Regex => self.regex(node, what).map(Value::String),
            ValueType::Glob => self.glob(node, what, OF_REPOSITORY).map(Value::String),
            ValueType::GlobOfCache => self.glob(node, what, OF_CACHE).map(Value::String),
            ValueType::Path => self.path(node, what).map(Value::String),
            ValueType::PathTemplate => self.path_template(node, what).map(Value::String),
            ValueType::Expression => self.expression(node, what),
            ValueType::Choice(words) => self.choice(node, what, words).map(Value::from),
            ValueType::Argv => self.argv(node, what),
            ValueType::List(inner) => self.list(inner, node, what),
            ValueType::Map(inner) => self.map(inner, node, what),
            ValueType::Fields(fields) => self.fields(fields, node, what).map(Value::Object),
            ValueType::BooleanOr(fields) => self.boolean_or(fields, node, what),
            ValueType::TextOr(key, fields) => self.text_or(key, fields, node, what),
            ValueType::Size => self.size(node, what).map(Value::from),
            ValueType::Variables => self.variables(node, what),
            ValueType::Environment => self.environment(node, what),
            ValueType::With { main, .. } => self.value(main, node, what),
            ValueType::Form(Form::GoalName | Form::RuleName | Form::TestName | Form::Used) => {
                self.plain_text(node, what).map(Value::from)
            }
            // A test is read by whoever has the catalogue of tests.
            ValueType::Test
            | ValueType::Form(
                Form::Test
                | Form::Rule
                | Form::Goal
                | Form::Steps
                | Form::Command
                | Form::Parameter
                | Form::Intent
                | Form::Listener
                | Form::Event,
            )
            | ValueType::Any => Some(node.to_json()),
        }
    }

    /// Says that something else was wanted.
    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and this is {}", node.what());
        match written_here(what) {
            Some(hint) => self.problems.error_with_hint("wrong_type", node, message, hint),
            None => self.problems.error("wrong_type", node, message),
        }
    }

    fn missing_value(&mut self, node: &Node, what: &str) {
        self.problems.error_with_hint(
            "missing_value",
            node,
            format!("nothing is written for {what}"),
            "write a value, indented below its key, or remove the key",
        );
    }

    fn boolean_or(
        &mut self,
        fields: &'static [crate::model::Field],
        node: &Node,
        what: &str,
    ) -> Option<Value> {
        if node.entries().is_some() {
            self.fields(fields, node, what).map(Value::Object)
        } else if node.items().is_some() {
            self.wrong_type(node, what, "`true`, `false` or a map");
            None
        } else {
            self.boolean(node, what).map(Value::Bool)
        }
    }

    /// A word where a map may stand is the map's main key; it is checked as that key would be, and the rest gets its defaults.
    fn text_or(
        &mut self,
        key: &str,
        fields: &'static [crate::model::Field],
        node: &Node,
        what: &str,
    ) -> Option<Value> {
        if node.entries().is_some() || node.items().is_some() {
            return self.fields(fields, node, what).map(Value::Object);
        }
        let main = fields.iter().find(|field| field.name == key)?;
        let value = self.value(&main.value, node, what)?;
        if !self.is_within(main, node, &value) {
            return None;
        }
        let mut object = self.defaults(fields, key, node)?;
        object.insert(key.to_owned(), value);
        Some(Value::Object(object))
    }

    fn argv(&mut self, node: &Node, what: &str) -> Option<Value> {
        const HINT: &str = "write the program and each argument as an item: `[cargo, test]`, or `[sh, -c, \"…\"]` for a shell";
        let Some(items) = node.items() else {
            let message = format!("{what} must be a list, and this is {}", node.what());
            self.problems.error_with_hint("wrong_type", node, message, HINT);
            return None;
        };
        if items
            .first()
            .is_none_or(|program| program.text().is_some_and(|text| text.trim().is_empty()))
        {
            let message = format!("{what} names no program");
            self.problems
                .error_with_hint("empty_command", node, message, HINT);
            return None;
        }
        self.program(items, what)?;
        let part = format!("each item of {what}");
        self.each(items, |checker, item| {
            checker.text(item, &part).map(Value::String)
        })
    }

    fn list(&mut self, inner: &ValueType, node: &Node, what: &str) -> Option<Value> {
        let is_listlike = matches!(inner, ValueType::Argv | ValueType::List(_));
        match node.items() {
            // One command is itself a list: `[cargo, test]` is one, `[[cargo, fmt], [cargo, test]]` are two.
            Some(items) if !is_listlike || items.iter().any(|item| item.items().is_some()) => {
                self.each(items, |checker, item| checker.value(inner, item, what))
            }
            Some([]) => Some(Value::Array(Vec::new())),
            Some(_) | None => self.value(inner, node, what).map(|one| Value::Array(vec![one])),
        }
    }

    /// Every item, so that the problems of all are found; `None` when any is wrong.
    fn each(
        &mut self,
        items: &[Rc<Node>],
        mut check: impl FnMut(&mut Self, &Node) -> Option<Value>,
    ) -> Option<Value> {
        let checked: Vec<Option<Value>> = items.iter().map(|item| check(self, item)).collect();
        checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn map(&mut self, inner: &ValueType, node: &Node, what: &str) -> Option<Value> {
        let Some(entries) = node.entries() else {
            self.wrong_type(node, what, "a map");
            return None;
        };
        let mut check = |entry: &Entry| {
            let what = format!("`{}` of {what}", entry.name());
            let value = self.value(inner, &entry.value, &what)?;
            Some((entry.name().to_owned(), value))
        };
        let checked: Vec<_> = entries.iter().map(&mut check).collect();
        checked
            .into_iter()
            .collect::<Option<Map<_, _>>>()
            .map(Value::Object)
    }
}
