//! From a review to an outcome (semantics 4.2): any failure wins, then any approval (IN-06).

use crate::model::{CommentSeverity, ExecutionResult, Review, StateName};

/// From which severity on something happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// The goal fails.
    pub(super) fail_on: Option<CommentSeverity>,
    /// A person has to approve.
    pub(super) approve_on: Option<CommentSeverity>,
}

impl Policy {
    /// What the review leads to.
    pub(super) fn verdict(self, review: &Review) -> ExecutionResult {
        let reaches =
            |severity: Option<CommentSeverity>| severity.is_some_and(|least| review.at_least(least) > 0);
        let count = review.count();
        let raised = format!(
            "Code inspections raised {count} review comment{}",
            if count == 1 { "" } else { "s" }
        );
        let description = Some(match count {
            0 => "Code inspections passed".to_owned(),
            _ => raised.clone(),
        });
        let phase = (count > 0).then(|| tally(review));
        let result = ExecutionResult {
            description,
            phase,
            ..ExecutionResult::success()
        };
        if reaches(self.fail_on) {
            return ExecutionResult {
                code: 1,
                message: Some(format!("{raised}: {}", tally(review))),
                ..result
            };
        }
        match reaches(self.approve_on) {
            true => ExecutionResult {
                state: Some(StateName::WaitingForApproval),
                ..result
            },
            false => result,
        }
    }
}

/// What an inspection that itself failed leads to: it says what it raised, and never that it passed.
pub(super) fn without_verdict(result: ExecutionResult, review: &Review, because: String) -> ExecutionResult {
    ExecutionResult {
        code: 1,
        message: Some(because),
        description: result.description.filter(|_| review.count() > 0),
        ..result
    }
}

/// `2 errors, 1 warning`.
fn tally(review: &Review) -> String {
    let words = [
        (CommentSeverity::Error, "error"),
        (CommentSeverity::Warn, "warning"),
        (CommentSeverity::Info, "note"),
    ];
    let counted = words.iter().filter_map(|(severity, word)| {
        let count = review
            .comments
            .iter()
            .filter(|comment| comment.severity == *severity)
            .count();
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    });
    let mut parts: Vec<String> = counted.collect();
    if review.left_out > 0 {
        parts.push(format!("{} more", review.left_out));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ReviewComment;

    fn review(severities: &[CommentSeverity]) -> Review {
        Review::of(severities.iter().enumerate().map(|(n, severity)| ReviewComment {
            severity: *severity,
            category: "x".to_owned(),
            subcategory: None,
            detail: n.to_string(),
            location: None,
            fix: None,
        }))
    }

    const ERROR: Option<CommentSeverity> = Some(CommentSeverity::Error);
    const WARN: Option<CommentSeverity> = Some(CommentSeverity::Warn);

    fn outcome(
        fail_on: Option<CommentSeverity>,
        approve_on: Option<CommentSeverity>,
        of: &[CommentSeverity],
    ) -> StateName {
        Policy { fail_on, approve_on }.verdict(&review(of)).outcome(false)
    }

    #[test]
    fn in_01_nothing_said_is_success() {
        assert_eq!(outcome(ERROR, WARN, &[]), StateName::Success);
    }

    #[test]
    fn in_02_in_04_only_the_given_severity_triggers_and_the_first_hit_suffices() {
        use CommentSeverity::{Error, Info, Warn};
        assert_eq!(outcome(ERROR, None, &[Info, Warn]), StateName::Success);
        assert_eq!(outcome(ERROR, None, &[Info, Error]), StateName::Failure);
        assert_eq!(outcome(None, WARN, &[Warn]), StateName::WaitingForApproval);
        assert_eq!(outcome(None, None, &[Error]), StateName::Success);
    }

    #[test]
    fn in_06_failure_wins_over_approval() {
        use CommentSeverity::{Error, Warn};
        assert_eq!(outcome(ERROR, WARN, &[Warn, Error]), StateName::Failure);
        assert_eq!(outcome(ERROR, WARN, &[Warn]), StateName::WaitingForApproval);
    }

    #[test]
    fn the_words_count_what_was_said() {
        use CommentSeverity::{Error, Warn};
        let result = Policy {
            fail_on: ERROR,
            approve_on: None,
        }
        .verdict(&review(&[Warn, Error, Warn]));
        assert_eq!(
            result.description.as_deref(),
            Some("Code inspections raised 3 review comments")
        );
        assert_eq!(result.phase.as_deref(), Some("1 error, 2 warnings"));
    }

    #[test]
    fn an_inspection_that_failed_never_says_that_it_passed() {
        let policy = Policy {
            fail_on: None,
            approve_on: WARN,
        };
        for (of, said) in [
            (&[][..], None),
            (
                &[CommentSeverity::Warn][..],
                Some("Code inspections raised 1 review comment"),
            ),
        ] {
            let review = review(of);
            let failed = without_verdict(policy.verdict(&review), &review, "no engine".to_owned());
            assert_eq!(failed.description.as_deref(), said);
            assert_eq!(failed.outcome(false), StateName::Failure);
        }
    }
}
