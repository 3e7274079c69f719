//! `concurrency`: a rule's shorthand for goals before its first step (semantics 4.8). One cancels what older pushes of the branch
//! left active, another waits until no other set of the group is.

use std::rc::Rc;

use serde_json::Value;

use crate::model::{Field, GoalDefinition, ValueType};

use super::goal::Context;
use super::keys::Sorted;
use super::reader::Reader;
use super::yaml::{Content, Entry, Meaning, Node, Scalar};

/// What may be said of it.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "group",
        ValueType::Text,
        "of all sets with the same text one goes on at a time; placeholders allowed",
    )
    .not_empty(),
    Field::new(
        "cancel_in_progress",
        ValueType::Boolean,
        "whether what older pushes of the branch left active is canceled first",
    )
    .default("false"),
];

impl Reader<'_, '_> {
    /// The goals that it stands for, a step each; `None` comes with a problem.
    pub(super) fn concurrency(
        &mut self,
        sorted: &Sorted<'_>,
        rule: Option<&str>,
    ) -> Option<Vec<Vec<GoalDefinition>>> {
        let Some(entry) = sorted.get("concurrency") else {
            return Some(Vec::new());
        };
        let node = &*entry.value;
        let read = self
            .checker
            .value(&ValueType::Fields(FIELDS), node, "`concurrency`")?;
        if sorted.value("goals").is_none() {
            let message = "`concurrency` stands before the goals of its rule, and this one has no `goals`";
            let hint = "write it at a rule with `goals`; in `first_of`, at each that it is meant for";
            self.problems()
                .error_with_hint("misplaced_key", &entry.key, message, hint);
            return None;
        }
        let cancels = read["cancel_in_progress"] == Value::Bool(true);
        let group = node.entries().and_then(|entries| {
            let sorted = Sorted::over(entries, &[FIELDS], self.checker.problems);
            sorted.get("group").map(|entry| entry.value.clone())
        });
        if !cancels && group.is_none() {
            let message = "`concurrency` asks for nothing";
            let hint = "give it a `group`, `cancel_in_progress: true`, or both";
            self.problems()
                .error_with_hint("missing_property", node, message, hint);
            return None;
        }
        let mut written = Vec::new();
        written.extend(cancels.then(|| goal(node, "cancel", rule, Vec::new())));
        written.extend(group.map(|group| goal(node, "queue", rule, turn(node, group))));
        let goals = written.iter().map(|goal| self.goal(goal, Context::Rule));
        let goals: Option<Vec<_>> = goals.collect();
        Some(
            goals?
                .into_iter()
                .map(|entry| entry.goal.into_iter().collect())
                .collect(),
        )
    }
}

/// The goal as it would be written out, at the place of the shorthand. Its name is its rule's, because rules differ in it.
fn goal(place: &Node, kind: &str, rule: Option<&str>, own: Vec<Entry>) -> Node {
    let mut entries = vec![
        entry(place, "use", place.with_text(kind)),
        entry(
            place,
            "name",
            place.with_text(&name(kind, rule.unwrap_or_default())),
        ),
    ];
    entries.extend(own);
    place.with_content(Content::Map(entries))
}

/// One at a time.
fn turn(place: &Node, group: Rc<Node>) -> Vec<Entry> {
    let one = place.with_content(Content::Scalar(Scalar {
        text: "1".to_owned(),
        meaning: Meaning::Integer(1),
        quoted: false,
    }));
    let group = Entry {
        value: group,
        ..entry(place, "group", place.with_text(""))
    };
    vec![group, entry(place, "concurrent", one)]
}

fn entry(place: &Node, key: &str, value: Node) -> Entry {
    Entry {
        key: Rc::new(place.with_text(key)),
        value: Rc::new(value),
        merged: false,
    }
}

/// The rule's name as far as a goal can be called so.
fn name(kind: &str, rule: &str) -> String {
    let words = rule.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let words: Vec<&str> = words
        .map(|word| word.trim_matches('-'))
        .filter(|word| !word.is_empty())
        .collect();
    let rule: String = words.join(" ").chars().take(80).collect();
    match rule.trim_matches([' ', '-']) {
        "" => kind.to_owned(),
        rule => format!("{kind} for {rule}"),
    }
}
