//! How people name a goal: `GOAL`, `ID GOAL` or `ID`, where the id is the beginning of a goal set's or a commit's id.

use super::super::context::Context;
use crate::wire::control::GoalChoice;
use crate::wire::views::StatusView;

/// Words that name a goal.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GoalWords {
    /// Goal set and goal: `GOAL`, `ID GOAL`, or `ID` alone where one goal can be meant
    #[arg(value_name = "[ID] GOAL", num_args = 0..=2)]
    words: Vec<String>,
    /// Repository owner/name, instead of the one we stand in
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
}

impl GoalWords {
    /// The id and the name that are said.
    pub(super) fn id_and_name(&self) -> (Option<String>, Option<String>) {
        id_and_name(&self.words)
    }

    /// The repository that is named.
    pub(super) fn repo(&self) -> Option<&str> {
        self.repo.as_deref()
    }

    /// The choice that is sent.
    pub(super) fn choice(&self, context: &Context, status: &StatusView) -> GoalChoice {
        let (id, name) = self.id_and_name();
        let repo = repository(context, status, self.repo.as_deref(), id.as_deref());
        GoalChoice { id, repo, name }
    }
}

/// The repository that is meant: the one that is named, else the one we stand in unless an id says enough.
pub(super) fn repository(
    context: &Context,
    status: &StatusView,
    named: Option<&str>,
    id: Option<&str>,
) -> Option<String> {
    match (named, id) {
        (Some(named), _) => Some(named.to_owned()),
        (None, Some(_)) => None,
        (None, None) => context.repository_here(status),
    }
}

/// Two words are an id and a name, the other way round where only that can be meant; one word is an id when it looks like one.
pub(super) fn id_and_name(words: &[String]) -> (Option<String>, Option<String>) {
    match words {
        [] => (None, None),
        [word] if looks_like_an_id(word) => (Some(word.clone()), None),
        [word] => (None, Some(word.clone())),
        [name, id, ..] if looks_like_an_id(id) && !may_be_an_id(name) => {
            (Some(id.clone()), Some(name.clone()))
        }
        [id, name, ..] => (Some(id.clone()), Some(name.clone())),
    }
}

fn looks_like_an_id(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_hexdigit).count();
    digits >= 7 && may_be_an_id(word) && word.chars().any(|c| c.is_ascii_digit())
}

fn may_be_an_id(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hazard_19_a_goal_is_never_taken_for_an_id() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let (id, name) = id_and_name(&words);
            (id.unwrap_or_default(), name.unwrap_or_default())
        };
        assert_eq!(read(&["test"]), (String::new(), "test".to_owned()));
        assert_eq!(read(&["deadbeef"]), (String::new(), "deadbeef".to_owned()));
        assert_eq!(read(&["3f2a91c"]), ("3f2a91c".to_owned(), String::new()));
        assert_eq!(
            read(&["3f2a91c", "cafe123"]),
            ("3f2a91c".to_owned(), "cafe123".to_owned())
        );
        for said in [["3f2a91c", "test"], ["test", "3f2a91c"]] {
            assert_eq!(read(&said), ("3f2a91c".to_owned(), "test".to_owned()));
        }
        assert_eq!(read(&["test", "cafe"]), ("test".to_owned(), "cafe".to_owned()));
    }
}
