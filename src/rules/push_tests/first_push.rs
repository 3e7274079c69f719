//! `is_first_push`: the branch is new.

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_first_push",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The push created the branch.",
        example: "is_first_push",
    },
    build: |_, _| Ok(Box::new(IsFirstPush)),
};

#[derive(Debug)]
struct IsFirstPush;

impl PushTest for IsFirstPush {
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let branch = shown(question.push.branch.as_str());
        Ok(match &question.push.before {
            None => Answer::yes(format!("the push created branch {branch}")),
            Some(before) => Answer::no(format!("branch {branch} was at {} before", before.short())),
        })
    }
}
