//! `has_version_file`: the root holds `.version` or `VERSION`.

use crate::model::Descriptor;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_version_file",
        aliases: &[],
        value: None,
        by_use: false,
        help: "There is a file `.version` or `VERSION` at the root of the repository.",
        example: "has_version_file",
    },
    build: |_, _| Ok(Box::new(HasVersionFile)),
};

#[derive(Debug)]
struct HasVersionFile;

impl PushTest for HasVersionFile {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        for path in [".version", "VERSION"] {
            if question.project.has_file(path)? {
                return Ok(Answer::yes(format!("{path} is a file")));
            }
        }
        Ok(Answer::no("there is neither .version nor VERSION"))
    }
}
