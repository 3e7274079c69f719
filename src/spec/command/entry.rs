//! One command.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::model::descriptor::Form;
use crate::model::{
    CommandDefinition, CommandWork, Descriptor, Field, Intent, ParameterDefinition, Place, UniqueName,
    ValueType, Work,
};

use super::super::catalogue::fields;
use super::super::keys::{Sorted, snake_case};
use super::super::placeholder::Template;
use super::super::problems::listed;
use super::super::reader::Reader;
use super::super::shape::key_of;
use super::super::yaml::{Entry, Node};
use super::roots::Roots;
use super::run::RUN_FIELDS;

const NAME: Field = Field::new("name", ValueType::Text, "what the command is called").required();
const DESCRIPTION: Field = Field::new("description", ValueType::Text, "one line for people");
const TAGS: Field = Field::new("tags", ValueType::List(&ValueType::Text), "free labels").not_empty();
const DRY_RUN: Field = Field::new(
    "dry_run",
    ValueType::Boolean,
    "whether it only shows what it would change unless told otherwise",
);

/// Keys of a command, beside those of what it does.
pub const FIELDS: &[Field] = &[
    NAME,
    DESCRIPTION,
    Field::new(
        "intent",
        ValueType::List(&ValueType::Form(Form::Intent)),
        "what people say: words, a list of them, or `{pattern: regex}`",
    ),
    TAGS,
    Field::new(
        "parameters",
        ValueType::Map(&ValueType::Form(Form::Parameter)),
        "what it needs to know, by name",
    ),
    Field::new(
        "targets",
        ValueType::BooleanOr(super::targets::FIELDS),
        "on which repositories: `true`, or a map; without it the command has none",
    ),
    DRY_RUN,
];

/// Those whose type says everything about them; the others are read one by one.
const PLAIN_FIELDS: &[Field] = &[NAME, DESCRIPTION, TAGS, DRY_RUN];

/// Longest name of a command or listener, in characters.
pub(crate) const MAX_NAME: usize = 100;

/// Most commands of all files together.
const MAX_COMMANDS: usize = 1_000;

impl Reader<'_, '_> {
    /// All commands; those with problems are left out.
    pub(crate) fn commands(&mut self, nodes: &[Rc<Node>]) -> Vec<CommandDefinition> {
        if let Some(node) = nodes.get(MAX_COMMANDS) {
            let message = format!("there are more than {MAX_COMMANDS} commands");
            self.problems().error("too_many", node, message);
        }
        let mut known = Known::default();
        nodes
            .iter()
            .take(MAX_COMMANDS)
            .filter_map(|node| self.command(node, &mut known))
            .collect()
    }

    fn command(&mut self, node: &Node, known: &mut Known) -> Option<CommandDefinition> {
        let Some(entries) = node.entries() else {
            let message = format!("a command must be a map, and this is {}", node.what());
            self.problems().error_with_hint(
                "wrong_type",
                node,
                message,
                "write `name`, `intent` and `run` as its keys",
            );
            return None;
        };
        let (own, work): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| !self.says_work(entry));
        let own: Vec<Entry> = own.into_iter().cloned().collect();
        let sorted = Sorted::over(&own, &[FIELDS, RUN_FIELDS], self.checker.problems);
        let unknown = self.unknown_command_keys(&sorted);
        let fields = self.checker.sorted(PLAIN_FIELDS, &sorted, node, "a command");
        let name = sorted
            .value("name")
            .and_then(|name| self.plain_name(name, "a command"));
        let intents = self.intents(sorted.value("intent"), name.as_deref(), sorted.value("name"));
        let parameters = self.parameters(sorted.value("parameters"));
        let kind = self.work_of(&work, &sorted, node);
        let name = name?;
        let at = sorted.value("name").unwrap_or(node);
        let places = intent_nodes(sorted.value("intent"), at);
        let said = intents.as_deref().unwrap_or_default().iter().zip(places);
        let is_new = known.name(&name, at, self) & known.intents(said, self);
        let (fields, intents, parameters) = (fields?, intents?, parameters?);
        let work = self.work(kind?, &sorted, (&parameters, &intents), node);
        let has_name = self.name_is_of_goal(&sorted, work.as_ref());
        let on_repositories = matches!(&work, Some(CommandWork::Goal(work)) if work.kind != "execute");
        let targets = self.targets(sorted.value("targets"), on_repositories);
        let text = |key: &str| {
            fields
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let definition = CommandDefinition {
            name,
            place: node.place.clone(),
            description: text("description"),
            intents,
            tags: texts(fields.get("tags")),
            parameters,
            work: work?,
            targets: targets?,
            dry_run: fields.get("dry_run") == Some(&Value::Bool(true)),
        };
        Some(definition).filter(|_| is_new && !unknown && has_name)
    }

    /// A command that is a goal is called as goals are.
    fn name_is_of_goal(&mut self, sorted: &Sorted<'_>, work: Option<&CommandWork>) -> bool {
        let Some(node) = sorted
            .value("name")
            .filter(|_| matches!(work, Some(CommandWork::Goal(_))))
        else {
            return true;
        };
        let Err(error) = UniqueName::parse(node.text().unwrap_or_default()) else {
            return true;
        };
        let hint = "a command on repositories is a goal there, and is called as one; what people say is its `intent`";
        self.problems()
            .error_with_hint("invalid_name", node, error.to_string(), hint);
        false
    }

    /// Whether a key is a kind of goal; `run` and its options are read apart.
    fn says_work(&self, entry: &Entry) -> bool {
        let canonical = snake_case(entry.name());
        self.catalogue.kind_of_commands(&canonical).is_some()
    }

    fn unknown_command_keys(&mut self, sorted: &Sorted<'_>) -> bool {
        let own = FIELDS.iter().chain(RUN_FIELDS).map(|field| field.name);
        let kinds = self.catalogue.kinds_of_commands().map(|kind| kind.name);
        let known: Vec<&str> = own.chain(kinds).collect();
        for entry in &sorted.unknown {
            self.problems().unknown_key(entry, "a command", &known);
        }
        !sorted.unknown.is_empty()
    }

    /// The one thing the command does.
    fn work_of<'n>(&mut self, work: &[&'n Entry], sorted: &Sorted<'_>, node: &Node) -> Option<Doing<'n>> {
        let run = sorted.get("run").is_some();
        match (work, run) {
            ([], true) => Some(Doing::Run),
            ([entry], false) => Some(Doing::Goal(entry)),
            ([], false) => {
                self.problems().error_with_hint(
                    "missing_property",
                    node,
                    "this command does nothing",
                    "add `run: [program, argument, …]`, `transform`, `inspect` or `generate`",
                );
                None
            }
            (several, _) => {
                let mut names: Vec<&str> = several.iter().map(|entry| entry.name()).collect();
                names.extend(run.then_some("run"));
                let message = format!("a command does one thing, and this one has {}", listed(&names));
                self.problems().error_with_hint(
                    "several_kinds",
                    node,
                    message,
                    "make each a command of its own",
                );
                None
            }
        }
    }

    fn work(
        &mut self,
        doing: Doing<'_>,
        sorted: &Sorted<'_>,
        (parameters, intents): (&[ParameterDefinition], &[Intent]),
        node: &Node,
    ) -> Option<CommandWork> {
        let entry = match doing {
            Doing::Goal(entry) => entry,
            Doing::Run if sorted.get("targets").is_some_and(|entry| is_wanted(&entry.value)) => {
                let roots = Roots::of_goal(parameters, intents);
                return self.run_as_goal(sorted, &roots, node).map(CommandWork::Goal);
            }
            Doing::Run => {
                let roots = Roots::of_command(parameters, intents);
                return self
                    .run_definition(sorted, &roots, "a command", node)
                    .map(CommandWork::Run);
            }
        };
        let canonical = snake_case(entry.name());
        let kind = self.catalogue.kind_of_commands(&canonical)?;
        self.refuse_run_options(sorted, kind);
        let what = format!("`{}`", kind.name);
        let arguments = match kind.value {
            Some(wanted) => self.value_with_tests(&wanted, &entry.value, &what)?,
            None => Value::Null,
        };
        let roots = Roots::of_goal(parameters, intents);
        if !self.texts_ask_for_what_is_known(&entry.value, &roots)
            | !self.defaults_are_known(kind, entry, &roots)
        {
            return None;
        }
        let work = Work {
            kind: kind.name.to_owned(),
            arguments,
        };
        let found = (self.catalogue.check_work)(&work);
        self.report(&found, &[key_of(kind)], node)
            .then_some(CommandWork::Goal(work))
    }

    /// Whether what stands for options that are not written asks for parameters that there are.
    fn defaults_are_known(&mut self, kind: &Descriptor, entry: &Entry, roots: &Roots<'_>) -> bool {
        let written = entry.value.entries().unwrap_or_default();
        let written = Sorted::over(written, &[fields(kind)], self.checker.problems);
        let mut all_right = true;
        for field in fields(kind) {
            let default = Some(field.default).filter(|_| written.get(field.name).is_none());
            let Some(text) = default.filter(|default| default.contains("${")) else {
                continue;
            };
            let objections = Template::parse(text).map(|template| {
                let asked = template.asked().into_iter();
                asked
                    .filter_map(|asked| roots.objection(&asked, false))
                    .collect::<Vec<_>>()
            });
            for (because, _) in objections.unwrap_or_default() {
                all_right = false;
                let message = format!("`{}` is not written, so it is {text}, and {because}", field.name);
                let hint = format!("add the parameter, or write `{}`", field.name);
                self.problems()
                    .error_with_hint("unknown_placeholder", &entry.key, message, hint);
            }
        }
        all_right
    }

    /// `timeout` beside `transform` would have no effect.
    fn refuse_run_options(&mut self, sorted: &Sorted<'_>, kind: &Descriptor) {
        for field in RUN_FIELDS {
            if let Some(entry) = sorted.get(field.name) {
                let message = format!(
                    "`{}` belongs to `run`, and this command has `{}`",
                    field.name, kind.name
                );
                let hint = format!("write it below `{}`, where it has such an option", kind.name);
                self.problems()
                    .error_with_hint("unknown_key", &entry.key, message, hint);
            }
        }
    }

    /// A program on repositories is the goal `execute`; its parameters are in its environment too.
    fn run_as_goal(&mut self, sorted: &Sorted<'_>, roots: &Roots<'_>, node: &Node) -> Option<Work> {
        let run = self.run_definition(sorted, roots, "a command", node)?;
        let directory = sorted
            .value("directory")
            .and_then(|value| self.checker.value(&ValueType::PathTemplate, value, "`directory`"));
        let mut arguments = json!({
            "run": run.argv,
            "env": run.environment,
            "timeout": run.timeout,
            "grace": run.grace,
        });
        if let Some(directory) = directory {
            arguments["directory"] = directory;
        }
        Some(Work {
            kind: "execute".to_owned(),
            arguments,
        })
    }

    /// A name on one line.
    pub(crate) fn plain_name(&mut self, node: &Node, owner: &str) -> Option<String> {
        let name = self.checker.plain_text(node, "`name`")?;
        let is_plain = !name.trim().is_empty()
            && name.trim() == name
            && name.chars().count() <= MAX_NAME
            && !name.chars().any(char::is_control);
        if !is_plain {
            let message = format!("the name of {owner} has 1 to {MAX_NAME} characters on one line");
            self.problems().error("invalid_name", node, message);
            return None;
        }
        Some(name.to_owned())
    }
}

/// What a command does, as it is written.
#[derive(Clone, Copy)]
enum Doing<'n> {
    /// `run` and its options.
    Run,
    /// A kind of goal.
    Goal(&'n Entry),
}

/// Where each intent of a command is written; one that has none is said by its name.
fn intent_nodes<'n>(intent: Option<&'n Node>, name: &'n Node) -> Vec<&'n Node> {
    match intent.and_then(Node::items) {
        Some(items) => items.iter().map(|item| &**item).collect(),
        None => vec![intent.unwrap_or(name)],
    }
}

/// Whether `targets` says that there are some.
fn is_wanted(node: &Node) -> bool {
    node.to_json() != Value::Bool(false)
}

pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Names and intents given so far, with where.
#[derive(Default)]
struct Known {
    names: HashMap<String, Place>,
    intents: HashMap<Intent, Place>,
}

impl Known {
    fn name(&mut self, name: &str, at: &Node, reader: &mut Reader<'_, '_>) -> bool {
        let Some(earlier) = self.names.insert(name.to_owned(), at.place.clone()) else {
            return true;
        };
        let message = format!("there is a command `{name}` already, at {earlier}");
        reader
            .problems()
            .error_with_hint("duplicate_command", at, message, "rename one of them");
        false
    }

    fn intents<'a>(
        &mut self,
        intents: impl Iterator<Item = (&'a Intent, &'a Node)>,
        reader: &mut Reader<'_, '_>,
    ) -> bool {
        let mut all_new = true;
        for (intent, at) in intents {
            let Some(earlier) = self.intents.insert(intent.clone(), at.place.clone()) else {
                continue;
            };
            all_new = false;
            let (Intent::Words(said) | Intent::Pattern(said)) = intent;
            let message = format!("`{said}` is the intent of a command already, at {earlier}");
            let hint = "people could not say which one they mean; change one of them";
            reader
                .problems()
                .error_with_hint("duplicate_intent", at, message, hint);
        }
        all_new
    }
}
