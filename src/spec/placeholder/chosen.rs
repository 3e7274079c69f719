//! Whose word a placeholder is: what a push, an event or somebody's words say is chosen outside, and may be data only.

use std::ops::Range;

use super::parse::{Part, Template};

/// Facts that whoever pushes, or causes an event, writes as they like; those below them are meant too.
const FREE: &[&str] = &[
    "push.branch",
    "push.after.message",
    "push.after.author",
    "branch",
    "event",
    "item",
    "matches",
];

/// Facts that what runs for a push, or the people here, write: never who runs, and what a goal leaves may be a tag of an image.
const LEFT: &[&str] = &["facts", "goals", "preferences"];

/// Facts that hold some of those.
const HOLDING: &[&str] = &["push", "push.after"];

/// First words of facts that are the operator's own, whatever is pushed.
const OWN: &[&str] = &["home", "values"];

/// Whether a fact is a text that somebody outside writes as they like.
fn is_free_text(path: &str) -> bool {
    HOLDING.contains(&path) || is_below(path, FREE)
}

/// Whether a fact is said by somebody who must not choose a program, an image or a user.
pub fn chooses_program(path: &str) -> bool {
    is_free_text(path) || is_below(path, LEFT)
}

fn is_below(path: &str, facts: &[&str]) -> bool {
    facts.iter().any(|fact| {
        let rest = path.strip_prefix(*fact);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Facts whose every value is harmless wherever it stands: numbers, names and digests that nobody outside writes.
const SETTLED: &[&str] = &[
    "sha",
    "push.before",
    "push.forced",
    "push.after.sha",
    "push.after.short",
    "goal.environment",
    "goal.attempt",
    "goal_set.id",
    "machine.name",
];

/// Whether a fact may be, or hold, something that somebody else says; such never becomes part of a program.
pub fn may_be_foreign(path: &str) -> bool {
    !SETTLED.contains(&path) && depends_on_push(path)
}

/// Whether a fact may be another one on another push.
pub fn depends_on_push(path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    !OWN.contains(&root)
}

/// An image without its tag and digest; colons of placeholders and of ports are no tags.
pub fn name_of_image(image: &str) -> &str {
    let mut depth = 0_usize;
    let mut end = image.len();
    for (at, c) in image.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '@' if depth == 0 => return &image[..at.min(end)],
            ':' if depth == 0 => end = at,
            '/' if depth == 0 => end = image.len(),
            _ => {}
        }
    }
    &image[..end]
}

impl Template {
    /// Where the first placeholder of a kind begins, in bytes, and what it asks for; those of defaults count too.
    pub fn first_of(&self, is_meant: fn(&str) -> bool) -> Option<(usize, &str)> {
        self.first_within(&(0..usize::MAX), is_meant)
    }

    /// The same of those that begin within a stretch of the text.
    pub fn first_within(&self, span: &Range<usize>, is_meant: fn(&str) -> bool) -> Option<(usize, &str)> {
        self.parts.iter().find_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder)
                if span.contains(&placeholder.offset) && is_meant(&placeholder.path) =>
            {
                Some((placeholder.offset, placeholder.path.as_str()))
            }
            Part::Placeholder(placeholder) => placeholder.default.as_ref()?.first_within(span, is_meant),
        })
    }

    /// Whether the text begins with a placeholder of a kind.
    pub fn begins_with(&self, is_meant: fn(&str) -> bool) -> bool {
        self.first_within(&(0..1), is_meant).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d9_what_others_write_is_told_from_what_is_settled() {
        for path in [
            "push.branch",
            "branch",
            "push",
            "push.after",
            "push.after.author.name",
            "event.x.y",
            "matches.1",
        ] {
            assert!(is_free_text(path), "{path}");
        }
        for path in [
            "push.after.sha",
            "sha",
            "repo.name",
            "parameters.branch",
            "facts.x",
            "home",
            "branches",
        ] {
            assert!(!is_free_text(path), "{path}");
        }
        assert!(!depends_on_push("home") && !depends_on_push("values.registry"));
        assert!(depends_on_push("sha") && depends_on_push("parameters.values"));
        for path in [
            "parameters.x",
            "facts.x",
            "goals.a.data",
            "branch",
            "push",
            "event.id",
        ] {
            assert!(may_be_foreign(path), "{path}");
        }
        for path in ["push.after.sha", "home", "values.registry"] {
            assert!(!may_be_foreign(path), "{path}");
        }
        let first = |text: &str| {
            let template = Template::parse(text).unwrap();
            template
                .first_of(is_free_text)
                .map(|(at, path)| (at, path.to_owned()))
        };
        assert_eq!(
            first("a/${parameters.x:${push.branch}}"),
            Some((17, "push.branch".to_owned()))
        );
        assert_eq!(first("a/${sha}"), None);
    }
}
