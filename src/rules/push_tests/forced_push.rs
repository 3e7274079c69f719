//! `is_forced_push`: the branch's old head is not part of its new history.

use crate::model::Descriptor;
use crate::rules::push_test::{Answer, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_forced_push",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The branch was moved to a commit that its old head is no ancestor of: amended, rebased or reset.",
        example: "is_forced_push",
    },
    build: |_, _| Ok(Box::new(IsForcedPush)),
};

#[derive(Debug)]
struct IsForcedPush;

impl PushTest for IsForcedPush {
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let after = question.push.after.short();
        Ok(match (&question.push.before, question.push.forced) {
            (Some(before), true) => Answer::yes(format!("{} is not an ancestor of {after}", before.short())),
            (None, true) => Answer::yes(format!("the branch was forced to {after}")),
            (Some(before), false) => Answer::no(format!("{} is an ancestor of {after}", before.short())),
            (None, false) => Answer::no("it is the first push of the branch"),
        })
    }
}
