//! Regular expressions and globs: checked when the file is read, so that no push meets a wrong one (threat B8).
//!
//! Patterns are linear-time by construction (the `regex` crate has neither look-around nor back-references). Compiling
//! one costs time in proportion to what it expands to, so their size and their number are bounded.

use std::collections::HashSet;

use regex::RegexBuilder;

use crate::model::Diagnostic;

use super::super::yaml::Node;
use super::Checker;
use super::unfilled::asks_for_fact;

/// Longest pattern or glob, in bytes.
const MAX_PATTERN: usize = 4096;

/// Sizes of compiled regular expressions, in bytes, and what compiling one of that size counts for. The last is the
/// largest there may be.
const SIZES: [(usize, usize); 2] = [(32 << 10, 1), (256 << 10, 8)];

/// What all different regular expressions of one load may count for together.
const MAX_COST: usize = 4_000;

/// What to write for a glob that leads out of the repository.
pub(super) const OF_REPOSITORY: &str =
    "write it relative to the root of the repository, with `/` between its parts";

/// The same where the home directory is meant as well.
pub(super) const OF_CACHE: &str =
    "write it relative to the root of the repository, or begin it with `~/` for the home directory of goals";

/// Regular expressions seen and found right in this load.
#[derive(Default)]
pub(super) struct Patterns {
    right: HashSet<String>,
    cost: usize,
}

/// What is wrong with a pattern, and where in it (bytes), when that is known.
#[derive(Debug, PartialEq, Eq)]
struct InvalidPattern {
    message: String,
    offset: usize,
}

impl InvalidPattern {
    fn whole(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset: 0,
        }
    }
}

impl Patterns {
    fn check(&mut self, text: &str) -> Result<(), InvalidPattern> {
        if self.right.contains(text) {
            return Ok(());
        }
        if text.len() > MAX_PATTERN {
            return Err(InvalidPattern::whole(format!(
                "it is longer than {MAX_PATTERN} bytes"
            )));
        }
        for (size, cost) in SIZES {
            if self.cost + cost > MAX_COST {
                return Err(InvalidPattern::whole("there are too many different ones"));
            }
            self.cost += cost;
            if compile(text, size)? {
                self.right.insert(text.to_owned());
                return Ok(());
            }
        }
        Err(InvalidPattern::whole("it expands to too much"))
    }
}

/// Whether the pattern compiles within a size.
fn compile(text: &str, size: usize) -> Result<bool, InvalidPattern> {
    let result = RegexBuilder::new(text).size_limit(size).build();
    match result {
        Ok(_) => Ok(true),
        Err(regex::Error::CompiledTooBig(_)) => Ok(false),
        Err(error) => Err(explain(text, &error.to_string())),
    }
}

/// The crate's report has the pattern, a line with a caret below it, and the cause; the caret becomes our own place.
fn explain(text: &str, report: &str) -> InvalidPattern {
    let cause = report.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let caret = report
        .lines()
        .find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty())
        .and_then(|line| line.find('^'))
        .and_then(|column| column.checked_sub(4))
        .filter(|_| !text.contains('\n'));
    let offset = caret
        .and_then(|column| text.char_indices().nth(column).map(|(offset, _)| offset))
        .unwrap_or(0);
    InvalidPattern {
        message: cause.unwrap_or("it cannot be read").to_owned(),
        offset,
    }
}

impl Checker<'_> {
    /// A linear-time regular expression.
    pub(super) fn regex(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.plain_text(node, what)?;
        if text.is_empty() {
            let message = format!("{what} is an empty pattern, which matches everything");
            let hint = "write a pattern, or `.*` where everything is meant";
            self.problems.error_with_hint("empty_value", node, message, hint);
            return None;
        }
        match self.patterns.check(text) {
            Ok(()) => {
                self.warn_about_facts(node, what, "write the pattern itself");
                Some(text.to_owned())
            }
            Err(error) => {
                let message = format!("{what} is not a regular expression: {}", error.message);
                let hint = if asks_for_fact(text) {
                    "placeholders are not filled in patterns: write the pattern itself"
                } else if error.message.contains("look-around") || error.message.contains("backreference") {
                    "say it with two tests, or with `not`; patterns here always take linear time"
                } else {
                    "a character with a meaning of its own is taken literally after `\\`"
                };
                let place = node.place_within(error.offset);
                let length = if error.offset == 0 { node.length } else { 1 };
                self.problems.add(
                    Diagnostic::error("invalid_regex", place, message)
                        .spanning(length)
                        .hint(hint),
                );
                None
            }
        }
    }

    /// A glob over repository paths; `inside` says what to write for one that leads elsewhere.
    pub(super) fn glob(&mut self, node: &Node, what: &str, inside: &str) -> Option<String> {
        let text = self.plain_text(node, what)?;
        if let Some(because) = invalid_glob(text) {
            let message = format!("{what} is not a glob: {because}");
            let hint = match leads_out(text) {
                Some(_) => inside,
                None => "`*` stays within a directory, `**/` crosses them, `{a,b}` and `[a-z]` choose",
            };
            self.problems.error_with_hint("invalid_glob", node, message, hint);
            return None;
        }
        self.warn_about_placeholder(node, what, text);
        Some(text.to_owned())
    }
}

/// Why a glob would leave the repository, if it does.
fn leads_out(text: &str) -> Option<&'static str> {
    if text.starts_with('/') {
        return Some("it begins at the root of the file system");
    }
    let goes_up = text.split('/').any(|part| part == "..");
    goes_up.then_some("`..` would leave the repository")
}

/// Why a text is not a glob over repository paths.
pub(super) fn invalid_glob(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.len() > MAX_PATTERN {
        return Some(format!("it is longer than {MAX_PATTERN} bytes"));
    }
    if let Some(because) = leads_out(text) {
        return Some(because.to_owned());
    }
    let built = globset::GlobBuilder::new(text).literal_separator(true).build();
    built.err().map(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b8_patterns_with_a_place_for_what_is_wrong() {
        let wrong = |text: &str| Patterns::default().check(text).expect_err("a wrong pattern");
        assert_eq!(
            wrong("release/(a"),
            InvalidPattern {
                message: "unclosed group".into(),
                offset: 8
            }
        );
        assert!(wrong("a(?=b)").message.contains("look-around"));
        assert!(wrong(r"(a)\1").message.contains("backreferences"));
        assert_eq!(wrong(r"\w{100}{100}").message, "it expands to too much");
    }

    #[test]
    fn b8_exponential_looking_patterns_are_linear_here() {
        assert_eq!(Patterns::default().check("(a+)+$"), Ok(()));
    }

    #[test]
    fn globs_stay_inside() {
        for wrong in ["", "/etc/**", "a/../b", "[a", "{a,b"] {
            assert!(invalid_glob(wrong).is_some(), "{wrong}");
        }
        for right in ["**/*.rs", "src/{a,b}/[a-z]*", "target/**/junit.xml"] {
            assert_eq!(invalid_glob(right), None, "{right}");
        }
    }
}
