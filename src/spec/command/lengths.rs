//! How long the texts are that a pattern matches, for patterns beside `min_length` and `max_length` (semantics 5.2).
//!
//! Lengths are those of characters, as people count them, so they are gathered from the pattern itself: what the parser knows
//! of it is in bytes. A pattern is looked for anywhere in a text, so only one that is held at both ends says how long a text is
//! at most.

use regex_syntax::Parser;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Characters of the texts that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    /// At least so many.
    pub(super) least: u64,
    /// At most so many, where there is a most.
    pub(super) most: Option<u64>,
}

impl Lengths {
    const fn exactly(count: u64) -> Self {
        Self {
            least: count,
            most: Some(count),
        }
    }

    fn and(self, other: Self) -> Self {
        let most = self.most.zip(other.most);
        Self {
            least: self.least.saturating_add(other.least),
            most: most.map(|(one, other)| one.saturating_add(other)),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.zip(other.most).map(|(one, other)| one.max(other)),
        }
    }

    fn times(self, least: u32, most: Option<u32>) -> Self {
        let at_most = match (self.most, most) {
            (Some(0), _) => Some(0),
            (one, times) => one
                .zip(times)
                .map(|(one, times)| one.saturating_mul(u64::from(times))),
        };
        Self {
            least: self.least.saturating_mul(u64::from(least)),
            most: at_most,
        }
    }
}

/// The lengths of the texts in which a pattern is found; `None` for one that cannot be read or is found in none.
pub(super) fn of(pattern: &str) -> Option<Lengths> {
    let hir = Parser::new().parse(pattern).ok()?;
    let found = of_hir(&hir)?;
    let properties = hir.properties();
    let is_held = properties.look_set_prefix().contains(Look::Start)
        && properties.look_set_suffix().contains(Look::End);
    Some(match is_held {
        true => found,
        false => Lengths { most: None, ..found },
    })
}

/// Of what it matches itself. The parser bounds how deep it goes.
fn of_hir(hir: &Hir) -> Option<Lengths> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Lengths::exactly(0)),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(Lengths::exactly(text.chars().count() as u64))
        }
        HirKind::Class(Class::Unicode(class)) => (!class.ranges().is_empty()).then_some(Lengths::exactly(1)),
        HirKind::Class(Class::Bytes(class)) => (!class.ranges().is_empty()).then_some(Lengths::exactly(1)),
        HirKind::Repetition(repetition) => match of_hir(&repetition.sub) {
            Some(one) => Some(one.times(repetition.min, repetition.max)),
            None => (repetition.min == 0).then_some(Lengths::exactly(0)),
        },
        HirKind::Capture(capture) => of_hir(&capture.sub),
        HirKind::Concat(parts) => {
            let parts = parts.iter().map(of_hir);
            parts.reduce(|one, other| Some(one?.and(other?))).flatten()
        }
        HirKind::Alternation(choices) => choices.iter().filter_map(of_hir).reduce(Lengths::or),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cm_04_lengths_are_those_of_characters() {
        for (pattern, least, most) in [
            ("^abc$", 3, Some(3)),
            ("abc", 3, None),
            ("^abc", 3, None),
            ("^(major|minor|pa)$", 2, Some(5)),
            ("^[a-z]{3,8}$", 3, Some(8)),
            ("^[a-z]+$", 1, None),
            ("^\u{e4}{2}[\u{f6}-\u{fc}]?$", 2, Some(3)),
            ("^(?:a|bcd)(?:ef){2}$", 5, Some(7)),
            ("^$", 0, Some(0)),
            (".*", 0, None),
            ("^a$|^bb$", 1, Some(2)),
            ("(?m)^a$", 1, None),
            ("^(?:)*$", 0, Some(0)),
            ("(?i)^k$", 1, Some(1)),
        ] {
            assert_eq!(of(pattern), Some(Lengths { least, most }), "{pattern}");
        }
        assert_eq!(of("(a"), None);
        assert_eq!(of(r"[^\s\S]"), None);
    }
}
