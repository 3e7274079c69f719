//! `has_file_containing`: a pattern is found in a file.

use regex::bytes::Regex;
use serde_json::Value;

use super::arguments::{bytes_regex, text, texts_of};
use crate::model::{Descriptor, Field, ValueType};
use crate::rules::display::{listed, shown};
use crate::rules::patterns::PatternId;
use crate::rules::push_test::{
    Answer, Cost, PatternsBuilder, PushTest, Question, Refusal, Registration, TestError,
};

const FIELDS: &[Field] = &[
    Field::new(
        "content",
        ValueType::Regex,
        "Regular expression to find; `^` and `$` are the ends of the file unless it begins with `(?m)`.",
    )
    .required(),
    Field::new(
        "patterns",
        ValueType::List(&ValueType::Glob),
        "Globs of the files to read.",
    )
    .aliases(&["pattern", "glob_pattern", "glob_patterns"])
    .default("'**/*'"),
];

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_file_containing",
        aliases: &[],
        value: Some(ValueType::Fields(FIELDS)),
        by_use: false,
        help: "At least one file that a glob matches contains the regular expression. Name the files: without \
               `patterns` the whole tree is read.",
        example: "has_file_containing: {pattern: '**/package.json', content: '\"react\"'}",
    },
    build,
};

fn build(arguments: &Value, patterns: &mut PatternsBuilder) -> Result<Box<dyn PushTest>, Refusal> {
    let content = arguments
        .get("content")
        .filter(|content| !content.is_null())
        .ok_or_else(|| "`has_file_containing` can't be used without 'content' property".to_owned())?;
    let mut globs = texts_of(arguments, "patterns")?;
    if globs.is_empty() {
        globs.push("**/*");
    }
    Ok(Box::new(HasFileContaining {
        content: bytes_regex(text(content)?)?,
        patterns: patterns.over_tree(&globs)?,
        globs: globs.into_iter().map(str::to_owned).collect(),
    }))
}

#[derive(Debug)]
struct HasFileContaining {
    content: Regex,
    patterns: Vec<PatternId>,
    globs: Vec<String>,
}

impl PushTest for HasFileContaining {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    /// A file that cannot be read decides nothing as long as another one may contain the text; when none does, its error
    /// is the answer.
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let mut searched = 0_u64;
        let mut unread = None;
        for pattern in &self.patterns {
            for path in question.project.matching_files(*pattern)? {
                match question.project.content(path) {
                    Ok(Some(content)) if self.content.is_match(&content) => return Ok(self.found(path)),
                    Ok(_) => searched += 1,
                    Err(error) => unread = unread.or(Some(error)),
                }
            }
        }
        match unread {
            Some(error) => Err(error.into()),
            None => Ok(self.not_found(searched)),
        }
    }
}

impl HasFileContaining {
    fn found(&self, path: &str) -> Answer {
        Answer::yes(format!(
            "{} contains {}",
            shown(path),
            shown(self.content.as_str())
        ))
    }

    fn not_found(&self, searched: u64) -> Answer {
        let globs = listed(self.globs.iter().map(String::as_str));
        let content = shown(self.content.as_str());
        Answer::no(match searched {
            0 => format!("no file matches {globs}"),
            1 => format!("the one file that matches {globs} does not contain {content}"),
            _ => format!("none of {searched} files that match {globs} contains {content}"),
        })
    }
}
