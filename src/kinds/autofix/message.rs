//! Messages of commits made by fixes: how they are written, and which fix one speaks of. Anybody can write such a message, so it
//! proves nothing; what does is in [`super::proof`].

use super::super::part_names::mark;
use crate::model::Commit;
use crate::rules::GENERATED_TRAILER;

/// Key of the trailer that carries the machine's signature.
const SIGNATURE_TRAILER: &str = "Sdm-Signature";

/// The message of a fix's commit.
pub(super) fn of_fix(name: &str, goal: &str) -> String {
    let goal = goal.replace(['\n', '\r'], " ");
    format!(
        "Autofix: {name}\n\n[atomist:generated] [atomist:autofix={}]\n\n{GENERATED_TRAILER}: {goal}\n",
        mark(name)
    )
}

/// A message with the machine's signature.
pub(super) fn signed(message: &str, signature: &str) -> String {
    format!("{}\n{SIGNATURE_TRAILER}: {signature}\n", message.trim_end())
}

/// Whether a commit says that this fix made it.
pub(super) fn speaks_of(name: &str, commit: &Commit) -> bool {
    let marked = format!("[atomist:autofix={}]", mark(name));
    commit.title() == format!("Autofix: {name}") && commit.message.contains(&marked)
}

/// The signature that a message carries.
pub(super) fn signature_in(message: &str) -> Option<&str> {
    let lines = message.lines().rev();
    let mut signatures = lines.filter_map(|line| line.strip_prefix(SIGNATURE_TRAILER)?.strip_prefix(':'));
    signatures.next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::super::super::machine;
    use super::*;
    use crate::model::{CommitSha, Timestamp};

    fn commit(message: &str) -> Commit {
        Commit {
            sha: CommitSha::parse(&"1".repeat(40)).unwrap(),
            message: message.to_owned(),
            author: machine(),
            committer: machine(),
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn af_05_a_fix_recognises_its_own_commit_and_no_other() {
        let message = of_fix("Rust Format", "fix all");
        assert_eq!(
            message,
            "Autofix: Rust Format\n\n[atomist:generated] [atomist:autofix=rust_format]\n\nSdm-Generated: fix all\n"
        );
        let commit = commit(&message);
        assert!(speaks_of("Rust Format", &commit));
        assert!(!speaks_of("Rust", &commit) && !speaks_of("fix all", &commit));
        assert_eq!(signature_in(&message), None);
    }

    #[test]
    fn af_05_a_signature_is_a_trailer_that_is_found_again() {
        let message = signed(&of_fix("format", "fix\nSdm-Signature: forged"), "a.b.c");
        assert!(message.ends_with("\n\nSdm-Generated: fix Sdm-Signature: forged\nSdm-Signature: a.b.c\n"));
        assert_eq!(signature_in(&message), Some("a.b.c"));
        let twice = signed(&signed("Autofix: x\n", "what a fix wrote itself"), "d.e.f");
        assert_eq!(signature_in(&twice), Some("d.e.f"));
    }
}
