//! `is_branch`: a pattern is found in the branch name.

use regex::Regex;

use super::arguments::{regex, text};
use crate::model::{Descriptor, ValueType};
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_branch",
        aliases: &[],
        value: Some(ValueType::Regex),
        by_use: false,
        help: "The regular expression is found anywhere in the branch name: `main` also finds `maintenance`; \
               write `^main$` for the whole name.",
        example: "is_branch: ^release/",
    },
    build: |arguments, _| {
        Ok(Box::new(IsBranch {
            pattern: regex(text(arguments)?)?,
        }))
    },
};

#[derive(Debug)]
struct IsBranch {
    pattern: Regex,
}

impl PushTest for IsBranch {
    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let branch = question.push.branch.as_str();
        let pattern = shown(self.pattern.as_str());
        Ok(Answer::either(
            self.pattern.is_match(branch),
            || format!("branch {} matches {pattern}", shown(branch)),
            || format!("branch {} does not match {pattern}", shown(branch)),
        ))
    }
}
