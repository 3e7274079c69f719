//! Patterns by which repositories are chosen. A machine reads them with another library than the hub, so that what is not read alike
//! by both counts as fitting everything (threat D5).

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// Longest pattern that is read, and most that one may take up; a larger one fits everything.
const LARGEST: usize = 256 << 10;

/// Letters that mean the same after a backslash wherever expressions are read.
const ESCAPED: &str = "dwsbDWSBtnr";

/// A pattern on repositories; `None` where it may mean anything.
#[derive(Debug)]
pub(super) struct Pattern(Option<Regex>);

impl Pattern {
    pub(super) fn read(text: &str) -> Self {
        let build = || RegexBuilder::new(text).size_limit(LARGEST).build().ok();
        Self(is_read_alike(text).then(build).flatten())
    }

    /// Whether a repository may be meant: by its name, or by that of its owner and its own.
    pub(super) fn fits(&self, owner: &str, name: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(name) || pattern.is_match(&format!("{owner}/{name}")))
    }
}

/// Whether JavaScript means the same by an expression, as far as names of repositories go.
fn is_read_alike(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let is_alike = match next {
            '\\' => is_plain_escape(rest.next()),
            '[' => is_plain_class(&mut rest),
            _ => true,
        };
        if !is_alike {
            return false;
        }
    }
    true
}

fn is_plain_escape(escaped: Option<char>) -> bool {
    escaped.is_some_and(|one| {
        ESCAPED.contains(one) || (one.is_ascii_punctuation() && !['<', '>'].contains(&one))
    })
}

/// Whether a class is read alike from behind its bracket to its end: it has no class within, takes nothing from another, and does
/// not begin with its own end.
fn is_plain_class(rest: &mut Peekable<Chars<'_>>) -> bool {
    rest.next_if_eq(&'^');
    if rest.peek() == Some(&']') {
        return false;
    }
    let mut before = None;
    while let Some(next) = rest.next() {
        match next {
            ']' => return true,
            '[' => return false,
            '&' | '-' | '~' if before == Some(next) => return false,
            '\\' if !is_plain_escape(rest.next()) => return false,
            _ => {}
        }
        before = Some(next);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_a_pattern_that_is_read_in_two_ways_fits_everything() {
        for twofold in [
            r"\apayroll",
            r"\Apayroll",
            r"payroll\z",
            r"\x70ayroll",
            r"\u0070ayroll",
            r"(p)\1",
            r"\<q",
            r"[a-z&&[^p]]+q",
            r"^[^]payroll]*$",
            r"[]q]",
            r"[a--p]",
            r"[q~~p]",
            r"[\a]q",
            r"q\",
            r"[q",
            "(?=q)",
        ] {
            assert!(Pattern::read(twofold).fits("acme", "payroll"), "{twofold}");
        }
    }

    #[test]
    fn a_pattern_that_everybody_reads_alike_fits_what_it_says() {
        for (text, fits) in [
            ("^pay", true),
            ("^app$", false),
            (r"^acme\/pay\w+$", true),
            (r"^[a-z.\-_]+$", true),
            (r"^[^pa]", false),
            (r"\d", false),
        ] {
            let pattern = Pattern::read(text);
            assert_eq!(pattern.fits("acme", "payroll"), fits, "{text}");
        }
    }
}
