//! `only_changed`: every changed file matches a glob.

use std::collections::HashSet;

use super::arguments::texts;
use crate::model::{Descriptor, ValueType};
use crate::rules::display::{listed, shown};
use crate::rules::patterns::PatternId;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "only_changed",
        aliases: &[],
        value: Some(ValueType::List(&ValueType::Glob)),
        by_use: false,
        help: "Every file that the push changed, added, deleted or renamed matches one of the globs; does not hold when no \
               file changed, nor when the changes cannot be known.",
        example: "only_changed: ['**/*.md', LICENSE]",
    },
    build: |arguments, patterns| {
        let globs = texts(arguments)?;
        if globs.is_empty() {
            return Err("no glob is given".to_owned().into());
        }
        Ok(Box::new(OnlyChanged {
            patterns: patterns.over_changes(&globs)?,
            written: globs.into_iter().map(str::to_owned).collect(),
        }))
    },
};

#[derive(Debug)]
struct OnlyChanged {
    patterns: Vec<PatternId>,
    written: Vec<String>,
}

impl PushTest for OnlyChanged {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    /// What is not known is never said to be only this: whoever asks wants to leave goals out.
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let Some(changed) = question.project.changed_files()? else {
            return Ok(Answer::no("the changed files cannot be known"));
        };
        if changed.is_empty() {
            return Ok(Answer::no("no file changed"));
        }
        let mut matched = HashSet::new();
        for pattern in &self.patterns {
            matched.extend(question.project.matching_changes(*pattern)?.into_iter().flatten());
        }
        let written = listed(self.written.iter().map(String::as_str));
        let other = changed.iter().find(|path| !matched.contains(path.as_str()));
        Ok(match other {
            Some(path) => Answer::no(format!("{} changed and does not match {written}", shown(path))),
            None => Answer::yes(format!("every changed file matches {written}")),
        })
    }
}
