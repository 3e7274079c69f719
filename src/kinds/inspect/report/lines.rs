//! Lines of text with a place in them, as compilers have always written them.

use regex::Regex;

use super::MAX_READ;
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

/// `file:line[:column]: [severity:] message`.
const USUAL: &str = r"^(?P<file>[^\s:][^:]*):(?P<line>\d+):(?:(?P<column>\d+):)?\s*(?:(?P<severity>fatal error|error|warning|note|info|hint|refactor|convention)(?:\[(?P<code>[^\]]+)\])?:)?\s*(?P<message>.+)$";

/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// A pattern with the groups `file`, `line`, `column`, `severity`, `code` and `message`.
#[derive(Debug, Clone)]
pub struct LinePattern(Regex);

impl LinePattern {
    /// The author's pattern, or the usual one.
    ///
    /// # Errors
    /// It is no pattern, or lacks the group `message`.
    pub fn new(pattern: Option<&str>) -> Result<Self, String> {
        let regex = Regex::new(pattern.unwrap_or(USUAL)).map_err(|error| error.to_string())?;
        let has_message = regex.capture_names().flatten().any(|name| name == "message");
        match has_message {
            true => Ok(Self(regex)),
            false => Err("the pattern needs a group `(?P<message>…)`".to_owned()),
        }
    }

    /// A comment for each line that matches.
    pub(super) fn read(&self, report: &[u8]) -> Vec<ReviewComment> {
        let lines = report
            .split(|byte| *byte == b'\n')
            .filter(|line| line.len() <= MAX_LINE);
        let comments = lines.filter_map(|line| self.comment(&String::from_utf8_lossy(line)));
        comments.take(MAX_READ).collect()
    }

    fn comment(&self, line: &str) -> Option<ReviewComment> {
        let found = self.0.captures(line.trim_end())?;
        let group = |name| found.name(name).map(|group| group.as_str());
        let number = |name| group(name)?.parse().ok().filter(|number| *number > 0);
        Some(ReviewComment {
            severity: group("severity")
                .and_then(CommentSeverity::parse)
                .unwrap_or(CommentSeverity::Warn),
            category: "inspection".to_owned(),
            subcategory: group("code").map(str::to_owned),
            detail: group("message")?.to_owned(),
            location: group("file").map(|path| SourceLocation {
                path: path.to_owned(),
                line: number("line"),
                column: number("column"),
            }),
            fix: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: Option<&str>, report: &str) -> Vec<String> {
        let comments = LinePattern::new(pattern).unwrap().read(report.as_bytes());
        comments
            .iter()
            .map(|c| format!("{:?} {} {}", c.severity, c.location.as_ref().unwrap(), c.detail))
            .collect()
    }

    #[test]
    fn compilers_and_linters_are_understood_as_they_write() {
        let report = "src/a.c:3:7: warning: unused variable\nmake: *** [all] Error 1\na.py:12: error: bad type\n\
                      a.go:4:2: missing return\n";
        assert_eq!(
            shown(None, report),
            [
                "Warn src/a.c:3:7 unused variable",
                "Error a.py:12 bad type",
                "Warn a.go:4:2 missing return"
            ]
        );
    }

    #[test]
    fn an_authors_pattern_names_its_groups() {
        let pattern = r"^(?P<severity>[A-Z]+) (?P<file>\S+) l(?P<line>\d+) (?P<message>.*)$";
        assert_eq!(
            shown(Some(pattern), "ERROR x.tf l4 open to all"),
            ["Error x.tf:4 open to all"]
        );
        assert!(LinePattern::new(Some("x")).unwrap_err().contains("message"));
        assert!(LinePattern::new(Some("(")).is_err());
    }
}
