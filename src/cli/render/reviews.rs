//! What inspections say, as compilers write it.

use super::super::text::neutralise;
use super::super::theme::{Role, Theme};
use crate::model::{CommentSeverity, ReviewComment};
use crate::wire::views::ReviewView;

/// A heading per goal and a line per comment.
pub fn reviews(theme: &Theme, reviews: &[ReviewView]) -> String {
    reviews.iter().map(|one| review(theme, one)).collect()
}

fn review(theme: &Theme, review: &ReviewView) -> String {
    let count = review.comments.len() as u64 + review.left_out;
    let words = match count {
        0 => "no comments".to_owned(),
        1 => "1 comment".to_owned(),
        many => format!("{many} comments"),
    };
    let sha = neutralise(review.sha.get(..7).unwrap_or(&review.sha));
    let mut text = format!(
        "{} {}\n",
        theme.paint(Role::Strong, &neutralise(&review.goal)),
        theme.paint(Role::Dim, &format!("{sha} {} {words}", theme.either("·", "-")))
    );
    for comment in &review.comments {
        text.push_str(&line(theme, comment));
    }
    if review.left_out > 0 {
        text.push_str(&format!("and {} more\n", review.left_out));
    }
    text
}

fn line(theme: &Theme, comment: &ReviewComment) -> String {
    let role = match comment.severity {
        CommentSeverity::Error => Role::Bad,
        CommentSeverity::Warn => Role::Waiting,
        CommentSeverity::Info => Role::Dim,
    };
    let place = comment
        .location
        .as_ref()
        .map(|location| format!("{}: ", neutralise(&location.to_string())))
        .unwrap_or_default();
    let rule = comment
        .subcategory
        .as_ref()
        .map(|rule| format!(" [{}]", neutralise(rule)))
        .unwrap_or_default();
    let fix = comment
        .fix
        .as_ref()
        .map(|fix| theme.paint(Role::Hint, &format!("\n    {}", neutralise(fix))))
        .unwrap_or_default();
    format!(
        "  {place}{}: {}{}{fix}\n",
        theme.paint(role, comment.severity.as_str()),
        neutralise(&comment.detail),
        theme.paint(Role::Dim, &rule)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceLocation;

    #[test]
    fn e7_comments_are_lines_and_never_commands_to_a_terminal() {
        let comment = ReviewComment {
            severity: CommentSeverity::Error,
            category: "lint".to_owned(),
            subcategory: Some("no-eval".to_owned()),
            detail: "do not\u{1b}[2J use eval".to_owned(),
            location: Some(SourceLocation {
                path: "src/a.js".to_owned(),
                line: Some(3),
                column: Some(9),
            }),
            fix: Some("remove it".to_owned()),
        };
        let view = ReviewView {
            goal_set: "0".repeat(36),
            sha: "1234567890".to_owned(),
            goal: "lint".to_owned(),
            comments: vec![comment],
            left_out: 2,
        };
        let shown = reviews(&Theme::plain(), &[view]);
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].starts_with("  src/a.js:3:9: error: do not"), "{shown}");
        assert!(lines[1].ends_with("[no-eval]"), "{shown}");
        assert_eq!(&lines[2..], ["    remove it", "and 2 more"]);
    }
}
