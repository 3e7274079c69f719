//! `named_seed_repo`: the repository's name marks it as a seed for others.

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "named_seed_repo",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The repository's name contains `-seed`.",
        example: "named_seed_repo",
    },
    build: |_, _| Ok(Box::new(NamedSeedRepo)),
};

#[derive(Debug)]
struct NamedSeedRepo;

impl PushTest for NamedSeedRepo {
    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let name = &question.push.repo.slug.name;
        Ok(Answer::either(
            name.contains("-seed"),
            || format!("{} contains -seed", shown(name)),
            || format!("{} does not contain -seed", shown(name)),
        ))
    }
}
