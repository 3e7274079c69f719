//! `is_generated_commit`: the head commit says that a delivery machine made it.

use crate::model::{Commit, Descriptor};
use crate::rules::display::shown;
use crate::rules::push_test::{Answer, PushTest, Question, Registration, TestError};

/// Key of the trailer that commits made by goals carry, with the goal's name as its value.
pub const GENERATED_TRAILER: &str = "Sdm-Generated";

/// What machines of the original put into their messages.
const ORIGINAL_MARK: &str = "[atomist:generated]";

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "is_generated_commit",
        aliases: &["from_sdm", "from_atomist"],
        value: None,
        by_use: false,
        help: "The head commit carries the trailer `Sdm-Generated:` or the mark `[atomist:generated]`. Anybody can write \
               either, so it saves work and protects nothing.",
        example: "not: is_generated_commit",
    },
    build: |_, _| Ok(Box::new(IsGeneratedCommit)),
};

#[derive(Debug)]
struct IsGeneratedCommit;

impl PushTest for IsGeneratedCommit {
    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let Some(head) = question.push.commits.first() else {
            return Ok(Answer::no("the push has no commit"));
        };
        let title = shown(head.title());
        Ok(match mark(head) {
            Some(mark) => Answer::yes(format!("the head commit ({title}) carries {mark}")),
            None => Answer::no(format!("the head commit ({title}) carries no mark of a machine")),
        })
    }
}

fn mark(commit: &Commit) -> Option<&'static str> {
    if trailers(&commit.message).any(|key| key.eq_ignore_ascii_case(GENERATED_TRAILER)) {
        return Some("the trailer Sdm-Generated");
    }
    commit
        .message
        .contains(ORIGINAL_MARK)
        .then_some("the mark [atomist:generated]")
}

/// Keys of the last paragraph's `key: value` lines; a message of one paragraph has no trailers.
fn trailers(message: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = message.trim_end().lines().collect();
    let blank = lines.iter().rposition(|line| line.trim().is_empty());
    let last = blank.map_or(lines.len(), |blank| blank + 1);
    lines.into_iter().skip(last).filter_map(|line| {
        let (key, _) = line.split_once(':')?;
        (!key.is_empty() && !key.contains(char::is_whitespace)).then_some(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_the_last_paragraph() {
        let keys = |message| trailers(message).collect::<Vec<_>>();
        assert_eq!(
            keys("Title\n\nBody: no\n\nSdm-Generated: format\nSigned-off-by: a\n"),
            ["Sdm-Generated", "Signed-off-by"]
        );
        assert_eq!(keys("Sdm-Generated: in a title"), Vec::<&str>::new());
    }
}
