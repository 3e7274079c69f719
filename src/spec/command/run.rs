//! A program that a command or a listener runs.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use crate::model::program_text::script_of_shell;
use crate::model::running::{DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{Diagnostic, Field, RunDefinition, ValueType};

use super::super::chooses::{Choice, choices, programs};
use super::super::keys::Sorted;
use super::super::placeholder::Template;
use super::super::reader::Reader;
use super::super::yaml::Node;
use super::entry::texts;
use super::roots::Roots;

/// Keys that say what is run and how.
pub const RUN_FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "program and arguments; placeholders allowed",
    ),
    TIMEOUT,
    GRACE,
    ENV,
    Field {
        help: "where it runs, below the root of the working copy; placeholders allowed; only with `targets`",
        value: ValueType::PathTemplate,
        ..DIRECTORY
    },
];

impl Reader<'_, '_> {
    /// What `run` and its options say.
    pub(crate) fn run_definition(
        &mut self,
        sorted: &Sorted<'_>,
        roots: &Roots<'_>,
        owner: &str,
        node: &Node,
    ) -> Option<RunDefinition> {
        let Some(run) = sorted.value("run") else {
            let message = format!("{owner} can't be used without 'run' property");
            let hint = "add `run: [program, argument, …]`";
            self.problems()
                .error_with_hint("missing_property", node, message, hint);
            return None;
        };
        if let Some(entry) = sorted.get("directory").filter(|_| !roots.is_goal()) {
            self.problems().error_with_hint(
                "unknown_key",
                &entry.key,
                "`directory` needs a working copy, and there is none without a repository",
                "remove it, or add `targets: true` to a command",
            );
        }
        let fields = self.checker.sorted(RUN_FIELDS, sorted, node, owner)?;
        let written = [Some(run), sorted.value("env"), sorted.value("directory")];
        let is_own = self.lets_nobody_choose(programs(run, "what runs"), roots);
        let all_right = is_own
            & all_of(
                written
                    .into_iter()
                    .flatten()
                    .map(|text| self.texts_ask_for_what_is_known(text, roots)),
            );
        let milliseconds = |key: &str| fields.get(key).and_then(Value::as_u64).unwrap_or_default();
        let definition = RunDefinition {
            argv: texts(fields.get("run")),
            environment: environment(fields.get("env")),
            timeout: milliseconds("timeout"),
            grace: milliseconds("grace"),
        };
        Some(definition).filter(|_| all_right)
    }

    /// Whether the placeholders of every text below a key mean something; push tests have none.
    pub(super) fn texts_ask_for_what_is_known(&mut self, node: &Node, roots: &Roots<'_>) -> bool {
        if let Some(items) = node.items() {
            let words: Vec<&str> = items.iter().map(|item| item.text().unwrap_or_default()).collect();
            let script = script_of_shell(&words);
            let is_right = |(index, item): (usize, &Rc<Node>)| match script == Some(index) {
                true => self.placeholders(item, roots, true),
                false => self.texts_ask_for_what_is_known(item, roots),
            };
            return all_of(items.iter().enumerate().map(is_right));
        }
        let Some(entries) = node.entries() else {
            return self.placeholders(node, roots, false);
        };
        let texts = entries.iter().filter(|entry| entry.name() != "test");
        all_of(texts.map(|entry| {
            self.lets_nobody_choose(choices(entry), roots)
                & self.texts_ask_for_what_is_known(&entry.value, roots)
        }))
    }

    /// Whether what runs is its author's choice: whoever asks for a command may choose one of its options only.
    fn lets_nobody_choose(&mut self, choices: Vec<Choice<'_>>, roots: &Roots<'_>) -> bool {
        let mut all_right = true;
        for choice in choices {
            let asked = choice.asked().into_iter();
            for (offset, path) in asked.filter(|(_, path)| roots.is_anything(path)) {
                all_right = false;
                let what = choice.what;
                let message = format!(
                    "this is {what}, and whoever runs the command may say anything for `${{{path}}}`"
                );
                let hint = "write it out, or give the parameter `options` to choose from";
                let place = choice.node.place_within(offset);
                self.problems()
                    .add(Diagnostic::error("chosen_outside", place, message).hint(hint));
            }
        }
        all_right
    }

    /// Whether every placeholder of a text means something. In the script of a shell what they stand for is data.
    fn placeholders(&mut self, node: &Node, roots: &Roots<'_>, is_script: bool) -> bool {
        let Some(Ok(template)) = node.text().map(Template::parse) else {
            return true; // Reported already.
        };
        let mut all_right = true;
        for asked in template.asked() {
            if let Some((message, hint)) = roots.objection(&asked, is_script) {
                all_right = false;
                let place = node.place_within(asked.offset);
                self.problems()
                    .add(Diagnostic::error("unknown_placeholder", place, message).hint(hint));
            }
        }
        all_right
    }
}

/// Whether all are right; every one is looked at.
fn all_of(all: impl Iterator<Item = bool>) -> bool {
    all.fold(true, |so_far, one| so_far & one)
}

fn environment(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
