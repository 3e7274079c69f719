//! `non_empty`: the pushed tree has files.

use crate::model::Descriptor;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "non_empty",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The pushed commit has at least one file.",
        example: "non_empty",
    },
    build: |_, _| Ok(Box::new(NonEmpty)),
};

#[derive(Debug)]
struct NonEmpty;

impl PushTest for NonEmpty {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        Ok(match question.project.files()?.len() {
            0 => Answer::no("there are no files"),
            1 => Answer::yes("there is one file"),
            count => Answer::yes(format!("there are {count} files")),
        })
    }
}
