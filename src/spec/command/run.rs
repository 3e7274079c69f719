//! A program that a command or a listener runs, and what its placeholders may ask for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::running::{DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{Diagnostic, EventType, Field, ParameterDefinition, RunDefinition, ValueType};

use super::super::keys::Sorted;
use super::super::placeholder::Template;
use super::super::problems::listed;
use super::super::reader::Reader;
use super::super::yaml::Node;
use super::entry::texts;
use crate::model::suggest;

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
        help: "where it runs, below the root of the working copy; only with `targets`",
        ..DIRECTORY
    },
];

/// What placeholders may ask for.
pub(crate) struct Roots<'a> {
    parameters: Option<&'a [ParameterDefinition]>,
    event: Option<Option<&'static EventType>>,
    has_items: bool,
    is_goal: bool,
}

impl<'a> Roots<'a> {
    /// A command without a repository.
    pub(crate) fn of_command(parameters: &'a [ParameterDefinition]) -> Self {
        Self {
            parameters: Some(parameters),
            event: None,
            has_items: false,
            is_goal: false,
        }
    }

    /// A command on repositories, which is a goal and knows what goals know.
    pub(crate) fn of_goal(parameters: &'a [ParameterDefinition]) -> Self {
        Self {
            is_goal: true,
            ..Self::of_command(parameters)
        }
    }

    /// A listener, perhaps for each item of a list; an event without a shape of its own may carry anything.
    pub(crate) fn of_listener(event: Option<&'static EventType>, has_items: bool) -> Self {
        Self {
            parameters: None,
            event: Some(event),
            has_items,
            is_goal: false,
        }
    }

    /// What is wrong with asking for a path, and what to do about it.
    fn objection(&self, path: &str) -> Option<(String, String)> {
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        match root {
            "parameters" => self.no_parameter(path, rest),
            "event" => self.no_event(path, rest),
            "machine" | "preferences" | "home" => None,
            "matches" if self.parameters.is_some() => None,
            "item" if self.has_items => None,
            _ if self.is_goal => None,
            _ => {
                let known: Vec<&str> = match self.event {
                    Some(_) if self.has_items => vec!["item", "event", "machine", "preferences"],
                    Some(_) => vec!["event", "machine", "preferences"],
                    None => vec!["parameters", "matches", "machine", "preferences"],
                };
                Some((
                    format!("`${{{path}}}` has no meaning here"),
                    format!("placeholders here begin with {}", listed(&known)),
                ))
            }
        }
    }

    fn no_parameter(&self, path: &str, name: &str) -> Option<(String, String)> {
        let Some(parameters) = self.parameters else {
            return Some((
                format!("`${{{path}}}`: a listener has no parameters"),
                "what it may ask for begins with `event.`".to_owned(),
            ));
        };
        let names = || parameters.iter().map(|parameter| parameter.name.as_str());
        match parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) if parameter.is_secret() => Some((
                format!("`{name}` is secret and never becomes part of a text"),
                format!("the program finds it in the variable `{}`", variable(name)),
            )),
            Some(_) => None,
            None => {
                let hint = match suggest::nearest(name, names()) {
                    Some(near) => format!("did you mean `${{parameters.{near}}}`?"),
                    None => "add it to `parameters`".to_owned(),
                };
                Some((format!("the command has no parameter `{name}`"), hint))
            }
        }
    }

    fn no_event(&self, path: &str, field: &str) -> Option<(String, String)> {
        let Some(event) = self.event else {
            return Some((
                format!("`${{{path}}}`: a command has no event"),
                "what it may ask for begins with `parameters.`".to_owned(),
            ));
        };
        let event = event.filter(|event| !event.has(field))?;
        let hint = match suggest::nearest(
            field.split('.').next().unwrap_or_default(),
            event.fields.iter().copied(),
        ) {
            Some(near) => format!("did you mean `${{event.{near}}}`?"),
            None => format!("it has {}", listed(event.fields)),
        };
        Some((format!("the event {} has no `{field}`", event.name), hint))
    }
}

/// The variable in which a program finds a parameter.
pub(crate) fn variable(parameter: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = parameter.chars().map(letter).collect();
    format!("SDM_PARAMETER_{name}")
}

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
        if let Some(entry) = sorted.get("directory").filter(|_| !roots.is_goal) {
            self.problems().error_with_hint(
                "unknown_key",
                &entry.key,
                "`directory` needs a working copy, and there is none without a repository",
                "remove it, or add `targets: true` to a command",
            );
        }
        let fields = self.checker.sorted(RUN_FIELDS, sorted, node, owner)?;
        let items = run.items().unwrap_or_default().iter();
        let env = sorted
            .value("env")
            .and_then(|env| env.entries())
            .unwrap_or_default();
        let texts_of: Vec<&Node> = items
            .map(|item| &**item)
            .chain(env.iter().map(|entry| &*entry.value))
            .collect();
        let objections = texts_of
            .iter()
            .filter(|text| !self.placeholders(text, roots))
            .count();
        let milliseconds = |key: &str| fields.get(key).and_then(Value::as_u64).unwrap_or_default();
        let definition = RunDefinition {
            argv: texts(fields.get("run")),
            environment: environment(fields.get("env")),
            timeout: milliseconds("timeout"),
            grace: milliseconds("grace"),
        };
        Some(definition).filter(|_| objections == 0)
    }

    /// Whether the placeholders of every text below a key mean something; push tests have none.
    pub(super) fn texts_ask_for_what_is_known(&mut self, node: &Node, roots: &Roots<'_>) -> bool {
        if let Some(items) = node.items() {
            let objections = items
                .iter()
                .filter(|item| !self.texts_ask_for_what_is_known(item, roots))
                .count();
            return objections == 0;
        }
        let Some(entries) = node.entries() else {
            return self.placeholders(node, roots);
        };
        let texts = entries.iter().filter(|entry| entry.name() != "test");
        let objections = texts
            .filter(|entry| !self.texts_ask_for_what_is_known(&entry.value, roots))
            .count();
        objections == 0
    }

    /// Whether every placeholder of a text means something.
    fn placeholders(&mut self, node: &Node, roots: &Roots<'_>) -> bool {
        let Some(Ok(template)) = node.text().map(Template::parse) else {
            return true; // Reported already.
        };
        let mut all_right = true;
        for path in template.paths() {
            if let Some((message, hint)) = roots.objection(path) {
                all_right = false;
                let offset = node.text().and_then(|text| text.find(path)).unwrap_or(0);
                let place = node.place_within(offset);
                self.problems()
                    .add(Diagnostic::error("unknown_placeholder", place, message).hint(hint));
            }
        }
        all_right
    }
}

fn environment(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
