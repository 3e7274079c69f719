//! The built-in reviewer: patterns that must not occur in files (semantics 4.2; IN-05).

use globset::GlobSet;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::globs;
use crate::model::{ArgumentProblems, CommentSeverity, FieldPath, ReviewComment, SourceLocation};
use crate::rules::view::{ProjectView, ViewError};

/// Most files looked into for one review.
const MAX_FILES: usize = 50_000;

/// Most bytes read for one review.
const MAX_BYTES: u64 = 512 << 20;

/// A pattern as the author writes it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pattern {
    files: Vec<String>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    text: Option<String>,
    comment: String,
    severity: String,
    category: String,
    #[serde(default)]
    fix: Option<String>,
}

/// Patterns ready to be looked for.
#[derive(Debug)]
pub(super) struct Reviewer(Vec<Compiled>);

#[derive(Debug)]
struct Compiled {
    files: GlobSet,
    wanted: Regex,
    comment: ReviewComment,
}

impl Reviewer {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn new(patterns: &[Pattern]) -> Result<Self, ArgumentProblems> {
        let mut problems = ArgumentProblems::default();
        let mut compiled = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match compile(pattern, &FieldPath::to("patterns").item(index)) {
                Ok(pattern) => compiled.push(pattern),
                Err(found) => problems.extend(found),
            }
        }
        problems.none_or(Self(compiled))
    }

    /// One comment for each file and pattern that occurs in it, at its first place.
    pub(super) fn review(&self, view: &dyn ProjectView) -> Result<Vec<ReviewComment>, ViewError> {
        let files = view.files()?;
        let concerned = files
            .iter()
            .filter(|path| self.0.iter().any(|pattern| pattern.files.is_match(path)));
        let (mut comments, mut budget) = (Vec::new(), MAX_BYTES);
        for (number, path) in concerned.enumerate() {
            let Some(content) = view.content(path)? else {
                continue;
            };
            budget = budget.saturating_sub(content.len() as u64);
            if number == MAX_FILES || budget == 0 {
                return Err(ViewError {
                    what: "the files of the patterns".to_owned(),
                    because: format!("they are more than {MAX_FILES} files or {MAX_BYTES} bytes"),
                });
            }
            let of_file = self.0.iter().filter(|pattern| pattern.files.is_match(path));
            comments.extend(of_file.filter_map(|pattern| pattern.look(path, &content)));
        }
        Ok(comments)
    }
}

impl Compiled {
    fn look(&self, path: &str, content: &[u8]) -> Option<ReviewComment> {
        let found = self.wanted.find(content)?;
        let before = &content[..found.start()];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        Some(ReviewComment {
            location: Some(SourceLocation {
                path: path.to_owned(),
                line: u32::try_from(line).ok(),
                column: u32::try_from(column).ok(),
            }),
            ..self.comment.clone()
        })
    }
}

/// What must not occur, as a regular expression.
fn wanted(pattern: &Pattern, field: &FieldPath) -> Result<String, ArgumentProblems> {
    match (&pattern.pattern, &pattern.text) {
        (Some(pattern), None) => Ok(pattern.clone()),
        (None, Some(text)) => Ok(regex::escape(text)),
        (Some(_), Some(_)) => {
            let message = "a pattern has both `pattern` and `text`";
            let code = "conflicting_keys";
            Err(ArgumentProblems::one(
                &field.key("text"),
                code,
                message,
                "keep one of them",
            ))
        }
        (None, None) => {
            let message = "a pattern needs `pattern` or `text`";
            let hint = "add `text: …`, or `pattern` with a regular expression";
            Err(ArgumentProblems::one(field, "missing_property", message, hint))
        }
    }
}

fn compile(pattern: &Pattern, field: &FieldPath) -> Result<Compiled, ArgumentProblems> {
    let wanted = wanted(pattern, field)?;
    let severity = CommentSeverity::parse(&pattern.severity);
    let wrong = |key: &str, why: String| ArgumentProblems::one(&field.key(key), "invalid_pattern", why, "");
    Ok(Compiled {
        files: globs(&pattern.files).map_err(|why| wrong("files", why))?,
        wanted: RegexBuilder::new(&wanted)
            .multi_line(true)
            .build()
            .map_err(|error| wrong("pattern", error.to_string()))?,
        comment: ReviewComment {
            severity: severity.unwrap_or(CommentSeverity::Warn),
            category: pattern.category.clone(),
            subcategory: None,
            detail: pattern.comment.clone(),
            location: None,
            fix: pattern.fix.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::memory_view::MemoryView;
    use serde_json::json;

    fn review(patterns: serde_json::Value, view: &MemoryView) -> Vec<String> {
        let patterns: Vec<Pattern> = serde_json::from_value(patterns).unwrap();
        let comments = Reviewer::new(&patterns).unwrap().review(view).unwrap();
        comments
            .iter()
            .map(|c| format!("{:?} {} {}", c.severity, c.location.as_ref().unwrap(), c.detail))
            .collect()
    }

    fn pattern(key: &str, text: &str) -> serde_json::Value {
        json!([{"files": ["**/*.ts"], key: text, "comment": "no", "severity": "error", "category": "house"}])
    }

    fn view() -> MemoryView {
        MemoryView::new()
            .file("src/a.ts", "let a;\nlet é = t.Throws(Error);\nt.Throws(x)\n")
            .file("src/b.js", "t.Throws(Error)")
    }

    #[test]
    fn in_05_regexes_and_literals_comment_once_per_file_and_pattern() {
        assert_eq!(
            review(pattern("pattern", r"t\.\w+\("), &view()),
            ["Error src/a.ts:2:9 no"]
        );
        assert_eq!(
            review(pattern("text", "t.Throws(Error);"), &view()),
            ["Error src/a.ts:2:9 no"]
        );
        assert_eq!(
            review(pattern("pattern", "^t"), &view()),
            ["Error src/a.ts:3:1 no"]
        );
        assert!(review(pattern("text", "absent ($[)"), &view()).is_empty());
    }

    #[test]
    fn b8_an_exponential_looking_pattern_takes_linear_time() {
        let view = MemoryView::new().file("x.ts", "a".repeat(1 << 20));
        assert!(review(pattern("pattern", "(a+)+$b"), &view).is_empty());
    }
}
