//! The goal in a test of rules, because of which they are asked (semantics 2.8).

use std::rc::Rc;

use serde_json::Value;

use crate::model::rule_test::Mention;
use crate::model::trigger::{COMPLETIONS, GOAL_TEST, GoalTrigger};
use crate::model::{Field, StateName, ValueType};

use super::keys::{Sorted, snake_case};
use super::reader::Reader;
use super::yaml::Node;

/// Keys of the goal of a test.
pub const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Verbatim, "the goal's name").required(),
    Field::new("state", ValueType::Choice(COMPLETIONS), "the state it came to").default("success"),
    Field::new("data", ValueType::Verbatim, "its data"),
    Field::new(
        "output",
        ValueType::List(&ValueType::Verbatim),
        "classifiers of the files it left",
    ),
    Field::new(
        "machine",
        ValueType::Verbatim,
        "the machine that planned it, when it is another one",
    ),
];

/// The test that waits for a goal.
pub(super) const TEST: &str = GOAL_TEST;

impl Reader<'_, '_> {
    /// The goal of a test; `values` are the checked ones of `node`.
    pub(super) fn triggering_goal(&mut self, node: &Node, values: &Value) -> Option<GoalTrigger> {
        let text = |key: &str| values.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name")?;
        let outputs = values
            .get("output")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let machine = text("machine");
        if machine.is_none() {
            self.remember_trigger(node);
        }
        let registration = machine.as_deref().unwrap_or("this");
        match GoalTrigger::made_up(&name, StateName::parse(&text("state")?)?, registration) {
            Ok(goal) => Some(GoalTrigger {
                is_own: machine.is_none(),
                data: text("data"),
                outputs: outputs.filter_map(Value::as_str).map(str::to_owned).collect(),
                ..goal
            }),
            Err(error) => {
                self.problems().error("invalid_name", node, error.to_string());
                None
            }
        }
    }

    /// A test that waits for a goal of another machine: only a hub tells of those.
    pub(super) fn warn_about_other_machine(&mut self, arguments: &Value, node: &Node) {
        let exact = arguments["name"]["exact"].as_str();
        let Some((machine, goal)) = exact.and_then(|name| name.split_once('/')) else {
            return;
        };
        let message = format!(
            "without a hub nothing tells of goals of `{machine}`: in local mode this holds only where the machine itself is called so"
        );
        let hint = format!("write `{goal}` for a goal of this machine, or start the machine with a hub");
        self.problems().warning("foreign_goal", node, message, hint);
    }

    /// A goal of this machine that a rule waits for, to tell whether there is one.
    pub(super) fn remember_awaited(&mut self, arguments: &Value, node: &Node) {
        let exact = arguments["name"]["exact"].as_str();
        let Some(name) = exact.filter(|name| !name.contains('/') && !self.in_reference) else {
            return;
        };
        let below = |node: &Node, key: &str| {
            let mut entries = node.entries().unwrap_or_default().iter();
            let found = entries.find(|entry| snake_case(entry.name()) == key);
            found.map(|entry| Rc::clone(&entry.value))
        };
        let written = below(node, "name");
        let exact = written.as_ref().and_then(|written| below(written, "exact"));
        let at = exact.or(written);
        let at = at.as_deref().unwrap_or(node);
        self.heard.push(Mention {
            name: name.to_owned(),
            place: at.place.clone(),
            length: at.length,
        });
    }

    fn remember_trigger(&mut self, node: &Node) {
        let entries = node.entries().unwrap_or_default();
        let sorted = Sorted::over(entries, &[FIELDS], self.checker.problems);
        let mention = sorted.value("name").and_then(|name| {
            Some(Mention {
                name: name.text()?.to_owned(),
                place: name.place.clone(),
                length: name.length,
            })
        });
        self.triggers.extend(mention);
    }
}
