//! The goal in a test of rules, because of which they are asked (semantics 2.8).

use serde_json::Value;
use uuid::Uuid;

use crate::model::trigger::{COMPLETIONS, GoalTrigger};
use crate::model::{Field, GoalKey, GoalSetId, StateName, UniqueName, ValueType};

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

impl Reader<'_, '_> {
    /// The goal of a test; `values` are the checked ones of `node`.
    pub(super) fn triggering_goal(&mut self, node: &Node, values: &Value) -> Option<GoalTrigger> {
        let text = |key: &str| values.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name")?;
        let unique_name = match UniqueName::parse(&name) {
            Ok(unique_name) => unique_name,
            Err(error) => {
                self.problems().error("invalid_name", node, error.to_string());
                return None;
            }
        };
        let outputs = values
            .get("output")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let machine = text("machine");
        Some(GoalTrigger {
            goal_set: GoalSetId(Uuid::nil()),
            goal: GoalKey::new(unique_name, ""),
            version: 1,
            is_own: machine.is_none(),
            registration: machine.unwrap_or_else(|| "this".to_owned()),
            name,
            state: StateName::parse(&text("state")?)?,
            data: text("data"),
            outputs: outputs.filter_map(Value::as_str).map(str::to_owned).collect(),
            chain: 0,
            depth: 0,
        })
    }
}
