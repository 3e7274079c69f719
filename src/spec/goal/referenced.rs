//! Goals of other repositories, `ref: owner/repo[/goal][@ref]` (semantics 7.4).

use std::rc::Rc;

use crate::model::ValueType;
use crate::model::{Field, suggest};

use super::super::catalogue::has_field;
use super::super::keys::snake_case;
use super::super::named_test::{known_parameters, parameters_of};
use super::super::placeholder::Template;
use super::super::problems::{Problems, listed};
use super::super::reader::{Reader, shown};
use super::super::reference::{File, Filled, Filling, Reference, overlay};
use super::super::yaml::{Content, Entry, Node};
use super::common::COMMON_FIELDS;
use super::entry::{Context, GoalEntry};
use super::strange_variables::refuse_variables;

/// The key that names a goal of another repository.
pub(crate) const REF: &[Field] = &[Field::new(
    "ref",
    ValueType::Verbatim,
    "a goal of another repository, `owner/repo[/goal][@ref]`; keys beside it win over its own",
)];

/// What a goal may have whose owner is not trusted: containers, and nothing that runs on this computer or reads of it.
const WITHOUT_TRUST: &[&str] = &[
    "name",
    "environment",
    "approval",
    "pre_approval",
    "retry",
    "descriptions",
    "start_within",
    "progress",
    "limits",
    "uncancelable",
    "ignore_failure",
    "input",
    "output",
    "parameters",
    "plan",
    "containers",
    "init_containers",
    "volumes",
    "network",
    "timeout",
    "grace",
];

/// Keys in the items of those that reach for this computer.
const NOT_IN_ITEMS: &[&str] = &[
    "host_path",
    "privileged",
    "capabilities",
    "devices",
    "sysctls",
    "secrets",
    "on_miss",
];

/// Where such items are.
const WITH_ITEMS: &[&str] = &["containers", "init_containers", "volumes", "input", "output"];

/// How far its files may go or be found: not to goals of other repositories, nor from them.
const SCOPES: &[&str] = &["set", "branch", "repo"];

impl Reader<'_, '_> {
    /// The goal that `text` at `at` refers to; `local` is the map with the reference and what stands beside it, or only the
    /// reference itself.
    pub(super) fn referenced(
        &mut self,
        text: &str,
        at: &Node,
        local: &Node,
        context: Context,
    ) -> Option<GoalEntry> {
        if self.in_reference {
            self.problems().error_with_hint(
                "nested_reference",
                at,
                format!("`{text}` stands in a file of another repository, which cannot refer on"),
                "refer to it from a goal file of your own",
            );
            return None;
        }
        let reference = match Reference::parse(text) {
            Ok(reference) => reference,
            Err(error) => {
                self.problems().error("invalid_reference", at, error.to_string());
                return None;
            }
        };
        self.referred.push((reference.clone(), at.place.clone()));
        let merged = self.merged(&reference, at, local)?;
        self.in_reference = true;
        self.checker.asked.is_elsewhere = true;
        let entry = self.goal(&merged, context);
        self.checker.asked.is_elsewhere = false;
        self.in_reference = false;
        entry
    }

    /// What the reference stands for, with what stands beside it.
    fn merged(&mut self, reference: &Reference, at: &Node, local: &Node) -> Option<Node> {
        let references = std::mem::take(&mut self.references);
        let merged = match references.file(reference) {
            Some(file) => merged(reference, file, at, local, self.checker.problems),
            None => {
                let why = "it is not in `goals.lock`";
                let hint = "run `sdm lock`, which shows what it is and writes it down";
                cannot(self.checker.problems, reference, at, why, hint);
                None
            }
        };
        self.references = references;
        merged
    }
}

fn merged(
    reference: &Reference,
    file: &File,
    at: &Node,
    local: &Node,
    problems: &mut Problems,
) -> Option<Node> {
    if let Some(why) = &file.about.refused {
        let hint = "look at the difference with `sdm lock --update`";
        cannot(problems, reference, at, why, hint);
        return None;
    }
    if !file.is_read() {
        return None; // That is said where it goes wrong.
    }
    if reference.revision.is_none() {
        let message =
            format!("`{reference}` is not pinned: the next `sdm lock --update` takes what is there then");
        let hint = format!("write `{reference}@` and a tag or a commit");
        problems.warning("unpinned_reference", at, message, hint);
    }
    let found = file.goal(reference).filter(|(_, goal)| goal.entries().is_some());
    let Some((key, goal)) = found else {
        unknown_goal(reference, file, at, local, problems);
        return None;
    };
    let local = without_reference(local, at);
    let goal = filled(reference, &goal, at, &local, problems)?;
    // Asked once parameters are filled in: what they become is what counts.
    if !file.about.is_trusted && !is_harmless(reference, &goal, problems) {
        return None;
    }
    Some(named(overlay(&local, &goal), &key, at))
}

/// Warns of parameters that the goal does not ask for, where it asks for some: they are probably misspelt. Not more than
/// that, because its programs find all of them in `goal.json`.
fn warn_about_parameters(reference: &Reference, goal: &Node, local: &Node, problems: &mut Problems) {
    let given = value(local, "parameters").and_then(|given| given.entries());
    let own = value(goal, "parameters").and_then(|own| own.entries());
    let own = own
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.name().to_owned());
    let mut asked: Vec<String> = parameters_of(goal).into_iter().chain(own).collect();
    if asked.is_empty() || asks_for_all_parameters(goal) || asks_for_all_parameters(local) {
        return;
    }
    asked.extend(parameters_of(local));
    asked.sort();
    asked.dedup();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    for entry in given.unwrap_or_default() {
        if !asked.contains(&entry.name()) {
            let message = format!(
                "nothing in `{reference}` asks for the parameter `{}`",
                entry.name()
            );
            let hint = known_parameters(entry.name(), &asked);
            problems.warning("unknown_parameter", &entry.key, message, hint);
        }
    }
}

/// Whether `${parameters}` stands anywhere in it.
fn asks_for_all_parameters(node: &Node) -> bool {
    let mut items = node.items().unwrap_or_default().iter();
    let mut entries = node.entries().unwrap_or_default().iter();
    let template = node.text().filter(|text| text.contains("${"));
    items.any(|item| asks_for_all_parameters(item))
        || entries.any(|entry| asks_for_all_parameters(&entry.value))
        || template.is_some_and(|text| {
            Template::parse(text).is_ok_and(|template| template.paths().contains(&"parameters"))
        })
}

/// The referenced goal with the parameters of the reference over its own.
fn filled(
    reference: &Reference,
    goal: &Rc<Node>,
    at: &Node,
    local: &Node,
    problems: &mut Problems,
) -> Option<Rc<Node>> {
    let parameters = match (value(local, "parameters"), value(goal, "parameters")) {
        (Some(own), Some(below)) => Some(Rc::new(overlay(own, below))),
        (own, below) => own.or(below).cloned(),
    };
    let mut filling = Filling::of_goal(parameters.as_deref());
    match filling.node(goal) {
        Ok(Filled::As(filled)) => {
            // One that is missing is said where it is missed, with what is given instead.
            if filling.unfilled().is_empty() {
                warn_about_parameters(reference, goal, local, problems);
            }
            Some(filled)
        }
        Ok(Filled::Absent) => None,
        Err(_) => {
            let why = "it is too large with its parameters filled in";
            cannot(problems, reference, at, why, "give it smaller parameters");
            None
        }
    }
}

/// The goal under its own name, or that of the key it stands under.
fn named(merged: Node, key: &Node, at: &Node) -> Node {
    if value(&merged, "name").is_some() {
        return merged;
    }
    let mut entries = merged.entries().unwrap_or_default().to_vec();
    entries.push(Entry {
        key: Rc::new(at.with_text("name")),
        value: Rc::new(at.with_text(key.text().unwrap_or_default())),
        merged: false,
    });
    merged.with_content(Content::Map(entries))
}

/// The keys beside the reference; a bare reference has none.
fn without_reference(local: &Node, at: &Node) -> Node {
    let entries = local.entries().unwrap_or_default().iter();
    let others = entries.filter(|entry| snake_case(entry.name()) != "ref");
    let place = if local.entries().is_some() { local } else { at };
    place.with_content(Content::Map(others.cloned().collect()))
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Rc<Node>> {
    let mut entries = node.entries()?.iter();
    entries
        .find(|entry| snake_case(entry.name()) == key)
        .map(|entry| &entry.value)
}

/// Semantics 7.4 DECISION: without trust in its owner a reference contributes containers, no commands and no volumes of
/// this computer.
fn is_harmless(reference: &Reference, goal: &Node, problems: &mut Problems) -> bool {
    let mut is_harmless = true;
    let mut refuse = |entry: &Entry| {
        is_harmless = false;
        if is_slip(entry) {
            return problems.unknown_key(entry, "a goal", WITHOUT_TRUST);
        }
        let (key, _) = shown_beyond(entry);
        let message = format!(
            "{key} of {} is for owners who are trusted with this computer, and {} is not",
            reference.file(),
            reference.owner
        );
        let hint = format!(
            "add {} to `trusted_owners` in the configuration, or use containers only",
            reference.owner
        );
        problems.error_with_hint("untrusted_reference", &entry.key, message, hint);
    };
    beyond_containers(goal).into_iter().for_each(&mut refuse);
    let hint = "set it beside the reference, in your own file, or add the owner to `trusted_owners`";
    refuse_variables(goal, &reference.owner, hint, problems) & is_harmless
}

/// Whether a key is none of a goal, and nearly one that needs no trust.
fn is_slip(entry: &Entry) -> bool {
    let key = snake_case(entry.name());
    !has_field(COMMON_FIELDS, &key)
        && !WITHOUT_TRUST.contains(&key.as_str())
        && suggest::nearest(&key, WITHOUT_TRUST.iter().copied()).is_some()
}

/// Keys of a goal, and of its containers, volumes and inputs, that reach for more than containers.
pub(crate) fn beyond_containers(goal: &Node) -> Vec<&Entry> {
    let mut beyond = Vec::new();
    for entry in goal.entries().unwrap_or_default() {
        let key = snake_case(entry.name());
        if !WITHOUT_TRUST.contains(&key.as_str()) || reaches_host_network(&key, &entry.value) {
            beyond.push(entry);
        } else if WITH_ITEMS.contains(&key.as_str()) {
            beyond.extend(items_of(&entry.value).filter(|entry| is_beyond_containers(entry)));
        }
    }
    beyond
}

fn is_beyond_containers(entry: &Entry) -> bool {
    let key = snake_case(entry.name());
    NOT_IN_ITEMS.contains(&key.as_str()) || reaches_other_repositories(entry)
}

/// Whether files would go to goals of other repositories, or come from them.
fn reaches_other_repositories(entry: &Entry) -> bool {
    // What a parameter makes of it is not known here.
    snake_case(entry.name()) == "scope" && !entry.value.text().is_some_and(|text| SCOPES.contains(&text))
}

/// A key that reaches for more than containers as it is called in messages, and what stands for it where that is not all of it.
pub(crate) fn shown_beyond(entry: &Entry) -> (String, Option<&'static str>) {
    match reaches_other_repositories(entry) {
        true => {
            let scope = entry.value.text().unwrap_or("…");
            let hint = "write `scope: repo`: goals of other repositories neither find its files nor leave any for it";
            (format!("`{}: {scope}`", entry.name()), Some(hint))
        }
        false => (format!("`{}`", entry.name()), None),
    }
}

fn reaches_host_network(key: &str, value: &Node) -> bool {
    // What a parameter makes of it is not known here.
    key == "network" && !matches!(value.text(), Some("open" | "closed"))
}

fn items_of(value: &Node) -> impl Iterator<Item = &Entry> {
    let many = value
        .items()
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.entries());
    many.chain(value.entries()).flatten()
}

fn unknown_goal(reference: &Reference, file: &File, at: &Node, local: &Node, problems: &mut Problems) {
    let keys = file.keys();
    let wanted = reference.goal.as_deref().unwrap_or(&reference.repo);
    let hint = match suggest::nearest(wanted, keys.iter().copied()) {
        Some(near) => format!("did you mean `{}/{}/{near}`?", reference.owner, reference.repo),
        None if keys.is_empty() => format!("{} has no goals", reference.file()),
        None => format!("{} has {}", reference.file(), listed(&keys[..keys.len().min(14)])),
    };
    let message = format!("Unable to construct goal from '{}'", shown(local));
    problems.error_with_hint("unknown_goal", at, message, hint);
}

fn cannot(problems: &mut Problems, reference: &Reference, at: &Node, why: &str, hint: &str) {
    let message = format!("Referenced goal '{reference}' can not be created: {why}");
    problems.error_with_hint("reference", at, message, hint);
}
