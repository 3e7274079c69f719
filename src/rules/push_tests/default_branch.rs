//! `is_default_branch`: the push moved the repository's default branch.

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_default_branch",
        aliases: &["to_default_branch"],
        value: None,
        by_use: false,
        help: "The push is to the repository's default branch; where none is known, to `main` or `master`.",
        example: "is_default_branch",
    },
    build: |_, _| Ok(Box::new(IsDefaultBranch)),
};

#[derive(Debug)]
struct IsDefaultBranch;

impl PushTest for IsDefaultBranch {
    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let push = question.push;
        let branch = shown(push.branch.as_str());
        let default = match &push.repo.default_branch {
            Some(default) => format!("the default branch, {}", shown(default.as_str())),
            None => "main or master, and the default branch is not known".to_owned(),
        };
        Ok(Answer::either(
            push.is_on_default_branch(),
            || format!("branch {branch} is the default branch"),
            || format!("branch {branch} is not {default}"),
        ))
    }
}
