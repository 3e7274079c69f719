//! `has_pull_request`: the branch asks to be merged.

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_pull_request",
        aliases: &["is_push_to_branch_with_pull_request"],
        value: None,
        by_use: false,
        help: "The branch is not the default branch and has an open pull request. False where the repository is at no forge \
               that is connected.",
        example: "has_pull_request",
    },
    build: |_, _| Ok(Box::new(HasPullRequest)),
};

#[derive(Debug)]
struct HasPullRequest;

impl PushTest for HasPullRequest {
    fn cost(&self) -> Cost {
        Cost::Lookup
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let (push, branch) = (question.push, shown(question.push.branch.as_str()));
        // Nobody is asked what is known (PT-09).
        if push.is_on_default_branch() {
            return Ok(Answer::no(format!("{branch} is the default branch")));
        }
        let Some(forge) = question.forge()? else {
            return Ok(question.at_no_forge());
        };
        Ok(match forge.pull_request(push)? {
            Some(number) => Answer::yes(format!("branch {branch} has the open pull request {number}")),
            None => Answer::no(format!("branch {branch} has no open pull request")),
        })
    }
}
