//! `has_file`: paths are files of the pushed tree.

use super::arguments::texts;
use crate::model::{Descriptor, ValueType};
use crate::rules::display::{listed, shown};
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_file",
        aliases: &[],
        value: Some(ValueType::List(&ValueType::Path)),
        by_use: false,
        help: "The exact path, not a pattern, is a file of the pushed commit; of a list every one must be.",
        example: "has_file: Cargo.toml",
    },
    build: |arguments, _| {
        let paths: Vec<String> = texts(arguments)?.into_iter().map(str::to_owned).collect();
        if paths.is_empty() {
            return Err("no path is given".to_owned().into());
        }
        Ok(Box::new(HasFile { paths }))
    },
};

#[derive(Debug)]
struct HasFile {
    paths: Vec<String>,
}

impl PushTest for HasFile {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        for path in &self.paths {
            if !question.project.has_file(path)? {
                return Ok(Answer::no(format!("there is no file {}", shown(path))));
            }
        }
        Ok(Answer::yes(match self.paths.as_slice() {
            [path] => format!("{} is a file", shown(path)),
            paths => format!("{} are files", listed(paths.iter().map(String::as_str))),
        }))
    }
}
