//! Single values: text, booleans, numbers, durations, words.

use crate::model::suggest;
use std::ops::RangeInclusive;

use crate::model::Diagnostic;

use super::super::placeholder::{PlaceholderError, PlaceholderProblem, Template};
use super::super::problems::{listed, shorten};
use super::super::yaml::{Meaning, Node};
use super::{Checker, duration};

impl Checker<'_> {
    /// Any scalar as text; placeholders in it must be well formed and ask for what there is.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.plain_text(node, what)?;
        self.has_right_placeholders(node, text).then(|| text.to_owned())
    }

    /// Whether the placeholders of a text that stands at this node, offsets and all, are well formed and ask for what there is.
    pub(super) fn has_right_placeholders(&mut self, node: &Node, text: &str) -> bool {
        let (code, offset, message, hint) = match Template::parse(text) {
            Ok(template) => match template.objection() {
                None => {
                    self.asked.take(node, &template);
                    self.warn_about_default(node, &template);
                    return true;
                }
                Some(found) => ("unknown_placeholder", found.offset, found.message, found.hint),
            },
            Err(error) => {
                let offset = error.offset;
                let hint = hint_of_placeholder(text, &error);
                ("invalid_placeholder", offset, error.to_string(), hint)
            }
        };
        let place = node.place_within(offset);
        self.problems
            .add(Diagnostic::error(code, place, message).hint(hint));
        false
    }

    /// A default that begins as a shell's `:-` does has those characters in it here.
    fn warn_about_default(&mut self, node: &Node, template: &Template) {
        for found in template.shell_defaults() {
            let place = node.place_within(found.offset);
            let warning = Diagnostic::warning("shell_default", place, found.message);
            self.problems.add(warning.hint(found.hint));
        }
    }

    /// Any scalar as text, without a look inside.
    pub(crate) fn plain_text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.text();
        if node.is_null() {
            let message = format!("nothing is written for {what}");
            self.problems
                .error_with_hint("missing_value", node, message, "write a value or remove it");
        } else if text.is_none() {
            self.wrong_type(node, what, "text");
        }
        text
    }

    /// `true` or `false`, not quoted.
    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Some(scalar) = node.scalar() {
            if let Meaning::Boolean(value) = scalar.meaning {
                return Some(value);
            }
            if let Some(meant) = meant_boolean(&scalar.text) {
                let message = format!("{what} must be true or false, and this is text");
                let hint = format!("write `{meant}` without quotes; YAML 1.2 has no other spelling");
                self.problems.error_with_hint("wrong_type", node, message, hint);
                return None;
            }
        }
        self.wrong_type(node, what, "true or false");
        None
    }

    /// A whole number within bounds, not quoted.
    pub(super) fn integer(&mut self, node: &Node, what: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let (min, max) = (bounds.start(), bounds.end());
        match node.scalar() {
            Some(scalar) => match scalar.meaning {
                Meaning::Integer(value) if bounds.contains(&value) => Some(value),
                Meaning::Integer(_) | Meaning::Float(_) => {
                    let message = format!(
                        "{what} must be a whole number from {min} to {max}, and this is {}",
                        shorten(&scalar.text, 40)
                    );
                    self.problems.error("out_of_range", node, message);
                    None
                }
                Meaning::Text if scalar.quoted && scalar.text.parse::<i64>().is_ok() => {
                    let message = format!("{what} must be a whole number, and this is text");
                    self.problems
                        .error_with_hint("wrong_type", node, message, "remove the quotes");
                    None
                }
                Meaning::Null | Meaning::Boolean(_) | Meaning::Text => {
                    self.wrong_type(node, what, "a whole number");
                    None
                }
            },
            None => {
                self.wrong_type(node, what, "a whole number");
                None
            }
        }
    }

    /// Whole milliseconds.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<u64> {
        let text = self.plain_text(node, what)?;
        match duration::parse_duration(text) {
            Ok(duration) => u64::try_from(duration.as_millis()).ok(),
            Err(error) => {
                let message = format!("{what} is not a duration: {error}");
                self.problems.error_with_hint(
                    "invalid_duration",
                    node,
                    message,
                    "write `90s`, `20m`, `1h30m` or a number of seconds",
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice(
        &mut self,
        node: &Node,
        what: &str,
        words: &'static [&'static str],
    ) -> Option<&'static str> {
        let text = self.plain_text(node, what)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let message = format!("{what} cannot be `{}`", shorten(text, 60));
        let hint = match suggest::nearest(&text.to_lowercase(), words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? It is one of {}", listed(words)),
            None => format!("write one of {}", listed(words)),
        };
        self.problems
            .error_with_hint("invalid_choice", node, message, hint);
        None
    }
}

/// What to do about a placeholder that is none: most are meant for a shell, or for another system.
fn hint_of_placeholder(text: &str, error: &PlaceholderError) -> String {
    const FORM: &str = "write `${path}` or `${path:default}`";
    let before = text.get(..error.offset).unwrap_or(text);
    let start = before.rfind("${").unwrap_or(error.offset);
    let rest = text.get(start..).unwrap_or_default();
    let written = rest.split_inclusive('}').next().unwrap_or(rest);
    match error.problem {
        PlaceholderProblem::BadCharacter('{') if rest.starts_with("${{") => {
            "expressions of GitHub Actions are not read here: facts are `${sha}`, `${branch}`, `${parameters.…}`, `${values.…}`, and conditions stand in `test` and `when`".to_owned()
        }
        PlaceholderProblem::BadCharacter(_) => {
            format!("write `${}`, with two `$`, to leave it to a shell; a placeholder is `${{path}}` or `${{path:default}}`", shorten(written, 40))
        }
        _ => format!("{FORM}; `$${{` stands for a literal `${{`"),
    }
}

/// What people write for booleans when they think of YAML 1.1 or use quotes.
fn meant_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}
