//! Messages of commits made by fixes: how they are written and recognised.

use super::super::machine;
use super::super::part_names::mark;
use crate::model::{Commit, Push};
use crate::rules::GENERATED_TRAILER;

/// The message of a fix's commit.
pub(super) fn of_fix(name: &str, goal: &str) -> String {
    let goal = goal.replace(['\n', '\r'], " ");
    format!(
        "Autofix: {name}\n\n[atomist:generated] [atomist:autofix={}]\n\n{GENERATED_TRAILER}: {goal}\n",
        mark(name)
    )
}

/// Whether a commit of the push is one of this fix (AF-05). Anybody can write such a message; all they gain is that the fix leaves
/// their push alone.
pub(super) fn is_in_push(name: &str, push: &Push) -> bool {
    let title = format!("Autofix: {name}");
    let marked = format!("[atomist:autofix={}]", mark(name));
    let is_own = |commit: &Commit| commit.title() == title && commit.message.contains(&marked);
    push.commits.iter().any(is_own)
}

/// How many of the newest commits look like a machine's, for commits we have no memory of.
pub(super) fn looks_generated(commit: &Commit) -> bool {
    commit.committer == machine() && commit.message.contains(GENERATED_TRAILER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::push::Trust;
    use crate::model::{BranchName, CommitSha, PushId, RepoSlug, Repository, Timestamp};

    fn push_of(messages: &[&str]) -> Push {
        let sha = CommitSha::parse(&"1".repeat(40)).unwrap();
        let commit = |message: &&str| Commit {
            sha: sha.clone(),
            message: message.to_string(),
            author: machine(),
            committer: machine(),
            at: Timestamp::from_micros(0),
        };
        Push {
            id: PushId(uuid::Uuid::nil()),
            repo: Repository {
                key: "k".to_owned(),
                slug: RepoSlug::new("o", "r"),
                address: "file:///o/r".to_owned(),
                default_branch: None,
            },
            branch: BranchName::parse("main").unwrap(),
            before: None,
            after: sha.clone(),
            commits: messages.iter().map(commit).collect(),
            commit_count: 1,
            forced: false,
            at: Timestamp::from_micros(0),
            trust: Trust::Member,
        }
    }

    #[test]
    fn af_05_a_fix_recognises_its_own_commit_and_no_other() {
        let message = of_fix("Rust Format", "fix all");
        assert_eq!(
            message,
            "Autofix: Rust Format\n\n[atomist:generated] [atomist:autofix=rust_format]\n\nSdm-Generated: fix all\n"
        );
        let push = push_of(&[&message, "by hand"]);
        assert!(is_in_push("Rust Format", &push));
        assert!(!is_in_push("Rust", &push) && !is_in_push("fix all", &push));
        assert!(!is_in_push("by hand", &push));
    }
}
