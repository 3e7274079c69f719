//! `changed`: a changed file matches a glob.

use super::arguments::texts;
use super::changes::Changes;
use crate::model::{Descriptor, ValueType};
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "changed",
        aliases: &[],
        value: Some(ValueType::List(&ValueType::Glob)),
        by_use: false,
        help: "The push changed, added, deleted or renamed a file that one of the globs matches; holds when the changes \
               cannot be known, as for the first push of an unrelated branch.",
        example: "changed: ['src/**', Cargo.lock]",
    },
    build: |arguments, patterns| {
        let globs = texts(arguments)?;
        if globs.is_empty() {
            return Err("no glob is given".to_owned().into());
        }
        Ok(Box::new(Changed(Changes {
            patterns: patterns.over_changes(&globs)?,
            written: globs.into_iter().map(str::to_owned).collect(),
        })))
    },
};

#[derive(Debug)]
struct Changed(Changes);

impl PushTest for Changed {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        self.0.matched(question)
    }
}
