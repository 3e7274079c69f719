//! `is_public_repo`: anybody may read the repository.

use crate::model::Descriptor;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_public_repo",
        aliases: &["to_public_repo"],
        value: None,
        by_use: false,
        help: "The forge says that anybody may read the repository. False where it is at no forge that is connected.",
        example: "is_public_repo",
    },
    build: |_, _| Ok(Box::new(IsPublicRepo)),
};

#[derive(Debug)]
struct IsPublicRepo;

impl PushTest for IsPublicRepo {
    fn cost(&self) -> Cost {
        Cost::Lookup
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let Some(forge) = question.forge()? else {
            return Ok(question.at_no_forge());
        };
        let slug = &question.push.repo.slug;
        Ok(Answer::either(
            forge.is_public(question.push)?,
            || format!("{slug} is public"),
            || format!("{slug} is not public"),
        ))
    }
}
