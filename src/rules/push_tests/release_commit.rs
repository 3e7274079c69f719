//! `is_release_commit`: the head commit is one that release goals make.

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_release_commit",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The head commit's title is that of a version increment (`Version: increment after 1.2.3 release`) or of a \
               changelog (`Changelog: …`), as release goals write them.",
        example: "not: is_release_commit",
    },
    build: |_, _| Ok(Box::new(IsReleaseCommit)),
};

#[derive(Debug)]
struct IsReleaseCommit;

impl PushTest for IsReleaseCommit {
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let title = question.push.title();
        let increment =
            title.starts_with("Version: increment after ") && title.trim_end().ends_with(" release");
        Ok(Answer::either(
            increment || title.starts_with("Changelog: "),
            || {
                format!(
                    "the head commit ({}) is one that release goals make",
                    shown(title)
                )
            },
            || {
                format!(
                    "the head commit ({}) is not one that release goals make",
                    shown(title)
                )
            },
        ))
    }
}
