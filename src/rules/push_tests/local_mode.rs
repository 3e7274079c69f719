//! `is_local_mode`: the machine runs without a hub.

use crate::model::Descriptor;
use crate::rules::push_test::{Answer, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_local_mode",
        aliases: &["is_in_local_mode"],
        value: None,
        by_use: false,
        help: "The machine runs in local mode.",
        example: "is_local_mode",
    },
    build: |_, _| Ok(Box::new(IsLocalMode)),
};

#[derive(Debug)]
struct IsLocalMode;

impl PushTest for IsLocalMode {
    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        Ok(Answer::either(
            question.facts.local_mode,
            || "the machine runs in local mode".to_owned(),
            || "the machine runs in team mode".to_owned(),
        ))
    }
}
