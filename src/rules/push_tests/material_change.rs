//! `is_material_change`: a changed file is among those that matter (semantics 2.5).

use serde_json::Value;

use super::arguments::texts_of;
use super::changes::Changes;
use crate::model::{Descriptor, Field, ValueType};
use crate::rules::patterns::{below, exact, with_extension};
use crate::rules::push_test::{
    Answer, Cost, PatternsBuilder, PushTest, Question, Refusal, Registration, TestError,
};

const FIELDS: &[Field] = &[
    Field::new("files", ValueType::List(&ValueType::Path), "Exact paths."),
    Field::new(
        "extensions",
        ValueType::List(&ValueType::Text),
        "Ends of file names, their leading dot optional.",
    ),
    Field::new(
        "directories",
        ValueType::List(&ValueType::Path),
        "Directories with everything below them; `src` is not `src2`.",
    ),
    Field::new("patterns", ValueType::List(&ValueType::Glob), "Globs.").aliases(&[
        "pattern",
        "glob_pattern",
        "glob_patterns",
    ]),
];

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_material_change",
        aliases: &[],
        value: Some(ValueType::Fields(FIELDS)),
        by_use: false,
        help: "Any changed file, old and new names of renames and deleted files included, matches any of the four lists; \
               holds when the changes cannot be known, never when all lists are empty.",
        example: "is_material_change: {directories: [src], extensions: [rs], files: [Cargo.lock]}",
    },
    build,
};

fn build(arguments: &Value, patterns: &mut PatternsBuilder) -> Result<Box<dyn PushTest>, Refusal> {
    let mut globs = Vec::new();
    let mut written = Vec::new();
    let mut add = |glob: String, text: String| {
        globs.push(glob);
        written.push(text);
    };
    for file in texts_of(arguments, "files")? {
        add(exact(file), file.to_owned());
    }
    for directory in texts_of(arguments, "directories")? {
        add(below(directory), format!("{}/", directory.trim_end_matches('/')));
    }
    for extension in texts_of(arguments, "extensions")? {
        if extension.trim_start_matches('.').is_empty() {
            return Err("extensions: an extension is empty".to_owned().into());
        }
        add(
            with_extension(extension),
            format!(".{}", extension.trim_start_matches('.')),
        );
    }
    for glob in texts_of(arguments, "patterns")? {
        add(glob.to_owned(), glob.to_owned());
    }
    Ok(Box::new(IsMaterialChange(Changes {
        patterns: patterns.over_changes(&globs)?,
        written,
    })))
}

#[derive(Debug)]
struct IsMaterialChange(Changes);

impl PushTest for IsMaterialChange {
    fn cost(&self) -> Cost {
        if self.0.patterns.is_empty() {
            Cost::Cheap
        } else {
            Cost::Content
        }
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        self.0.matched(question)
    }
}
