//! `input`, `output`, `cache` and `skip_unchanged` of a goal (semantics 3.17).

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::model::files::{Cache, GoalFiles, Input, KeptOn, Output, Scope, Unchanged};
use crate::model::{ArgumentProblems, Field, FieldPath, ValueType};

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
        ValueType::CacheKey,
        "name; `${hash:GLOB}` is a digest of files of the commit",
    )
    .required()
    .not_empty(),
    Field::new(
        "fallback",
        ValueType::List(&ValueType::CacheKey),
        "beginnings of keys to take the newest of when the key is new",
    )
    .not_empty(),
    Field::new(
        "paths",
        ValueType::List(&ValueType::GlobOfCache),
        "what to keep; `~/` is the home directory",
    )
    .required()
    .not_empty(),
    Field::new(SCOPE.name, SCOPE.value, SCOPE.help).default("repo"),
];

const UNCHANGED_FIELDS: &[Field] = &[
    Field::new(
        "inputs",
        ValueType::List(&ValueType::Glob),
        "files of the commit that its result depends on",
    )
    .required()
    .not_empty(),
    Field::new(
        "env",
        ValueType::List(&ValueType::Text),
        "variables that its result depends on as well",
    )
    .not_empty(),
    Field::new(SCOPE.name, SCOPE.value, "whose earlier success counts").default("repo"),
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
/// What the checked values of the common keys say about files.
pub(super) fn files(common: &mut Map<String, Value>) -> GoalFiles {
    GoalFiles {
        inputs: list::<Input>(common.remove(INPUT.name)),
        outputs: all(common.remove(OUTPUT.name)).into_iter().map(output).collect(),
        caches: list::<Cache>(common.remove(CACHE.name)),
        unchanged: common.remove(SKIP_UNCHANGED.name).and_then(read::<Unchanged>),
    }
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

pub(super) fn list<T: DeserializeOwned>(value: Option<Value>) -> Vec<T> {
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

/// What types cannot say to be wrong with files.
pub(super) fn problems(files: &GoalFiles) -> ArgumentProblems {
    let mut problems = same_classifiers(
        &FieldPath::to(INPUT.name),
        files.inputs.iter().map(|input| input.classifier.as_str()),
    );
    let outputs = FieldPath::to(OUTPUT.name);
    let classifiers = files.outputs.iter().map(|output| output.classifier.as_str());
    problems.extend(same_classifiers(&outputs, classifiers));
    for (index, output) in files.outputs.iter().enumerate() {
        if output.paths.is_empty() {
            let message = format!(
                "the output `{}` says of no file that it is to be kept",
                output.classifier
            );
            let hint = "write `paths: [globs]` or `directory: path`";
            problems.add(&outputs.item(index), "missing_property", message, hint);
        }
    }
    problems.extend(same_keys(&files.caches));
    if files
        .unchanged
        .as_ref()
        .is_some_and(|unchanged| unchanged.scope == Scope::Set)
    {
        let field = FieldPath::to(SKIP_UNCHANGED.name).key(SCOPE.name);
        let message = "a goal set has no earlier success of its own goals to take over";
        let hint = "write `branch`, `repo` or `machine`";
        problems.add(&field, "impossible_scope", message, hint);
    }
    problems
}

fn same_classifiers<'a>(list: &FieldPath, classifiers: impl Iterator<Item = &'a str>) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let mut seen = BTreeSet::new();
    for (index, classifier) in classifiers.enumerate() {
        if !seen.insert(classifier) {
            let field = list.item(index).key("classifier");
            let message = format!("the classifier `{classifier}` stands here for the second time");
            problems.add(
                &field,
                "duplicate_classifier",
                message,
                "rename one of them, or put their paths together",
            );
        }
    }
    problems
}

/// Two caches with one key would take each other's files.
fn same_keys(caches: &[Cache]) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let mut seen = BTreeSet::new();
    for (index, cache) in caches.iter().enumerate() {
        if !seen.insert((&cache.key, cache.scope)) {
            let field = FieldPath::to(CACHE.name).item(index).key("key");
            let message = format!("another cache has the key `{}` already", cache.key);
            problems.add(
                &field,
                "duplicate_key",
                message,
                "write another key, or put their paths together",
            );
        }
    }
    problems
}
