//! `plan` of a goal: the instances that take its place on a push (semantics 2.10).

use serde_json::{Map, Value};

use crate::model::instances::{Axis, AxisValues, DynamicPlan, GroupDefinition, NamePart};
use crate::model::{Diagnostic, Field, ValueType, suggest};

use super::super::facts::is_name;
use super::super::keys::snake_case;
use super::super::reader::Reader;
use super::super::yaml::Node;

/// Most groups of one goal.
const MAX_GROUPS: usize = 64;

/// Most parameters that are combined.
const MAX_AXES: usize = 8;

macro_rules! instance_fields {
    ($($more:expr),*) => {
        &[
            Field::new(
                "matrix",
                ValueType::Map(&ValueType::Any),
                "parameters and their values, a list or a CEL expression that gives one; every combination is an instance",
            ),
            Field::new(
                "exclude",
                ValueType::List(&ValueType::Map(&ValueType::Any)),
                "combinations to leave out: those that have all of these values",
            ),
            Field::new(
                "name",
                ValueType::Text,
                "what an instance is called; `${parameters.…}` is its value",
            ),
            Field::new("in_order", ValueType::Boolean, "one instance after the other").default("false"),
            Field::new(
                "parameters",
                ValueType::Map(&ValueType::Any),
                "further parameters of every instance",
            ),
            $($more),*
        ]
    };
}

const GROUP_FIELDS: &[Field] = instance_fields!(
    Field::new(
        "depends_on",
        ValueType::List(&ValueType::Text),
        "groups whose instances come first",
    )
    .not_empty()
);

/// Keys of a plan written as a map.
pub(super) const FIELDS: &[Field] = instance_fields!(
    Field::new(
        "groups",
        ValueType::Map(&ValueType::Fields(GROUP_FIELDS)),
        "named groups of instances, each with these keys and `depends_on`",
    ),
    Field::new(
        "expression",
        ValueType::Expression,
        "instead of all others: a CEL expression that gives the instances",
    )
);

impl Reader<'_, '_> {
    /// The plan of a checked value; `None` comes with a problem.
    pub(super) fn dynamic_plan(&mut self, node: &Node, value: &Value) -> Option<DynamicPlan> {
        let fields = value.as_object()?;
        if let Some(source) = fields.get("expression").and_then(Value::as_str) {
            return Some(DynamicPlan::Expression {
                source: source.to_owned(),
                place: child(node, "expression").unwrap_or(node).place.clone(),
            });
        }
        let Some(Value::Object(groups)) = fields.get("groups") else {
            let group = self.group(None, fields, node)?;
            return Some(DynamicPlan::Groups(vec![group]));
        };
        if fields.contains_key("matrix") || groups.is_empty() || groups.len() > MAX_GROUPS {
            let message =
                format!("a plan has one `matrix`, or 1 to {MAX_GROUPS} `groups` that each may have one");
            self.problems().error("invalid_plan", node, message);
            return None;
        }
        let groups_node = child(node, "groups").unwrap_or(node);
        let mut read: Vec<GroupDefinition> = Vec::new();
        for (name, group) in groups {
            let below = child_verbatim(groups_node, name).unwrap_or(groups_node);
            let group = self.group(Some(name), group.as_object()?, below)?;
            self.check_group_order(&group, &read, below);
            read.push(group);
        }
        Some(DynamicPlan::Groups(read))
    }

    /// A group may only come after groups above it: so there can be no circle.
    fn check_group_order(&mut self, group: &GroupDefinition, earlier: &[GroupDefinition], node: &Node) {
        let names: Vec<&str> = earlier.iter().filter_map(|group| group.name.as_deref()).collect();
        for wanted in &group.depends_on {
            if !names.contains(&wanted.as_str()) {
                let message = format!("there is no group `{wanted}` above this one");
                let hint = match suggest::nearest(wanted, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name a group that is written earlier".to_owned(),
                };
                self.problems()
                    .error_with_hint("unknown_group", node, message, hint);
            }
        }
    }

    fn group(
        &mut self,
        name: Option<&str>,
        fields: &Map<String, Value>,
        node: &Node,
    ) -> Option<GroupDefinition> {
        let matrix = self.matrix(fields, node)?;
        let parameters = fields.get("parameters").and_then(Value::as_object);
        let exclude = objects(fields.get("exclude"));
        self.check_exclude(&exclude, &matrix, node)?;
        let known: Vec<&str> = matrix
            .iter()
            .map(|axis| axis.name.as_str())
            .chain(
                parameters
                    .into_iter()
                    .flat_map(|all| all.keys().map(String::as_str)),
            )
            .collect();
        let display_name = match fields.get("name").and_then(Value::as_str) {
            Some(text) => Some(self.name_parts(text, &known, child(node, "name").unwrap_or(node))?),
            None => None,
        };
        let texts = |value: Option<&Value>| {
            let items = value.and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Some(GroupDefinition {
            name: name.map(str::to_owned),
            depends_on: texts(fields.get("depends_on")),
            matrix,
            exclude,
            display_name,
            in_order: fields.get("in_order") == Some(&Value::Bool(true)),
            parameters: parameters.cloned().unwrap_or_default(),
        })
    }

    fn matrix(&mut self, fields: &Map<String, Value>, node: &Node) -> Option<Vec<Axis>> {
        let Some(matrix) = fields.get("matrix").and_then(Value::as_object) else {
            return Some(Vec::new());
        };
        let matrix_node = child(node, "matrix").unwrap_or(node);
        if matrix.len() > MAX_AXES {
            let message = format!("a matrix combines at most {MAX_AXES} parameters");
            self.problems().error("invalid_plan", matrix_node, message);
            return None;
        }
        let axes: Vec<Option<Axis>> = matrix
            .iter()
            .map(|(name, value)| {
                let below = child_verbatim(matrix_node, name).unwrap_or(matrix_node);
                self.axis(name, value, below)
            })
            .collect();
        axes.into_iter().collect()
    }

    fn axis(&mut self, name: &str, value: &Value, node: &Node) -> Option<Axis> {
        if !is_name(name) {
            let message = format!("the parameter `{name}` of a matrix must have letters, digits and `_`");
            self.problems().error("invalid_name", node, message);
            return None;
        }
        let values = match value {
            Value::Array(values) => {
                self.are_combinable(name, values, node)?;
                AxisValues::List(values.clone())
            }
            Value::String(expression) => AxisValues::Expression(expression.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                let message = format!(
                    "the values of `{name}` must be a list, and this is {}",
                    node.what()
                );
                let hint = "write `[a, b]`, or a CEL expression that gives a list";
                self.problems().error_with_hint("wrong_type", node, message, hint);
                return None;
            }
        };
        Some(Axis {
            name: name.to_owned(),
            place: node.place.clone(),
            values,
        })
    }

    /// A parameter without values leaves nothing to combine, and one value twice would be one instance twice.
    fn are_combinable(&mut self, name: &str, values: &[Value], node: &Node) -> Option<()> {
        let twice = (1..values.len()).find(|index| values[..*index].contains(&values[*index]));
        let (code, at, message) = match twice {
            _ if values.is_empty() => {
                let message = format!("the parameter `{name}` of the matrix has no values");
                ("empty_value", node, message)
            }
            Some(index) => {
                let at = node
                    .items()
                    .and_then(|items| items.get(index))
                    .map_or(node, |at| at);
                let shown = at
                    .text()
                    .map_or_else(|| at.what().to_owned(), |text| format!("`{text}`"));
                let message = format!("{shown} stands twice among the values of `{name}`");
                ("duplicate_item", at, message)
            }
            None => return Some(()),
        };
        let hint = "write each value once, or remove the parameter";
        self.problems().error_with_hint(code, at, message, hint);
        None
    }

    fn check_exclude(&mut self, exclude: &[Map<String, Value>], matrix: &[Axis], node: &Node) -> Option<()> {
        let names: Vec<&str> = matrix.iter().map(|axis| axis.name.as_str()).collect();
        let mut keys = exclude.iter().flat_map(Map::keys);
        let Some(unknown) = keys.find(|key| !names.contains(&key.as_str())) else {
            return Some(());
        };
        let message = format!("`exclude` names `{unknown}`, which the matrix does not have");
        let hint = match suggest::nearest(unknown, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name parameters of the matrix".to_owned(),
        };
        let below = child(node, "exclude").unwrap_or(node);
        self.problems()
            .error_with_hint("unknown_parameter", below, message, hint);
        None
    }

    /// A name with its parameters; other placeholders mean nothing before an instance exists.
    fn name_parts(&mut self, text: &str, known: &[&str], node: &Node) -> Option<Vec<NamePart>> {
        const OPEN: &str = "${parameters.";
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let parameter = rest[start..]
                .strip_prefix(OPEN)
                .and_then(|inner| inner.split_once('}'));
            let Some((name, after)) = parameter.filter(|(name, _)| known.contains(name)) else {
                let message = "the name of an instance can only have `${parameters.…}` of its own matrix and parameters";
                let place = node.place_within(text.len() - rest.len() + start);
                let listed: Vec<String> = known.iter().map(|name| format!("`{OPEN}{name}}}`")).collect();
                self.problems().add(
                    Diagnostic::error("invalid_placeholder", place, message)
                        .hint(format!("there are {}", listed.join(", "))),
                );
                return None;
            };
            if start > 0 {
                parts.push(NamePart::Text(rest[..start].to_owned()));
            }
            parts.push(NamePart::Parameter(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(NamePart::Text(rest.to_owned()));
        }
        Some(parts)
    }
}

fn objects(value: Option<&Value>) -> Vec<Map<String, Value>> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_object).cloned().collect()
}

/// What stands under a key of the schema.
fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let entries = node.entries().unwrap_or_default();
    let found = entries.iter().find(|entry| snake_case(entry.name()) == key);
    found.map(|entry| &*entry.value)
}

/// What stands under a key of the author's own.
fn child_verbatim<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let entries = node.entries().unwrap_or_default();
    entries
        .iter()
        .find(|entry| entry.name() == key)
        .map(|entry| &*entry.value)
}
