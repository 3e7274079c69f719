//! Goals that a pushed repository brings along (semantics 7.9): rules in the older shape, one under each key, that set containers
//! and nothing else. Whoever can push writes these files, so they can say less than the operator's own.

use std::rc::Rc;

use crate::model::{Diagnostic, RuleDefinition};

use super::arrange;
use super::catalogue::Catalogue;
use super::document::WrittenRule;
use super::goal::{beyond_containers, refuse_variables, shown_beyond};
use super::keys::snake_case;
use super::load::SourceFile;
use super::problems::Problems;
use super::reader::Reader;
use super::yaml::{self, Content, Entry, Node};

/// Keys of a rule of a repository.
const RULE_KEYS: &[&str] = &["test", "tests", "depends_on", "goals"];

/// Image of a script that names none.
const SCRIPT_IMAGE: &str = "ubuntu:latest";

/// Reads what a repository brings along.
///
/// # Errors
/// Every problem.
pub fn supplied_rules(
    files: &[SourceFile],
    catalogue: &Catalogue<'_>,
) -> Result<Vec<RuleDefinition>, Vec<Diagnostic>> {
    let mut problems = Problems::default();
    let written = written_rules(files, &mut problems);
    let mut reader = Reader::new(catalogue, &mut problems);
    reader.in_reference = true;
    let read = written.iter().filter_map(|rule| reader.rule(rule)).collect();
    let rules = arrange::unique_rules(read, &mut problems);
    arrange::check_dependencies(&rules, false, &mut problems);
    let rules: Vec<RuleDefinition> = rules.into_iter().filter_map(|rule| rule.definition).collect();
    arrange::check_definitions(&[], &rules, &mut problems);
    match problems.has_errors() {
        true => {
            let names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
            Err(problems.into_sorted(&names))
        }
        false => Ok(rules),
    }
}

fn written_rules(files: &[SourceFile], problems: &mut Problems) -> Vec<WrittenRule> {
    let mut rules = Vec::new();
    for file in files {
        let (documents, wrong) = yaml::documents(&file.name, &file.bytes);
        wrong.into_iter().for_each(|problem| problems.add(problem));
        for document in documents.iter().filter(|document| !document.is_null()) {
            let Some(entries) = document.entries() else {
                problems.error("wrong_type", document, "goals of a repository are a map of rules");
                continue;
            };
            rules.extend(entries.iter().filter_map(|entry| rule(entry, problems)));
        }
    }
    rules
}

/// One rule, its scripts made containers; `None` comes with a problem.
fn rule(entry: &Entry, problems: &mut Problems) -> Option<WrittenRule> {
    let node = &entry.value;
    let Some(entries) = node.entries() else {
        let message = format!("`{}` is no rule: it needs `goals`", entry.name());
        problems.error("wrong_type", &entry.key, message);
        return None;
    };
    let strange = entries
        .iter()
        .filter(|entry| !RULE_KEYS.contains(&snake_case(entry.name()).as_str()));
    for entry in strange {
        problems.unknown_key(entry, "a rule of a repository", RULE_KEYS);
    }
    let rewritten = entries
        .iter()
        .map(|entry| match snake_case(entry.name()).as_str() {
            "goals" => Entry {
                value: goals(&entry.value, problems),
                ..entry.clone()
            },
            _ => entry.clone(),
        });
    let content = Content::Map(rewritten.collect());
    Some(WrittenRule {
        key: Some(entry.key.clone()),
        node: Rc::new(node.with_content(content)),
    })
}

/// The goals of a rule, at every depth of steps.
fn goals(node: &Rc<Node>, problems: &mut Problems) -> Rc<Node> {
    match &node.content {
        Content::List(items) => {
            let items = items.iter().map(|item| goals(item, problems)).collect();
            Rc::new(node.with_content(Content::List(items)))
        }
        Content::Map(_) => goal(node, problems),
        Content::Scalar(_) => {
            let message = "a repository can bring containers only";
            problems.error_with_hint("not_supplied", node, message, "write `containers:` or `script:`");
            Rc::clone(node)
        }
    }
}

fn goal(node: &Rc<Node>, problems: &mut Problems) -> Rc<Node> {
    let node = script_as_container(node);
    // Which of them such goals are given, the machine's configuration says.
    let is_beyond = |entry: &&Entry| snake_case(entry.name()) != "secrets";
    for entry in beyond_containers(&node).into_iter().filter(is_beyond) {
        let (key, instead) = shown_beyond(entry);
        let message = format!("{key} is not for goals that a repository brings along");
        let hint = instead.unwrap_or("they run in containers, without anything of the machine");
        problems.error_with_hint("not_supplied", &entry.key, message, hint);
    }
    let hint = "set it in the image, or in the program that the container runs";
    refuse_variables(&node, "goals that a repository brings along", hint, problems);
    node
}

/// `script: {name, image, command, args}` is a goal of one container.
fn script_as_container(node: &Rc<Node>) -> Rc<Node> {
    let entries = node.entries().unwrap_or_default();
    let is_script = |entry: &&Entry| snake_case(entry.name()) == "script";
    let Some(script) = entries
        .iter()
        .find(is_script)
        .filter(|entry| entry.value.entries().is_some())
    else {
        return Rc::clone(node);
    };
    let at = &script.key;
    let entry = |name: &str, value: Node| Entry {
        key: Rc::new(at.with_text(name)),
        value: Rc::new(value),
        merged: false,
    };
    let mut container = script.value.entries().unwrap_or_default().to_vec();
    let has = |entries: &[Entry], name: &str| entries.iter().any(|entry| snake_case(entry.name()) == name);
    if !has(&container, "image") {
        container.push(entry("image", at.with_text(SCRIPT_IMAGE)));
    }
    let name = container
        .iter()
        .find(|entry| snake_case(entry.name()) == "name")
        .cloned();
    let mut goal: Vec<Entry> = entries
        .iter()
        .filter(|entry| !is_script(entry))
        .cloned()
        .collect();
    goal.extend(name.filter(|_| !has(entries, "name")));
    let container = Rc::new(script.value.with_content(Content::Map(container)));
    goal.push(entry(
        "containers",
        script.value.with_content(Content::List(vec![container])),
    ));
    Rc::new(node.with_content(Content::Map(goal)))
}
