//! `has_commit`: a pattern is found in the message of any commit of the push.

use regex::Regex;

use super::arguments::{regex, text};
use crate::model::{Descriptor, Push, ValueType};
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_commit",
        aliases: &[],
        value: Some(ValueType::Regex),
        by_use: false,
        help: "The regular expression is found in the message of any commit of the push, not only the head; \
               of a push with more than 250 commits the newest 250 are asked.",
        example: "has_commit: '\\[deploy\\]'",
    },
    build: |arguments, _| {
        Ok(Box::new(HasCommit {
            pattern: regex(text(arguments)?)?,
        }))
    },
};

#[derive(Debug)]
struct HasCommit {
    pattern: Regex,
}

impl PushTest for HasCommit {
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let push = question.push;
        let pattern = shown(self.pattern.as_str());
        let found = push
            .commits
            .iter()
            .find(|commit| self.pattern.is_match(&commit.message));
        Ok(match found {
            Some(commit) => Answer::yes(format!(
                "the message of commit {} ({}) matches {pattern}",
                commit.sha.short(),
                shown(commit.title())
            )),
            None => Answer::no(nothing_found(push, &pattern)),
        })
    }
}

fn nothing_found(push: &Push, pattern: &str) -> String {
    let searched = push.commits.len();
    if push.commit_count > searched as u64 {
        let all = push.commit_count;
        return format!("none of the newest {searched} commit messages, of {all}, matches {pattern}");
    }
    match searched {
        1 => format!("the commit message does not match {pattern}"),
        _ => format!("none of {searched} commit messages matches {pattern}"),
    }
}
