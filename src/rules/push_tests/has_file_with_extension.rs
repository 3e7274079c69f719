//! `has_file_with_extension`: some file has an extension.

use super::arguments::texts;
use crate::model::{Descriptor, ValueType};
use crate::rules::display::{listed, shown};
use crate::rules::patterns::{PatternId, with_extension};
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_file_with_extension",
        aliases: &[],
        value: Some(ValueType::List(&ValueType::Text)),
        by_use: false,
        help: "Some file has one of these extensions, their leading dot optional; an empty one stands for any file.",
        example: "has_file_with_extension: rs",
    },
    build: |arguments, patterns| {
        let extensions = texts(arguments)?;
        let dotless: Vec<&str> = extensions
            .iter()
            .map(|extension| extension.trim_start_matches('.'))
            .collect();
        let globs: Vec<String> =
            if dotless.iter().all(|extension| !extension.is_empty()) && !dotless.is_empty() {
                dotless
                    .iter()
                    .map(|extension| with_extension(extension))
                    .collect()
            } else {
                vec!["**".to_owned()]
            };
        Ok(Box::new(HasFileWithExtension {
            patterns: patterns.over_tree(&globs)?,
            extensions: dotless
                .into_iter()
                .filter(|extension| !extension.is_empty())
                .map(|extension| format!(".{extension}"))
                .collect(),
        }))
    },
};

#[derive(Debug)]
struct HasFileWithExtension {
    patterns: Vec<PatternId>,
    extensions: Vec<String>,
}

impl PushTest for HasFileWithExtension {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        for pattern in &self.patterns {
            if let Some(path) = question.project.matching_files(*pattern)?.next() {
                return Ok(Answer::yes(format!("{} is such a file", shown(path))));
            }
        }
        Ok(Answer::no(if self.extensions.is_empty() {
            "there are no files".to_owned()
        } else {
            format!(
                "no file ends in {}",
                listed(self.extensions.iter().map(String::as_str))
            )
        }))
    }
}
