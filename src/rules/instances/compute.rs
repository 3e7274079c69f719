//! The instances of a goal on one push.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compile::{CompiledGroup, CompiledPlan, CompiledValues};
use super::{Expansion, Group, Instance, MAX_INSTANCES};
use crate::model::StateName;
use crate::model::instances::NamePart;
use crate::rules::display::{cut, listed};
use crate::rules::expression::Expression;

/// Longest display name of an instance, in characters.
const MAX_NAME: usize = 200;

/// Keys of an instance that an expression gives.
const INSTANCE_KEYS: [&str; 6] = [
    "name",
    "descriptions",
    "parameters",
    "approval",
    "pre_approval",
    "retry",
];

/// The instances of the goal called `goal`; `None` when its plan leaves it alone. `ask` evaluates an expression.
///
/// # Errors
/// An expression has no value, or one that is no plan, or there are too many instances; as a sentence.
pub(in crate::rules) fn compute(
    plan: &CompiledPlan,
    goal: &str,
    ask: &dyn Fn(&Expression) -> Result<Value, String>,
) -> Result<Option<Expansion>, String> {
    let expansion = match plan {
        CompiledPlan::Groups(groups) => {
            let groups: Result<_, String> = groups.iter().map(|group| combined(group, goal, ask)).collect();
            Expansion { groups: groups? }
        }
        CompiledPlan::Expression(expression) => match ask(expression)? {
            Value::Null => return Ok(None),
            value => read(&value)?,
        },
    };
    let count = expansion.count();
    if count > MAX_INSTANCES {
        return Err(too_many(count));
    }
    Ok(Some(expansion))
}

fn too_many(count: usize) -> String {
    format!("its plan has {count} instances, and at most {MAX_INSTANCES} are allowed")
}

/// Every combination of the values of a group, in the order written: the last parameter changes fastest.
fn combined(
    group: &CompiledGroup,
    goal: &str,
    ask: &dyn Fn(&Expression) -> Result<Value, String>,
) -> Result<Group, String> {
    let mut combinations = vec![Map::new()];
    for (name, values) in &group.matrix {
        let values = match values {
            CompiledValues::List(values) => values.clone(),
            CompiledValues::Expression(expression) => match ask(expression)? {
                Value::Array(values) => values,
                other => {
                    return Err(format!(
                        "the values of `{name}` must be a list, and this is {}",
                        kind(&other)
                    ));
                }
            },
        };
        let count = combinations.len().saturating_mul(values.len());
        if count > MAX_INSTANCES * 4 {
            return Err(too_many(count));
        }
        combinations = combinations
            .iter()
            .flat_map(|known| values.iter().map(move |value| with(known, name, value)))
            .collect();
    }
    combinations.retain(|values| !group.exclude.iter().any(|excluded| has_all(values, excluded)));
    let instances = combinations
        .into_iter()
        .map(|values| instance(group, goal, values));
    Ok(Group {
        depends_on: group.depends_on.clone(),
        steps: match group.in_order {
            true => instances.map(|instance| vec![instance]).collect(),
            false => vec![instances.collect()],
        },
    })
}

fn with(known: &Map<String, Value>, name: &str, value: &Value) -> Map<String, Value> {
    let mut values = known.clone();
    values.insert(name.to_owned(), value.clone());
    values
}

fn has_all(values: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, value)| values.get(name) == Some(value))
}

fn instance(group: &CompiledGroup, goal: &str, values: Map<String, Value>) -> Instance {
    let shown = values.values().map(text).collect::<Vec<_>>().join(", ");
    let mut parameters = group.parameters.clone();
    parameters.extend(values);
    let name = match &group.display_name {
        Some(parts) => parts.iter().map(|part| filled_in(part, &parameters)).collect(),
        None if shown.is_empty() => goal.to_owned(),
        None => format!("{goal} ({shown})"),
    };
    Instance {
        name: Some(cut(&name, MAX_NAME)),
        parameters,
        ..Instance::default()
    }
}

fn filled_in(part: &NamePart, parameters: &Map<String, Value>) -> String {
    match part {
        NamePart::Text(text) => text.clone(),
        NamePart::Parameter(name) => parameters.get(name).map(text).unwrap_or_default(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// What an expression gave: one instance, a list of steps, or a map of groups.
fn read(value: &Value) -> Result<Expansion, String> {
    match value {
        Value::Array(steps) => Ok(Expansion {
            groups: vec![Group {
                depends_on: Vec::new(),
                steps: read_steps(steps)?,
            }],
        }),
        Value::Object(fields) if is_groups(fields) => read_groups(fields),
        Value::Object(fields) => Ok(Expansion {
            groups: vec![Group {
                depends_on: Vec::new(),
                steps: vec![vec![read_instance(fields)?]],
            }],
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(format!(
            "its plan must be an instance, a list of steps or a map of groups, and this is {}",
            kind(value)
        )),
    }
}

fn is_groups(fields: &Map<String, Value>) -> bool {
    !fields.is_empty() && fields.values().all(|value| value.get("goals").is_some())
}

fn read_steps(steps: &[Value]) -> Result<Vec<Vec<Instance>>, String> {
    let step = |step: &Value| match step {
        Value::Array(parallel) => parallel.iter().map(one_instance).collect(),
        other => Ok(vec![one_instance(other)?]),
    };
    steps.iter().map(step).collect()
}

fn one_instance(value: &Value) -> Result<Instance, String> {
    match value {
        Value::Object(fields) => read_instance(fields),
        other => Err(format!("an instance must be a map, and this is {}", kind(other))),
    }
}

fn read_instance(fields: &Map<String, Value>) -> Result<Instance, String> {
    if let Some(unknown) = fields.keys().find(|key| !INSTANCE_KEYS.contains(&key.as_str())) {
        let unknown = cut(unknown, MAX_NAME);
        return Err(format!(
            "an instance has no key `{unknown}`; there are {}",
            INSTANCE_KEYS.join(", ")
        ));
    }
    let flag = |key: &str| match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(format!(
            "`{key}` of an instance must be true or false, and this is {}",
            kind(other)
        )),
    };
    Ok(Instance {
        name: fields.get("name").map(|name| cut(&text(name), MAX_NAME)),
        descriptions: descriptions(fields.get("descriptions"))?,
        approval: flag("approval")?,
        pre_approval: flag("pre_approval")?,
        retry: flag("retry")?,
        parameters: match fields.get("parameters") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(parameters)) => parameters.clone(),
            Some(other) => {
                return Err(format!(
                    "`parameters` of an instance must be a map, and this is {}",
                    kind(other)
                ));
            }
        },
    })
}

/// Texts by state; `completed` and `failed` are how authors call two of them.
fn descriptions(value: Option<&Value>) -> Result<BTreeMap<StateName, String>, String> {
    let texts = value.and_then(Value::as_object).into_iter().flatten();
    texts
        .map(|(key, value)| {
            let state = match key.as_str() {
                "completed" => Some(StateName::Success),
                "failed" => Some(StateName::Failure),
                other => StateName::parse(other),
            };
            let state = state.ok_or_else(|| format!("there is no description `{}`", cut(key, MAX_NAME)))?;
            Ok((state, cut(&text(value), MAX_NAME)))
        })
        .collect()
}

/// Named groups. Each is placed after those it depends on, so that a circle has no order and is refused.
fn read_groups(fields: &Map<String, Value>) -> Result<Expansion, String> {
    let mut waiting: Vec<(&String, &Value)> = fields.iter().collect();
    let mut placed: Vec<&String> = Vec::new();
    let mut groups = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |(_, group): &(&String, &Value)| {
            let wanted = dependencies(group);
            wanted
                .iter()
                .all(|wanted| placed.iter().any(|placed| is_called(placed, wanted)))
        };
        let Some(next) = waiting.iter().position(is_ready) else {
            let names = listed(waiting.iter().map(|(name, _)| name.as_str()));
            return Err(format!(
                "the groups {names} depend on each other or on groups that are not there"
            ));
        };
        let (name, group) = waiting.remove(next);
        let wanted = dependencies(group);
        let index = |wanted: &String| placed.iter().position(|placed| is_called(placed, wanted));
        groups.push(Group {
            depends_on: wanted.iter().filter_map(index).collect(),
            steps: match group.get("goals") {
                Some(Value::Array(steps)) => read_steps(steps)?,
                Some(one) => vec![vec![one_instance(one)?]],
                None => Vec::new(),
            },
        });
        placed.push(name);
    }
    Ok(Expansion { groups })
}

/// Group names with `_` read as with spaces.
fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || name.replace('_', " ") == wanted.replace('_', " ")
}

fn dependencies(group: &Value) -> Vec<String> {
    match group.get("depends_on").or_else(|| group.get("dependsOn")) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().map(text).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
