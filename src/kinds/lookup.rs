//! The facts that placeholders and `goal.json` may show (semantics 3.3, 7.6), as one JSON value.

use serde_json::{Map, Value, json};

use crate::model::{Goal, Push, reported};
use crate::ports::store::{Cause, GoalSetRecord};

/// Everything a goal may refer to: `push`, `repo`, `goal`, `goals`, `parameters`, `facts`.
pub fn facts(record: &GoalSetRecord, goal: &Goal, version: Option<&str>) -> Value {
    let definition = goal.definition();
    let mut push = push_facts(&record.push, version);
    push["after"]["images"] = images(record);
    json!({
        "push": push,
        "repo": {
            "owner": record.push.repo.slug.owner,
            "name": record.push.repo.slug.name,
            "default_branch": record.push.repo.default_branch.as_ref().map(ToString::to_string),
        },
        "sha": record.push.after.as_str(),
        "branch": record.push.branch.as_str(),
        "goal": {
            "name": definition.name,
            "unique_name": definition.unique_name.as_str(),
            "environment": definition.environment,
            "attempt": goal.attempt,
        },
        "goal_set": { "id": record.set.id.to_string(), "name": record.set.name },
        "goals": other_goals(record),
        "parameters": definition.parameters,
        "facts": goal.planned.facts,
        "matches": matches(record, goal),
    })
}

/// Images that goals of the set have reported of the commit, in planned order; nothing when none has (4.7).
fn images(record: &GoalSetRecord) -> Value {
    let goals = record.set.goals().iter();
    let images: Vec<Value> = goals
        .flat_map(|goal| reported::reported(goal.data.as_deref(), reported::IMAGES))
        .collect();
    match images.is_empty() {
        true => Value::Null,
        false => Value::Array(images),
    }
}

/// The fact that holds the groups of the pattern by which a command was said.
pub const MATCHES: &str = "matches";

/// Those groups; none for a goal that no command made.
fn matches<'a>(record: &GoalSetRecord, goal: &'a Goal) -> Option<&'a Value> {
    let is_of_command = matches!(record.cause, Cause::Command { .. });
    goal.planned.facts.get(MATCHES).filter(|_| is_of_command)
}

/// `push`: the push and its head commit.
pub fn push_facts(push: &Push, version: Option<&str>) -> Value {
    let head = push.commits.first();
    json!({
        "branch": push.branch.as_str(),
        "before": push.before.as_ref().map(ToString::to_string),
        "after": {
            "sha": push.after.as_str(),
            "short": push.after.short(),
            "message": head.map(|commit| commit.message.as_str()),
            "author": head.map(|commit| json!({"name": commit.author.name, "email": commit.author.email})),
            "version": version,
        },
        "repo": { "owner": push.repo.slug.owner, "name": push.repo.slug.name },
        "forced": push.forced,
    })
}

/// State and data of every goal of the set, so that a goal can use what its predecessors left (3.3 DECISION).
fn other_goals(record: &GoalSetRecord) -> Value {
    let entry = |goal: &Goal| {
        let data = goal
            .data
            .as_deref()
            .map(|text| serde_json::from_str(text).unwrap_or(json!(text)));
        let facts = json!({ "state": goal.state.name(), "phase": goal.phase, "data": data });
        (goal.definition().unique_name.to_string(), facts)
    };
    Value::Object(record.set.goals().iter().map(entry).collect::<Map<_, _>>())
}

/// Why a path cannot be followed into the data of a goal that is no JSON object (semantics 3.3). A default would hide it.
pub fn unread_data(facts: &Value, path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("goals.")?.splitn(3, '.');
    let (goal, key, below) = (parts.next()?, parts.next()?, parts.next()?);
    let data = facts.get("goals")?.get(goal)?.get(key)?;
    let is_read = matches!(data, Value::Null | Value::Object(_) | Value::Array(_));
    (key == "data" && !is_read)
        .then(|| format!("the data of the goal `{goal}` is no JSON object, so there is no `{below}` in it"))
}

/// The value at a dotted path; items of lists go by their numbers, from 0.
pub fn at_path<'a>(facts: &'a Value, path: &str) -> Option<&'a Value> {
    let step = |value: &'a Value, part: &str| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    };
    let found = path.split('.').try_fold(facts, step)?;
    (!found.is_null()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_is_no_object_has_no_parts_and_its_goal_is_named() {
        let facts =
            json!({"goals": {"build": {"data": "text"}, "test": {"data": {"a": 1}}, "lint": {"data": null}}});
        let problem = unread_data(&facts, "goals.build.data.image.tag").unwrap();
        assert_eq!(
            problem,
            "the data of the goal `build` is no JSON object, so there is no `image.tag` in it"
        );
        for fine in [
            "goals.build.data",
            "goals.build.state",
            "goals.test.data.b",
            "goals.lint.data.a",
            "goals.x.data.a",
        ] {
            assert_eq!(unread_data(&facts, fine), None, "{fine}");
        }
        let placeholders = crate::kinds::resolve::Placeholders::from_facts(facts);
        let refused = placeholders.text("${goals.build.data.tag:latest}").unwrap_err();
        assert!(refused.to_string().contains("`build`"), "{refused}");
        assert_eq!(
            placeholders.text("${goals.lint.data.tag:latest}").unwrap(),
            "latest"
        );
        assert_eq!(
            placeholders
                .text("${goals.test.data.a:${goals.build.data.tag}}")
                .unwrap(),
            "1"
        );
    }

    #[test]
    fn items_of_lists_go_by_their_numbers() {
        let facts = json!({"push": {"after": {"images": ["a:1", {"name": "b"}], "version": null}}});
        let at = |path: &str| at_path(&facts, path).cloned();
        assert_eq!(at("push.after.images.0"), Some(json!("a:1")));
        assert_eq!(at("push.after.images.1.name"), Some(json!("b")));
        for nothing in ["push.after.images.2", "push.after.images.x", "push.after.version"] {
            assert_eq!(at(nothing), None, "{nothing}");
        }
    }
}
