//! `input`, `output`, `cache`, `skip_unchanged` and `secrets` of a goal (semantics 3.17, 3.20).

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::model::files::{Cache, GoalFiles, Input, KeptOn, Output, Scope, SecretUse, Unchanged};
use crate::model::{Field, ValueType};

use super::super::keys::Sorted;
use super::super::reader::Reader;
use super::super::yaml::Node;

const SCOPE: Field = Field::new("scope", ValueType::Choice(Scope::WORDS), "who finds them");

const INPUT_FIELDS: &[Field] = &[
    Field::new("classifier", ValueType::Text, "under which name they were kept").required(),
    Field::new(
        SCOPE.name,
        SCOPE.value,
        "where else to look, after the goal set itself",
    )
    .default("set"),
    Field::new(
        "required",
        ValueType::Boolean,
        "whether the goal fails without them",
    )
    .default("false"),
    Field::new(
        "on_miss",
        ValueType::List(&ValueType::Argv),
        "commands that are run when there are none",
    ),
];

const PATTERN_FIELDS: &[Field] = &[
    Field::new("glob_pattern", ValueType::List(&ValueType::Glob), "as `paths`"),
    Field::new("directory", ValueType::Path, "as `directory`"),
];

const OUTPUT_FIELDS: &[Field] = &[
    Field::new("classifier", ValueType::Text, "the name to keep them under").required(),
    Field::new(
        "paths",
        ValueType::List(&ValueType::Glob),
        "globs of what to keep; a directory stands for all in it",
    ),
    Field::new("directory", ValueType::Path, "a directory to keep"),
    Field::new(
        "pattern",
        ValueType::Fields(PATTERN_FIELDS),
        "the same as the original writes it",
    ),
    Field::new(SCOPE.name, SCOPE.value, SCOPE.help).default("set"),
    Field::new(
        "on",
        ValueType::Choice(KeptOn::WORDS),
        "after which end they are kept",
    )
    .default("success"),
];

const CACHE_FIELDS: &[Field] = &[
    Field::new(
        "key",
        ValueType::Text,
        "name; `${hash:GLOB}` is a digest of files of the commit",
    )
    .required(),
    Field::new(
        "fallback",
        ValueType::List(&ValueType::Text),
        "beginnings of keys to take the newest of when the key is new",
    ),
    Field::new(
        "paths",
        ValueType::List(&ValueType::Glob),
        "what to keep; `~/` is the home directory",
    )
    .required(),
    Field::new(SCOPE.name, SCOPE.value, SCOPE.help).default("repo"),
];

const UNCHANGED_FIELDS: &[Field] = &[
    Field::new(
        "inputs",
        ValueType::List(&ValueType::Glob),
        "files of the commit that its result depends on",
    )
    .required(),
    Field::new(
        "env",
        ValueType::List(&ValueType::Text),
        "variables that its result depends on as well",
    ),
    Field::new(SCOPE.name, SCOPE.value, "whose earlier success counts").default("repo"),
];

const PROVIDER_FIELDS: &[Field] = &[
    Field::new(
        "type",
        ValueType::Text,
        "`docker`, `npm`, `maven2` or the type of a secret",
    )
    .required(),
    Field::new(
        "names",
        ValueType::List(&ValueType::Text),
        "only these of that type",
    ),
];

const SECRET_VALUE_FIELDS: &[Field] = &[
    Field::new(
        "provider",
        ValueType::Fields(PROVIDER_FIELDS),
        "secrets by their type",
    ),
    Field::new("encrypted", ValueType::Text, "what `sdm secret encrypt` printed"),
];

const VARIABLE_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "the variable").required(),
    Field::new(
        "value",
        ValueType::Fields(SECRET_VALUE_FIELDS),
        "where its value comes from",
    ),
];

const MOUNT_FIELDS: &[Field] = &[
    Field::new("mount_path", ValueType::Text, "where the file is").required(),
    Field::new(
        "value",
        ValueType::Fields(SECRET_VALUE_FIELDS),
        "where its content comes from",
    )
    .required(),
];

const SECRET_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "a secret of the configuration"),
    Field::new(
        "env",
        ValueType::List(&ValueType::TextOr("name", VARIABLE_FIELDS)),
        "variables that carry it",
    ),
    Field::new(
        "file",
        ValueType::Path,
        "a file of the working copy that holds it meanwhile",
    ),
    Field::new(
        "file_env",
        ValueType::Text,
        "a variable that names a private file that holds it",
    ),
    Field::new(
        "descriptor",
        ValueType::Text,
        "a variable that names a descriptor to read it from",
    ),
    Field::new(
        "file_mounts",
        ValueType::List(&ValueType::Fields(MOUNT_FIELDS)),
        "files, as the original writes them",
    ),
];

/// The keys of every goal that has a process.
pub(super) const INPUT: Field = Field::new(
    "input",
    ValueType::List(&ValueType::TextOr("classifier", INPUT_FIELDS)),
    "files of earlier goals that it wants",
);
pub(super) const OUTPUT: Field = Field::new(
    "output",
    ValueType::List(&ValueType::Fields(OUTPUT_FIELDS)),
    "files that it leaves for later goals",
);
pub(super) const CACHE: Field = Field::new(
    "cache",
    ValueType::List(&ValueType::Fields(CACHE_FIELDS)),
    "files worth keeping until its next run",
);
pub(super) const SKIP_UNCHANGED: Field = Field::new(
    "skip_unchanged",
    ValueType::Fields(UNCHANGED_FIELDS),
    "takes over an earlier success when nothing it depends on has changed",
);
pub(super) const SECRETS: Field = Field::new(
    "secrets",
    ValueType::List(&ValueType::TextOr("name", SECRET_FIELDS)),
    "secrets that its process is given",
);

/// What the checked values of the common keys say about files.
pub(super) fn files(common: &mut Map<String, Value>) -> GoalFiles {
    GoalFiles {
        inputs: list::<Input>(common.remove(INPUT.name)),
        outputs: all(common.remove(OUTPUT.name)).into_iter().map(output).collect(),
        caches: list::<Cache>(common.remove(CACHE.name)),
        unchanged: common.remove(SKIP_UNCHANGED.name).and_then(read::<Unchanged>),
    }
}

/// What they say about secrets.
pub(super) fn secrets(common: &mut Map<String, Value>) -> Vec<SecretUse> {
    list(common.remove(SECRETS.name))
}

/// Every field has the name and the canonical form of its key, so this reads what was checked already.
fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

fn all(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(_) | None => Vec::new(),
    }
}

fn list<T: DeserializeOwned>(value: Option<Value>) -> Vec<T> {
    all(value).into_iter().filter_map(read).collect()
}

/// One list of globs from the three ways in which they may be written.
fn output(mut value: Value) -> Output {
    let pattern = value.get_mut("pattern").map(Value::take).unwrap_or_default();
    let mut paths = globs(&value["paths"]);
    paths.extend(globs(&pattern["glob_pattern"]));
    let directories = [&value["directory"], &pattern["directory"]];
    paths.extend(directories.into_iter().filter_map(Value::as_str).map(literal));
    value["paths"] = paths.into();
    read(value).unwrap_or_default()
}

fn globs(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A path as a glob that matches just it.
fn literal(path: &str) -> String {
    match path {
        "." => "*".to_owned(),
        path => globset::escape(path),
    }
}

impl Reader<'_, '_> {
    /// Checks what types cannot say about files and secrets.
    pub(super) fn check_files(&mut self, sorted: &Sorted<'_>, common: &Map<String, Value>) {
        let mut common = common.clone();
        let files = files(&mut common);
        if let Some(node) = sorted.value(OUTPUT.name) {
            self.check_outputs(node, &files.outputs);
        }
        if let Some(node) = sorted.value(CACHE.name) {
            let is_absent = |cache: &Cache| cache.paths.is_empty();
            if files.caches.iter().any(is_absent) {
                let message = "a `cache` names no `paths`";
                self.problems()
                    .error("missing_property", node, message.to_owned());
            }
        }
        if let Some(node) = sorted.value(SECRETS.name) {
            for secret in secrets(&mut common) {
                self.check_secret(node, &secret);
            }
        }
    }

    fn check_outputs(&mut self, node: &Node, outputs: &[Output]) {
        let mut seen = BTreeSet::new();
        for output in outputs {
            let classifier = &output.classifier;
            if output.paths.is_empty() {
                let message = format!("the output `{classifier}` says of no file that it is to be kept");
                self.problems().error_with_hint(
                    "missing_property",
                    node,
                    message,
                    "write `paths: [globs]` or `directory: path`",
                );
            }
            if !seen.insert(classifier) {
                let message = format!("two outputs have the classifier `{classifier}`");
                self.problems().error("duplicate_classifier", node, message);
            }
        }
    }

    fn check_secret(&mut self, node: &Node, secret: &SecretUse) {
        for name in variables(secret) {
            self.checker.may_be_set(name, node);
        }
        if let Some(problem) = problem_of(secret) {
            self.problems().error_with_hint(
                "invalid_secret",
                node,
                problem,
                "write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`",
            );
        }
    }
}

/// What is wrong with how a secret is asked for.
fn problem_of(secret: &SecretUse) -> Option<String> {
    let values = secret.env.iter().map(|variable| variable.value.as_ref());
    let mut values = values.chain(secret.file_mounts.iter().map(|mount| Some(&mount.value)));
    let has_own_way = secret.file.is_some() || secret.file_env.is_some() || secret.descriptor.is_some();
    match &secret.name {
        None if has_own_way || values.clone().any(|value| value.is_none()) => {
            Some("a secret is asked for without its `name`".to_owned())
        }
        None if secret.env.is_empty() && secret.file_mounts.is_empty() => {
            Some("a secret has neither `name` nor `env` nor `file_mounts`".to_owned())
        }
        Some(name) if values.clone().any(|value| value.is_some()) => Some(format!(
            "the secret `{name}` is given by name, and by a `value` of its own as well"
        )),
        None if values.any(|value| {
            value.is_some_and(|value| value.provider.is_some() == value.encrypted.is_some())
        }) =>
        {
            Some("the value of a secret is either a `provider` or `encrypted`".to_owned())
        }
        _ => variables(secret)
            .find(|name| !is_variable(name))
            .map(|name| format!("`{}` is not the name of a variable", name.escape_debug())),
    }
}

fn variables(secret: &SecretUse) -> impl Iterator<Item = &str> {
    let single = [&secret.file_env, &secret.descriptor].into_iter().flatten();
    single
        .map(String::as_str)
        .chain(secret.env.iter().map(|variable| variable.name.as_str()))
}

fn is_variable(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}
