//! What stands at the top of a goal file.

use std::rc::Rc;

use crate::model::descriptor::Form;
use crate::model::{Field, ValueType};

use super::keys::Sorted;
use super::problems::{Problems, shorten};
use super::rule_test;
use super::yaml::{Entry, Node};

/// Keys at the top of a goal file; a list there is a list even when it has one item.
pub(crate) const FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "a name for people; it has no effect"),
    Field::new(
        "rules",
        ValueType::List(&ValueType::Form(Form::Rule)),
        "when to set which goals",
    ),
    Field::new(
        "goals",
        ValueType::List(&ValueType::Form(Form::Goal)),
        "goals that rules use by name",
    ),
    Field::new(
        "push_tests",
        ValueType::Map(&ValueType::Form(Form::Test)),
        "tests that rules use by name",
    ),
    Field::new(
        "tests",
        ValueType::List(&ValueType::Fields(rule_test::FIELDS)),
        "the author's own tests of the rules",
    ),
    Field::new(
        "commands",
        ValueType::List(&ValueType::Form(Form::Command)),
        "what people may ask for",
    ),
    Field::new(
        "on",
        ValueType::List(&ValueType::Form(Form::Listener)),
        "what to do at other events",
    ),
    Field::new(
        "configuration",
        ValueType::Any,
        "configuration of the original machine",
    ),
    Field::new("skill", ValueType::Any, "description of a skill"),
];

/// Parts of the original's format that have no meaning for this machine.
const IGNORED: [&str; 2] = ["configuration", "skill"];

/// A rule as it stands in a document: an item of `rules`, or a top-level key of the older shape.
pub(crate) struct WrittenRule {
    /// The key it stands under, in the older shape.
    pub(crate) key: Option<Rc<Node>>,
    /// The map with its parts.
    pub(crate) node: Rc<Node>,
}

/// The parts of all documents, in order.
#[derive(Default)]
pub(crate) struct Parts {
    /// Entries of top-level `goals`.
    pub(crate) goals: Vec<Rc<Node>>,
    /// Rules.
    pub(crate) rules: Vec<WrittenRule>,
    /// Entries of `push_tests`: names with their tests.
    pub(crate) push_tests: Vec<Entry>,
    /// Entries of `tests`.
    pub(crate) tests: Vec<Rc<Node>>,
    /// Entries of `commands`.
    pub(crate) commands: Vec<Rc<Node>>,
    /// Entries of `on`.
    pub(crate) listeners: Vec<Rc<Node>>,
}

impl Parts {
    /// Takes the parts of one document. An empty document has none.
    pub(crate) fn take(&mut self, document: &Node, problems: &mut Problems) {
        if document.is_null() {
            return;
        }
        let Some(entries) = document.entries() else {
            problems.error_with_hint(
                "wrong_type",
                document,
                format!("a goal file is a map, and this is {}", document.what()),
                "begin it with `rules:` and write the rules as a list below",
            );
            return;
        };
        let sorted = Sorted::over(entries, &[FIELDS], problems);
        warn_about_unused(&sorted, problems);
        if let Some(goals) = sorted.value("goals") {
            take_list("goals", "goal", goals, &mut self.goals, problems);
        }
        if let Some(tests) = sorted.value("push_tests") {
            take_map(tests, &mut self.push_tests, problems);
        }
        if let Some(tests) = sorted.value("tests") {
            take_list("tests", "test", tests, &mut self.tests, problems);
        }
        if let Some(commands) = sorted.value("commands") {
            take_list("commands", "command", commands, &mut self.commands, problems);
        }
        if let Some(listeners) = sorted.value("on") {
            take_list("on", "listener", listeners, &mut self.listeners, problems);
        }
        let others: Vec<&Entry> = sorted
            .unknown
            .iter()
            .copied()
            .filter(|entry| !is_free(entry))
            .collect();
        match sorted.value("rules") {
            Some(rules) => {
                self.take_rules(rules, problems);
                report_unknown(&others, problems);
            }
            None if !others.is_empty() && others.iter().all(|entry| is_old_rule(entry)) => {
                self.rules.extend(others.iter().map(|entry| WrittenRule {
                    key: Some(entry.key.clone()),
                    node: entry.value.clone(),
                }));
            }
            None => report_unknown(&others, problems),
        }
    }

    fn take_rules(&mut self, rules: &Node, problems: &mut Problems) {
        match rules.items() {
            Some(items) => self.rules.extend(items.iter().map(|node| WrittenRule {
                key: None,
                node: node.clone(),
            })),
            None => problems.error_with_hint(
                "wrong_type",
                rules,
                format!("`rules` must be a list, and this is {}", rules.what()),
                "begin each rule with `- name: …`",
            ),
        }
    }
}

/// The items of a list at top level.
fn take_list(key: &str, item: &str, node: &Node, into: &mut Vec<Rc<Node>>, problems: &mut Problems) {
    match node.items() {
        Some(items) => into.extend(items.iter().cloned()),
        None => problems.error_with_hint(
            "wrong_type",
            node,
            format!("`{key}` must be a list, and this is {}", node.what()),
            match (key, node.entries()) {
                ("on", _) => "listeners stand here, each with `- name: …`; which pushes goals are for is the `test` of a rule".to_owned(),
                ("commands" | "goals", Some([entry, ..])) => {
                    format!("begin each {item} with `- `: `- {{name: {}, …}}`", shorten(entry.name(), 40))
                }
                _ => format!("begin each {item} with `- `"),
            },
        ),
    }
}

/// The tests below `push_tests`.
fn take_map(node: &Node, into: &mut Vec<Entry>, problems: &mut Problems) {
    match node.entries() {
        Some(entries) => into.extend_from_slice(entries),
        None => problems.error_with_hint(
            "wrong_type",
            node,
            format!("`push_tests` must be a map, and this is {}", node.what()),
            "write each test under its name: `rust: {has_file: Cargo.toml}`",
        ),
    }
}

fn warn_about_unused(sorted: &Sorted<'_>, problems: &mut Problems) {
    for name in IGNORED {
        if let Some(entry) = sorted.get(name) {
            let message = format!("`{name}` has no meaning for this machine and is ignored");
            problems.warning(
                "ignored",
                &entry.key,
                message,
                "configure the machine in `sdm.yaml`",
            );
        }
    }
}

/// Keys that begin with `x-` are the author's own: a place for anchors.
fn is_free(entry: &Entry) -> bool {
    entry.name().starts_with("x-")
}

fn is_old_rule(entry: &Entry) -> bool {
    let entries = entry.value.entries().unwrap_or_default();
    entries.iter().any(|entry| entry.name() == "goals")
}

/// Whether it says what a job of another system does.
fn is_job(entry: &Entry) -> bool {
    let entries = entry.value.entries().unwrap_or_default();
    let says_so = |entry: &Entry| ["script", "steps", "commands", "image", "stage"].contains(&entry.name());
    entries.iter().any(says_so)
}

fn report_unknown(entries: &[&Entry], problems: &mut Problems) {
    let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    for entry in entries {
        if is_old_rule(entry) {
            let message = format!("a goal file has no key `{}`", entry.name());
            let hint = format!(
                "if it is a rule, write `- name: {}` in the list `rules`",
                entry.name()
            );
            problems.error_with_hint("unknown_key", &entry.key, message, hint);
        } else if is_job(entry) {
            let message = format!("a goal file has no key `{}`", shorten(entry.name(), 60));
            let hint = format!(
                "if it is a job, write it as a goal of a rule: `rules: [{{name: {0}, goals: [{{name: {0}, execute: {{run: […]}}}}]}}]`",
                shorten(entry.name(), 40)
            );
            problems.error_with_hint("unknown_key", &entry.key, message, hint);
        } else {
            problems.unknown_key(entry, "a goal file", &known);
        }
    }
}
