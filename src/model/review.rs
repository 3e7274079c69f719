//! What inspections say about a commit (semantics 4.2): comments with a place, consolidated into one review.

use serde::{Deserialize, Serialize};

/// How much a comment matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentSeverity {
    /// Worth knowing.
    Info,
    /// Probably wrong.
    #[serde(alias = "warning")]
    Warn,
    /// Wrong.
    Error,
}

impl CommentSeverity {
    /// Every severity, least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warn, Self::Error];

    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Reads the words that tools use; `None` for anything else.
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "info" | "information" | "note" | "notice" | "help" | "style" | "hint" | "refactor"
            | "convention" | "minor" => Some(Self::Info),
            "warn" | "warning" | "major" => Some(Self::Warn),
            "error" | "fatal" | "critical" | "blocker" | "fatal error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// Where in the repository a comment belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceLocation {
    /// Path from the root of the repository.
    pub path: String,
    /// From 1; `None` for the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl std::fmt::Display for SourceLocation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.path)?;
        for number in [self.line, self.column.filter(|_| self.line.is_some())]
            .into_iter()
            .flatten()
        {
            write!(formatter, ":{number}")?;
        }
        Ok(())
    }
}

/// One comment of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewComment {
    /// How much it matters.
    pub severity: CommentSeverity,
    /// Who says so: the tool or the rule set.
    pub category: String,
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcategory: Option<String>,
    /// What is said.
    pub detail: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<SourceLocation>,
    /// What would mend it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// All comments on a commit by one goal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The comments: by severity, worst first, then by place.
    pub comments: Vec<ReviewComment>,
    /// How many more there were than are kept.
    #[serde(default)]
    pub left_out: u64,
}

impl Review {
    /// Most comments kept of one review.
    pub const MAX_COMMENTS: usize = 5_000;
    /// Most bytes of one text of a comment.
    pub const MAX_TEXT: usize = 4_096;

    /// A review of these comments: texts are cut, the same said twice of one place is said once, and of too many the
    /// least severe are left out.
    pub fn of(comments: impl IntoIterator<Item = ReviewComment>) -> Self {
        let mut comments: Vec<ReviewComment> = comments.into_iter().map(ReviewComment::bounded).collect();
        comments.sort_by(|one, other| one.order().cmp(&other.order()));
        comments.dedup();
        let left_out = comments.len().saturating_sub(Self::MAX_COMMENTS);
        comments.truncate(Self::MAX_COMMENTS);
        Self {
            comments,
            left_out: left_out as u64,
        }
    }

    /// One review of several (IN-03).
    pub fn consolidated(reviews: impl IntoIterator<Item = Self>) -> Self {
        let (mut all, mut left_out) = (Vec::new(), 0);
        for review in reviews {
            all.extend(review.comments);
            left_out += review.left_out;
        }
        let mut review = Self::of(all);
        review.left_out += left_out;
        review
    }

    /// How many comments there were.
    pub fn count(&self) -> u64 {
        self.comments.len() as u64 + self.left_out
    }

    /// How many of the kept comments are at least this severe.
    pub fn at_least(&self, severity: CommentSeverity) -> usize {
        let reaches = |comment: &&ReviewComment| comment.severity >= severity;
        self.comments.iter().filter(reaches).count()
    }
}

/// On one line, as compilers write: `path:line:column: severity: detail [rule]`.
impl std::fmt::Display for ReviewComment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(location) = &self.location {
            write!(formatter, "{location}: ")?;
        }
        let detail = self.detail.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        write!(formatter, "{}: {detail}", self.severity.as_str())?;
        if let Some(rule) = &self.subcategory {
            write!(formatter, " [{rule}]")?;
        }
        match &self.fix {
            Some(fix) => write!(formatter, " · {}", fix.lines().next().unwrap_or_default()),
            None => Ok(()),
        }
    }
}

impl ReviewComment {
    fn order(
        &self,
    ) -> (
        std::cmp::Reverse<CommentSeverity>,
        Option<&SourceLocation>,
        &str,
        &str,
    ) {
        let severity = std::cmp::Reverse(self.severity);
        (severity, self.location.as_ref(), &self.category, &self.detail)
    }

    fn bounded(mut self) -> Self {
        let texts = [&mut self.category, &mut self.detail];
        let optional = [self.subcategory.as_mut(), self.fix.as_mut()];
        for text in texts.into_iter().chain(optional.into_iter().flatten()) {
            cut(text, Review::MAX_TEXT);
        }
        self
    }
}

/// Cuts a text to so many bytes, with an ellipsis.
fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(severity: CommentSeverity, path: &str, detail: &str) -> ReviewComment {
        ReviewComment {
            severity,
            category: "lint".to_owned(),
            subcategory: None,
            detail: detail.to_owned(),
            location: Some(SourceLocation {
                path: path.to_owned(),
                line: Some(3),
                column: None,
            }),
            fix: None,
        }
    }

    #[test]
    fn in_03_reviews_are_one_with_all_comments_worst_first_and_nothing_twice() {
        let one = Review::of([
            comment(CommentSeverity::Warn, "b", "x"),
            comment(CommentSeverity::Info, "a", "y"),
        ]);
        let two = Review::of([
            comment(CommentSeverity::Error, "c", "z"),
            comment(CommentSeverity::Warn, "b", "x"),
        ]);
        let both = Review::consolidated([one, two]);
        let shown: Vec<String> = both
            .comments
            .iter()
            .map(|comment| format!("{} {}", comment.location.as_ref().unwrap(), comment.detail))
            .collect();
        assert_eq!(shown, ["c:3 z", "b:3 x", "a:3 y"]);
        assert_eq!((both.count(), both.at_least(CommentSeverity::Warn)), (3, 2));
    }

    #[test]
    fn a_flood_keeps_the_worst_and_counts_the_rest() {
        let flood =
            (0..Review::MAX_COMMENTS + 7).map(|n| comment(CommentSeverity::Info, "a", &n.to_string()));
        let review = Review::of(flood.chain([comment(CommentSeverity::Error, "z", &"é".repeat(4000))]));
        assert_eq!(review.left_out, 8);
        assert_eq!(review.comments[0].severity, CommentSeverity::Error);
        assert!(review.comments[0].detail.len() <= Review::MAX_TEXT + '…'.len_utf8());
    }
}
