//! Pushes that the machine found by itself, in repositories that it watches and that the hub never spoke of, as the hub hears of them.

use serde_json::Value;

use crate::model::{Commit, Push};
use crate::wire::hub::found::{FoundCommit, FoundPush, LONGEST_MESSAGE, MOST_COMMITS};

/// Longest name and address of an author that is told, in bytes.
const LONGEST_NAME: usize = 200;

/// A push, as the machine of this name tells of it.
pub(super) fn told(machine: &str, push: &Push) -> Value {
    let slug = &push.repo.slug;
    let told = FoundPush {
        registration: machine.to_owned(),
        owner: slug.owner.clone(),
        name: slug.name.clone(),
        default_branch: push.repo.default_branch.as_ref().map(ToString::to_string),
        branch: push.branch.to_string(),
        before: push.before.as_ref().map(ToString::to_string),
        after: push.after.to_string(),
        timestamp: push.at.rfc3339(),
        commits: push.commits.iter().take(MOST_COMMITS).map(commit).collect(),
    };
    serde_json::to_value(told).expect("texts are JSON")
}

fn commit(commit: &Commit) -> FoundCommit {
    FoundCommit {
        sha: commit.sha.to_string(),
        message: cut(&commit.message, LONGEST_MESSAGE),
        timestamp: commit.at.rfc3339(),
        author: cut(&commit.author.name, LONGEST_NAME),
        email: cut(&commit.author.email, LONGEST_NAME),
    }
}

/// The beginning of a text, in whole characters; the character that ends a text elsewhere is left out.
fn cut(text: &str, longest: usize) -> String {
    text[..text.floor_char_boundary(longest)].replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("aé\0b", 2), "a");
        assert_eq!(cut("aé\0b", 100), "aéb");
    }
}
