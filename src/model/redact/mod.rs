//! Keeps secrets out of what a goal writes, before it is stored (semantics 3.16 DECISION, EX-17, threats E1, E2).
//!
//! Covered: each value, each of its lines, each longer text inside a JSON value, and all of these in base64 (with whatever
//! stands before and after), hex, URL, JSON, Python, shell and HTML escapes and reversed. Of base64 and hex also [pieces], wherever
//! the code is broken. Not coverable: a value taken apart — one character per line, split by colour codes, encrypted — against
//! which only not handing out the secret helps.

mod codes;
mod forms;
mod matcher;
mod pieces;
#[cfg(test)]
mod tests_of_codes;

pub(crate) use matcher::{Matcher, Span};
pub(crate) use pieces::Tails;
use pieces::{LONGEST, Pieces};

use super::ExecutionResult;
use super::goal_event::ExternalUrl;

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";

/// Masks secrets in text.
pub(crate) struct Redactor {
    matcher: Matcher,
    pieces: Pieces,
}

impl Redactor {
    /// For these values; one shorter than four characters is not treated as a secret, it would destroy the log.
    pub(crate) fn new(secrets: &[String]) -> Self {
        let values = forms::values_of(secrets);
        Self {
            pieces: Pieces::new(values.iter().map(String::as_bytes)),
            matcher: Matcher::new(forms::of_all(&values)),
        }
    }

    /// Whether a secret stands in it.
    pub(crate) fn finds_any(&self, text: &[u8]) -> bool {
        !self.spans(text, 0, &mut Tails::default()).is_empty()
    }

    /// Longest text that is masked in one piece, in bytes.
    pub(crate) fn longest(&self) -> usize {
        match self.pieces.is_empty() {
            true => self.matcher.longest(),
            false => self.matcher.longest().max(LONGEST),
        }
    }

    /// Where secrets stand, in order and apart from each other. The first `hidden` bytes are part of one that began earlier. The
    /// text is a line after the one that left `tails`, which becomes what the next may begin with.
    pub(crate) fn spans(&self, text: &[u8], hidden: usize, tails: &mut Tails) -> Vec<Span> {
        let mut spans = self.matcher.spans(text, hidden);
        let pieces = self.pieces.spans(text, tails);
        if pieces.is_empty() {
            return spans;
        }
        spans.extend(pieces);
        joined(spans)
    }

    /// The result with its secrets masked, wherever it shows text (EX-17). A version that holds one is a failure: it becomes the
    /// name of tags and files, and with a mask it is none.
    pub(crate) fn result(&self, result: ExecutionResult) -> ExecutionResult {
        let version = result.version.as_deref();
        if version.is_some_and(|version| self.finds_any(version.as_bytes())) {
            return ExecutionResult::failure("the version that it reports holds a secret");
        }
        let text = |text: Option<String>| text.map(|text| self.redact(&text));
        let link = |link: ExternalUrl| ExternalUrl {
            label: text(link.label),
            url: self.redact(&link.url),
        };
        ExecutionResult {
            code: result.code,
            state: result.state,
            phase: text(result.phase),
            description: text(result.description),
            message: text(result.message),
            data: text(result.data),
            external_urls: result.external_urls.into_iter().map(link).collect(),
            version: result.version,
            images: result.images,
        }
    }

    /// The text with its secrets masked.
    pub(crate) fn redact(&self, text: &str) -> String {
        let spans = self.spans(text.as_bytes(), 0, &mut Tails::default());
        String::from_utf8_lossy(&masked(text.as_bytes(), &spans)).into_owned()
    }
}

/// In order, those that touch or overlap as one.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.start);
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            Some(_) | None => joined.push(span),
        }
    }
    joined
}

/// Replaces spans by the mask.
pub(crate) fn masked(text: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut position = 0;
    for span in spans {
        let start = span.start.clamp(position, text.len());
        result.extend_from_slice(&text[position..start]);
        result.extend_from_slice(MASK.as_bytes());
        position = span.end.min(text.len());
    }
    result.extend_from_slice(&text[position..]);
    result
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn redact(secret: &str, text: &str) -> String {
        Redactor::new(&[secret.to_owned()]).redact(text)
    }

    #[test]
    fn e1_base64_is_masked_with_any_neighbours() {
        let secret = "c4nary/+s3cret?";
        for before in ["", "a", "ab", "user:", "xx:yy:"] {
            for after in ["", "z", "zz", "\n"] {
                let text = format!("{before}{secret}{after}");
                for code in [
                    BASE64_STANDARD.encode(&text),
                    BASE64_URL_SAFE_NO_PAD.encode(&text),
                ] {
                    let seen = redact(secret, &code);
                    assert!(
                        seen.contains(MASK) && seen.len() <= MASK.len() + 20,
                        "{code} -> {seen}"
                    );
                }
            }
        }
    }

    #[test]
    fn e2_every_line_of_a_value_and_every_text_in_a_json_value_is_masked() {
        let key = "-----BEGIN KEY-----\nabcdefghij\nklmnopqrst\n-----END KEY-----\n";
        assert_eq!(redact(key, "saw klmnopqrst here"), "saw *** here");
        let json = r#"{"user": "bob", "password": "correct horse"}"#;
        assert_eq!(redact(json, "it is correct horse."), "it is ***.");
    }

    #[test]
    fn e1_what_python_shows_of_a_value_is_masked() {
        // As `repr` of Python 3 prints them.
        let shown = [
            (r#"hunter2"\pä"#.to_owned(), r#"'hunter2"\\pä'"#, "'***'"),
            (
                "it's \"both\"\t\u{1}ü".to_owned(),
                r#"'it\'s "both"\t\x01ü'"#,
                "'***'",
            ),
            ("it's \\one".to_owned(), r#""it's \\one""#, "\"***\""),
            ("isn't".to_owned(), r#"'"isn\'t"'"#, r#"'"***"'"#),
            (r"bytes\ü".to_owned(), r"b'bytes\\\xc3\xbc'", "b'***'"),
        ];
        for (secret, text, masked) in shown {
            assert_eq!(redact(&secret, text), masked, "{text}");
        }
    }

    #[test]
    fn e2_trivial_values_do_not_destroy_the_log() {
        for trivial in ["", "a", "abc", "   ", "\n\n"] {
            assert_eq!(redact(trivial, "a abc    d"), "a abc    d");
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing_of_either() {
        let redactor = Redactor::new(&["abcdef".to_owned(), "defghi".to_owned(), "abcd".to_owned()]);
        assert_eq!(redactor.redact("xabcdefghiy abcdx"), "x***y ***x");
    }
}
