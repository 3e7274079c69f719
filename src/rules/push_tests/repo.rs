//! `is_repo`: a pattern is found in the repository's `owner/name`.

use regex::Regex;

use super::arguments::{regex, text};
use crate::model::{Descriptor, ValueType};
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_repo",
        aliases: &[],
        value: Some(ValueType::Regex),
        by_use: false,
        help: "The regular expression is found anywhere in `owner/name`; write `^acme/web$` for exactly one repository.",
        example: "is_repo: ^acme/",
    },
    build: |arguments, _| {
        Ok(Box::new(IsRepo {
            pattern: regex(text(arguments)?)?,
        }))
    },
};

#[derive(Debug)]
struct IsRepo {
    pattern: Regex,
}

impl PushTest for IsRepo {
    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let slug = question.push.repo.slug.to_string();
        let pattern = shown(self.pattern.as_str());
        Ok(Answer::either(
            self.pattern.is_match(&slug),
            || format!("repository {} matches {pattern}", shown(&slug)),
            || format!("repository {} does not match {pattern}", shown(&slug)),
        ))
    }
}
