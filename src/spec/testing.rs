//! A small catalogue and short ways to load a text; for the tests of this room.

use std::sync::{Arc, LazyLock};

use crate::model::{ArgumentProblems, Descriptor, Diagnostic, Field, FieldPath, GoalDefinition, ValueType};

use super::{Catalogue, Loaded, SourceFile, load, schema, yaml};

const fn descriptor(name: &'static str, value: Option<ValueType>, example: &'static str) -> Descriptor {
    Descriptor {
        name,
        aliases: &[],
        value,
        by_use: false,
        help: "for tests",
        example,
    }
}

const HAS_FILE: Descriptor = descriptor(
    "has_file",
    Some(ValueType::List(&ValueType::Path)),
    "{has_file: Cargo.toml}",
);

const HAS_FILE_CONTAINING: Descriptor = descriptor(
    "has_file_containing",
    Some(ValueType::Fields(&[
        Field::new("pattern", ValueType::List(&ValueType::Glob), "files to look into")
            .aliases(&["patterns"])
            .default("'**/*'"),
        Field::new("content", ValueType::Regex, "what one of them must contain").required(),
    ])),
    "{has_file_containing: {content: TODO}}",
);

const IS_BRANCH: Descriptor = descriptor("is_branch", Some(ValueType::Regex), "{is_branch: ^main$}");
const HAS_COMMIT: Descriptor = descriptor("has_commit", Some(ValueType::Regex), "{has_commit: fix}");

const IS_DEFAULT_BRANCH: Descriptor = Descriptor {
    aliases: &["to_default_branch"],
    ..descriptor("is_default_branch", None, "is_default_branch")
};

const WHEN: Descriptor = descriptor("when", Some(ValueType::Expression), "{when: push.forced}");

const EXECUTE: Descriptor = descriptor(
    "execute",
    Some(ValueType::Fields(&[
        Field::new("run", ValueType::Argv, "the program and its arguments"),
        Field::new("command", ValueType::Text, "the program").aliases(&["cmd"]),
        Field::new("args", ValueType::List(&ValueType::Text), "its arguments"),
        Field::new("environment", ValueType::Map(&ValueType::Text), "variables"),
        Field::new("workdir", ValueType::Path, "where it runs"),
        Field::new(
            "shell",
            ValueType::Choice(&["none", "sh", "bash"]),
            "what runs it",
        ),
        Field::new("timeout", ValueType::Duration, "how long it may take").default("10m"),
    ])),
    "{name: test, execute: {run: [make, test]}}",
);

const CANCEL: Descriptor = Descriptor {
    by_use: true,
    ..descriptor(
        "cancel",
        Some(ValueType::Fields(&[Field::new(
            "goals",
            ValueType::List(&ValueType::Text),
            "which goals",
        )])),
        "{use: cancel}",
    )
};

const QUEUE: Descriptor = Descriptor {
    by_use: true,
    ..descriptor(
        "queue",
        Some(ValueType::Fields(&[Field::new(
            "concurrent",
            ValueType::Integer { min: 1, max: 100 },
            "how many at once",
        )
        .default("2")])),
        "{use: queue}",
    )
};

const IMMATERIAL: Descriptor = Descriptor {
    by_use: true,
    ..descriptor("immaterial", None, "{use: immaterial}")
};

const TRANSFORM: Descriptor = descriptor(
    "transform",
    Some(ValueType::Fields(&[
        Field::new("run", ValueType::Argv, "the program and its arguments").required(),
        Field::new("test", ValueType::Test, "when it runs"),
        Field::new("branch", ValueType::Text, "where the commit goes"),
    ])),
    "{name: logo, transform: {run: [./new-logo]}}",
);

/// Something for a kind to say: the program `nowhere` is not there.
fn check_goal(goal: &GoalDefinition) -> ArgumentProblems {
    match goal.work.arguments["run"][0].as_str() {
        Some("nowhere") => {
            let field = FieldPath::to("execute").key("run").item(0);
            ArgumentProblems::one(
                &field,
                "unknown_program",
                "there is no such program",
                "write another",
            )
        }
        Some(_) | None => ArgumentProblems::default(),
    }
}

const GENERATE: Descriptor = descriptor(
    "generate",
    Some(ValueType::Fields(&[
        Field::new("run", ValueType::Argv, "the program and its arguments").required(),
        Field::new("repo", ValueType::Text, "what it is called")
            .default("\"${parameters.owner}/${parameters.name}\""),
    ])),
    "{name: new, generate: {run: [./rename]}}",
);

pub(super) const CATALOGUE: Catalogue<'static> = Catalogue {
    push_tests: &[
        &HAS_FILE,
        &HAS_FILE_CONTAINING,
        &IS_BRANCH,
        &HAS_COMMIT,
        &IS_DEFAULT_BRANCH,
        &WHEN,
    ],
    kinds: &[&EXECUTE, &CANCEL, &QUEUE, &IMMATERIAL],
    command_kinds: &[&TRANSFORM, &GENERATE],
    check_goal,
    check_work: |_| ArgumentProblems::default(),
};

/// Loads files named `a.yaml`, `b.yaml`, …
pub(super) fn load_files(texts: &[&str]) -> Loaded {
    let files: Vec<SourceFile> = texts
        .iter()
        .zip('a'..)
        .map(|(text, letter)| SourceFile::new(&format!("{letter}.yaml"), *text))
        .collect();
    load(&files, &CATALOGUE)
}

/// Loads bytes as `a.yaml`.
pub(super) fn load_bytes(bytes: &[u8]) -> Loaded {
    load(&[SourceFile::new("a.yaml", bytes)], &CATALOGUE)
}

/// Loads a text that must be right.
pub(super) fn right(text: &str) -> Loaded {
    let loaded = load_files(&[text]);
    assert_eq!(loaded.diagnostics, [], "{}", shown(&loaded.diagnostics));
    assert_eq!(against_schema(text), Ok(()), "{text}");
    loaded
}

/// What the schema made from the same tables says of a text.
pub(super) fn against_schema(text: &str) -> Result<(), String> {
    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::validator_for(&schema::goal_files(&CATALOGUE)).expect("a schema"));
    let (documents, _) = yaml::documents(&Arc::from("a.yaml"), text.as_bytes());
    documents.iter().try_for_each(|document| {
        SCHEMA
            .validate(&document.to_json())
            .map_err(|error| error.to_string())
    })
}

/// Problems that are already in the shape of what is written, which the schema must find as well.
fn is_of_shape(problem: &Diagnostic) -> bool {
    match problem.code.as_str() {
        "unknown_key" | "invalid_choice" | "several_kinds" => true,
        "missing_property" => problem.message.contains("can't be used without"),
        _ => false,
    }
}

/// What is wrong with a text, one problem a line with its hint below.
pub(super) fn problems(text: &str) -> String {
    let found = load_files(&[text]).diagnostics;
    if found.iter().any(is_of_shape) {
        assert!(
            against_schema(text).is_err(),
            "the schema takes what is refused:\n{text}"
        );
    }
    shown(&found)
}

/// Problems as people might see them.
pub(super) fn shown(diagnostics: &[Diagnostic]) -> String {
    let line = |problem: &Diagnostic| {
        let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
        format!(
            "{} {:?} {} (+{}): {}{}",
            problem.place,
            problem.severity,
            problem.code,
            problem.length,
            problem.message,
            hint.unwrap_or_default()
        )
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}
