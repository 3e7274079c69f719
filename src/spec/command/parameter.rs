//! What a command needs to know (semantics 5.2).

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::parameter::{MAPPED, variable};
use crate::model::{Field, ParameterDefinition, ParameterSource, ParameterType, ValueType};

use super::super::keys::Sorted;
use super::super::problems::listed;
use super::super::reader::Reader;
use super::super::yaml::{Entry, Node};
use super::entry::texts;
use super::strange::{self, Strange};
use crate::model::suggest;

const TYPES: &[&str] = &["string", "boolean", "number", "options"];
const CONTROLS: &[&str] = &["input", "textarea"];
const LENGTH: ValueType = ValueType::Integer { min: 0, max: 16_384 };

/// Keys of a parameter.
pub const FIELDS: &[Field] = &[
    Field::new("description", ValueType::Text, "one line for people"),
    Field::new(
        "display_name",
        ValueType::Text,
        "what people see instead of its name",
    ),
    Field::new(
        "type",
        ValueType::Choice(TYPES),
        "what it may be; `options` when there are some",
    ),
    Field::new("options", ValueType::List(&ValueType::Text), "what may be chosen").not_empty(),
    Field::new("multiple", ValueType::Boolean, "whether several may be chosen"),
    Field::new("pattern", ValueType::Regex, "what the text must match"),
    Field::new(
        "valid_input",
        ValueType::Text,
        "what to say when it does not match",
    ),
    Field::new(
        "required",
        ValueType::Boolean,
        "whether the command needs it; it does unless it has a default",
    ),
    Field::new("default", ValueType::Any, "what it is when nothing is given"),
    Field::new("min_length", LENGTH, "fewest characters"),
    Field::new("max_length", LENGTH, "most characters"),
    Field::new(
        "displayable",
        ValueType::Boolean,
        "whether people are asked for it",
    )
    .default("true"),
    Field::new(
        "order",
        ValueType::Integer {
            min: -1000,
            max: 1000,
        },
        "position among the others when people are asked",
    ),
    Field::new("group", ValueType::Text, "heading under which it is shown"),
    Field::new(
        "control",
        ValueType::Choice(CONTROLS),
        "`textarea` allows several lines",
    )
    .default("input"),
    Field::new("force", ValueType::Boolean, "asked for although there is a value"),
    Field::new(
        "mapped",
        ValueType::Text,
        "what of the surroundings fills it in, such as `user_login`",
    ),
    Field::new(
        "secret",
        ValueType::Boolean,
        "never shown, stored or passed as an argument",
    ),
    Field::new(
        "caller_token",
        ValueType::List(&ValueType::Text),
        "a short token at the forge of whoever asks, with these scopes, by way of the hub; secret, and absent in local mode",
    ),
    Field::new(
        "org_token",
        ValueType::Boolean,
        "the token of its forge that the hub gives machines which may read every repository; secret, and absent in local mode",
    ),
    Field::new(
        "value",
        ValueType::Text,
        "the path in `values` of the configuration that fills it in; else the preference of this name",
    ),
];

/// Most parameters of one command.
const MAX_PARAMETERS: usize = 100;
/// Longest name in characters.
const MAX_NAME: usize = 64;
/// Words that `sdm do` understands itself.
const RESERVED: [&str; 6] = ["help", "json", "dry_run", "no_wait", "targets", "job"];

impl Reader<'_, '_> {
    /// The parameters; `None` always comes with a problem.
    pub(super) fn parameters(&mut self, node: Option<&Node>) -> Option<Vec<ParameterDefinition>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let Some(entries) = node.entries() else {
            let message = format!("`parameters` must be a map, and this is {}", node.what());
            let hint = "write each parameter's name as a key, with its attributes below";
            self.problems().error_with_hint("wrong_type", node, message, hint);
            return None;
        };
        if entries.len() > MAX_PARAMETERS {
            let message = format!("a command has at most {MAX_PARAMETERS} parameters");
            self.problems().error("too_many", node, message);
            return None;
        }
        let all: Vec<_> = entries.iter().map(|entry| self.parameter(entry)).collect();
        let are_told_apart = self.variables_differ(entries);
        let all: Option<Vec<_>> = all.into_iter().collect();
        all.filter(|_| are_told_apart)
    }

    /// Two parameters in one variable: a program would get one for the other, and a secret where none is expected.
    fn variables_differ(&mut self, entries: &[Entry]) -> bool {
        let mut known: HashMap<String, &Entry> = HashMap::new();
        let mut differ = true;
        for entry in entries {
            let variable = variable(entry.name());
            let Some(earlier) = known.get(&variable) else {
                known.insert(variable, entry);
                continue;
            };
            differ = false;
            let message = format!(
                "`{}` and `{}` (at {}) would both be the variable `{variable}`",
                entry.name(),
                earlier.name(),
                earlier.key.place
            );
            let hint = "rename one of them so that they differ in more than capitals, `-` and `_`";
            self.problems()
                .error_with_hint("duplicate_parameter", &entry.key, message, hint);
        }
        differ
    }

    fn parameter(&mut self, entry: &Entry) -> Option<ParameterDefinition> {
        let name = self.parameter_name(entry);
        let what = format!("the parameter `{}`", entry.name());
        let fields = match entry.value.is_null() {
            true => Map::from_iter([("displayable".to_owned(), Value::Bool(true))]),
            false => self.checker.fields(FIELDS, &entry.value, &what)?,
        };
        let written = entry.value.entries().unwrap_or_default();
        let written = Sorted::over(written, &[FIELDS], self.checker.problems);
        let source = self.source(&fields, entry)?;
        let kind = self.parameter_type(&fields, &written, entry)?;
        let definition = definition(name?, kind, source, &fields);
        self.check_parameter(&definition, &written, entry)
            .then_some(definition)
    }

    fn parameter_name(&mut self, entry: &Entry) -> Option<String> {
        let name = entry.name();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !begins || !name.chars().all(legal) || name.len() > MAX_NAME {
            let message = format!(
                "the name of a parameter begins with a letter and has at most {MAX_NAME} letters, digits, `_` and `-`"
            );
            self.problems().error("invalid_name", &entry.key, message);
            return None;
        }
        if RESERVED.contains(&name.replace('-', "_").as_str()) {
            let message = format!("`--{name}` has a meaning of its own for every command");
            self.problems().error_with_hint(
                "invalid_name",
                &entry.key,
                message,
                "call the parameter something else",
            );
            return None;
        }
        Some(name.to_owned())
    }

    fn source(&mut self, fields: &Map<String, Value>, entry: &Entry) -> Option<ParameterSource> {
        let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_secret = fields.get("secret") == Some(&Value::Bool(true));
        let caller = fields.get("caller_token").map(|scopes| texts(Some(scopes)));
        let is_of_hub = fields.get("org_token") == Some(&Value::Bool(true));
        match (text("mapped"), is_secret, text("value"), caller, is_of_hub) {
            (None, false, None, None, false) => Some(ParameterSource::Person),
            (None, true, None, None, false) => Some(ParameterSource::Secret),
            (None, false, Some(key), None, false) => Some(ParameterSource::Value(key)),
            (None, false, None, Some(scopes), false) => self.caller_token(scopes, entry),
            (None, false, None, None, true) => Some(ParameterSource::OrgToken),
            (Some(source), false, None, None, false) => {
                self.mapped(&source, entry).map(ParameterSource::Mapped)
            }
            _ => {
                self.problems().error_with_hint(
                    "several_kinds",
                    &entry.key,
                    "a parameter comes from one place, and this one has more than one of `mapped`, `secret`, `caller_token`, `org_token` and `value`",
                    "keep one of them",
                );
                None
            }
        }
    }

    fn caller_token(&mut self, scopes: Vec<String>, entry: &Entry) -> Option<ParameterSource> {
        let is_scope = |scope: &String| {
            let legal = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
            !scope.is_empty() && scope.len() <= MAX_NAME && scope.chars().all(legal)
        };
        match scopes.iter().find(|scope| !is_scope(scope)) {
            None => Some(ParameterSource::CallerToken(scopes)),
            Some(wrong) => {
                let shown: String = wrong.chars().take(MAX_NAME).collect();
                let message = format!("`{shown}` is no scope of a forge");
                self.problems().error_with_hint(
                    "invalid_name",
                    &entry.key,
                    message,
                    "write it as `repo` or `read:org`",
                );
                None
            }
        }
    }

    fn mapped(&mut self, source: &str, entry: &Entry) -> Option<String> {
        let names = || MAPPED.iter().map(|(name, _)| *name);
        let canonical = super::super::keys::snake_case(source);
        if names().any(|name| name == canonical) {
            return Some(canonical);
        }
        let hint = match suggest::nearest(&canonical, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(&names().collect::<Vec<_>>())),
        };
        let message = format!("nothing in the surroundings is called `{source}`");
        self.problems()
            .error_with_hint("unknown_source", &entry.key, message, hint);
        None
    }

    fn parameter_type(
        &mut self,
        fields: &Map<String, Value>,
        attributes: &Sorted<'_>,
        entry: &Entry,
    ) -> Option<ParameterType> {
        let options = texts(fields.get("options"));
        let written = fields.get("type").and_then(Value::as_str);
        let multiple = fields.get("multiple") == Some(&Value::Bool(true));
        if let Some(node) = attributes.value("options") {
            self.check_options(node, multiple)?;
        }
        let problem = match (written, options.is_empty()) {
            (None, true) | (Some("string"), true) if !multiple => return Some(ParameterType::String),
            (Some("boolean"), true) if !multiple => return Some(ParameterType::Boolean),
            (Some("number"), true) if !multiple => return Some(ParameterType::Number),
            (None | Some("options"), false) => return Some(ParameterType::Options { options, multiple }),
            (_, true) => "it needs `options: [one, two]` to choose from",
            (_, false) => "only `type: options` has `options`",
        };
        let message = format!("the parameter `{}`: {problem}", entry.name());
        self.problems().error("wrong_type", &entry.key, message);
        None
    }

    /// Whether every option can be chosen. That there are some, each once, is what the field itself asks for.
    fn check_options(&mut self, node: &Node, multiple: bool) -> Option<()> {
        let items = node.items().unwrap_or_default();
        let single = node.text().map(|_| node);
        let mut problems = 0;
        for item in items.iter().map(|item| &**item).chain(single) {
            let text = item.text().unwrap_or_default();
            let Some((problem, hint)) = option_problem(text, multiple) else {
                continue;
            };
            problems += 1;
            self.problems()
                .error_with_hint("invalid_parameter", item, problem, hint);
        }
        (problems == 0).then_some(())
    }

    /// What the types of its attributes cannot say.
    fn check_parameter(
        &mut self,
        definition: &ParameterDefinition,
        attributes: &Sorted<'_>,
        entry: &Entry,
    ) -> bool {
        self.warn_about_input(definition, attributes);
        let Some(Strange { key, problem, hint }) = strange::first(definition, attributes) else {
            return true;
        };
        let at = attributes.value(key).unwrap_or(&entry.key);
        let message = format!("the parameter `{}`: {problem}", definition.name);
        self.problems()
            .error_with_hint("invalid_parameter", at, message, hint);
        false
    }

    /// What to say when a value does not fit, where any does.
    fn warn_about_input(&mut self, definition: &ParameterDefinition, attributes: &Sorted<'_>) {
        let can_be_wrong = match definition.kind {
            ParameterType::String => strange::has_limits(definition),
            ParameterType::Options { .. } => true,
            ParameterType::Boolean | ParameterType::Number => false,
        };
        if let Some(node) = attributes.value("valid_input").filter(|_| !can_be_wrong) {
            let message = format!(
                "`valid_input` of the parameter `{}` is never said",
                definition.name
            );
            let hint = "add a `pattern`, `min_length` or `max_length` that a text may fail, or remove it";
            self.problems().warning("no_effect", node, message, hint);
        }
    }
}

/// Why an option cannot be chosen, and what to do.
fn option_problem(text: &str, multiple: bool) -> Option<(String, &'static str)> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let problem = "an option is a word or some on one line".to_owned();
        return Some((problem, "write what people can say, or remove it"));
    }
    if multiple && (text.contains(',') || text.trim() != text) {
        let problem = format!("`{text}` could not be chosen: several are said with `,` between them");
        return Some((problem, "write it without commas and without spaces around it"));
    }
    None
}

fn definition(
    name: String,
    kind: ParameterType,
    source: ParameterSource,
    fields: &Map<String, Value>,
) -> ParameterDefinition {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| {
        fields
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    let is = |key: &str| fields.get(key) == Some(&Value::Bool(true));
    let default = fields
        .get("default")
        .filter(|default| !default.is_null())
        .cloned();
    // Whose token there is not, the command may be able to do without.
    let is_of_hub = matches!(
        source,
        ParameterSource::CallerToken(_) | ParameterSource::OrgToken
    );
    let may_be_absent = default.is_some() || is_of_hub;
    ParameterDefinition {
        name,
        display_name: text("display_name"),
        description: text("description").unwrap_or_default(),
        pattern: text("pattern"),
        valid_input: text("valid_input"),
        required: fields
            .get("required")
            .and_then(Value::as_bool)
            .unwrap_or(!may_be_absent),
        default,
        min_length: number("min_length").unwrap_or(0),
        max_length: number("max_length"),
        displayable: is("displayable"),
        order: fields.get("order").and_then(Value::as_i64),
        group: text("group"),
        multi_line: text("control").as_deref() == Some("textarea"),
        force: is("force"),
        kind,
        source,
    }
}
