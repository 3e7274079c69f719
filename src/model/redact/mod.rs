//! Keeps secrets out of what a goal writes, before it is stored (semantics 3.16 DECISION, EX-17, threats E1, E2).
//!
//! Covered: each value, each of its lines, each longer text inside a JSON value, and all of these in base64 (with whatever
//! stands before and after), hex, URL, JSON, Python, shell and HTML escapes and reversed. Not coverable: a value taken apart — one character
//! per line, split by colour codes, encrypted — against which only not handing out the secret helps.

mod forms;
mod matcher;

pub(crate) use matcher::{Matcher, Span};

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";

/// Masks secrets in text.
pub(crate) struct Redactor {
    matcher: Matcher,
}

impl Redactor {
    /// For these values; one shorter than four characters is not treated as a secret, it would destroy the log.
    pub(crate) fn new(secrets: &[String]) -> Self {
        Self {
            matcher: Matcher::new(forms::of_all(secrets)),
        }
    }

    /// Whether a secret stands in it.
    pub(crate) fn finds_any(&self, text: &[u8]) -> bool {
        !self.spans(text, 0).is_empty()
    }

    /// Longest text that is masked in one piece, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.matcher.longest()
    }

    /// Where secrets stand, in order and apart from each other. The first `hidden` bytes are part of one that began earlier.
    pub(crate) fn spans(&self, text: &[u8], hidden: usize) -> Vec<Span> {
        self.matcher.spans(text, hidden)
    }

    /// The text with its secrets masked.
    pub(crate) fn redact(&self, text: &str) -> String {
        let spans = self.spans(text.as_bytes(), 0);
        String::from_utf8_lossy(&masked(text.as_bytes(), &spans)).into_owned()
    }
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
