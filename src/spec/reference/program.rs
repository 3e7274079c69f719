//! Parameters in a program (CEL): what they hold is data there, whatever it looks like (threat D9).
//!
//! Outside of quotes a parameter becomes a literal of its own. Inside of quotes it becomes part of the text that stands there,
//! with whatever would end it escaped; in a raw text nothing can be escaped, so what would end it is refused. In a comment it
//! cannot end the line.

use serde_json::Value;

/// Keys of tests and goals under which a program may stand; those below `matrix` are the author's own.
pub const PROGRAMS: &[&str] = &["when", "expression", "plan"];

/// Where in a program the next character stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Within {
    /// Outside of texts and comments.
    #[default]
    Code,
    /// In a comment, up to the end of the line.
    Comment,
    /// In a text.
    Text(Quotes),
}

/// How a text is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quotes {
    mark: char,
    is_triple: bool,
    is_raw: bool,
}

impl Within {
    /// Where it stands after more of the program.
    pub(super) fn after(self, text: &str) -> Self {
        let mut within = self;
        let mut rest = text;
        let mut before = "";
        while let Some(c) = rest.chars().next() {
            let (next, length) = within.step(before, rest, c);
            within = next;
            let at = text.len() - rest.len() + length;
            (before, rest) = text.split_at(at);
        }
        within
    }

    /// Where it stands after the next token of `rest`, and how long that is.
    fn step(self, before: &str, rest: &str, c: char) -> (Self, usize) {
        match self {
            Self::Code if rest.starts_with("//") => (Self::Comment, 2),
            Self::Code if matches!(c, '"' | '\'') => {
                let is_triple = rest.starts_with(&c.to_string().repeat(3));
                let quotes = Quotes {
                    mark: c,
                    is_triple,
                    is_raw: is_raw_prefix(before),
                };
                (Self::Text(quotes), quotes.length())
            }
            Self::Comment if c == '\n' => (Self::Code, 1),
            Self::Text(quotes) if c == '\\' && !quotes.is_raw => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                (self, 1 + escaped)
            }
            Self::Text(quotes) if rest.starts_with(&quotes.closing()) => (Self::Code, quotes.length()),
            Self::Code | Self::Comment | Self::Text(_) => (self, c.len_utf8()),
        }
    }

    /// The value as it is written here; `None` where it cannot be.
    pub(super) fn written(self, value: &Value) -> Option<String> {
        match self {
            Self::Code => Some(literal(value)),
            Self::Comment => as_text(value).map(|text| text.replace(['\n', '\r'], " ")),
            Self::Text(quotes) => as_text(value).and_then(|text| quotes.inside(&text)),
        }
    }
}

impl Quotes {
    fn length(self) -> usize {
        if self.is_triple { 3 } else { 1 }
    }

    fn closing(self) -> String {
        self.mark.to_string().repeat(self.length())
    }

    fn inside(self, text: &str) -> Option<String> {
        if !self.is_raw {
            return Some(escaped(text, self.mark));
        }
        let ends_it = text.contains(self.mark) || (!self.is_triple && text.contains(['\n', '\r']));
        (!ends_it).then(|| text.to_owned())
    }
}

/// Whether what stands before a quote makes the text raw: `r` or `R`, perhaps with `b`, and no longer word.
fn is_raw_prefix(before: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let word = &before[before.trim_end_matches(is_of_word).len()..];
    matches!(word.to_ascii_lowercase().as_str(), "r" | "br" | "rb")
}

fn escaped(text: &str, mark: char) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            c if c == mark => written.extend(['\\', c]),
            c if c.is_control() => written.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => written.push(c),
        }
    }
    written
}

/// A value as CEL writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("\"{}\"", escaped(text, '"')),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let field =
                |(name, value): (&String, &Value)| format!("\"{}\": {}", escaped(name, '"'), literal(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(before: &str, value: &Value) -> Option<String> {
        Within::default().after(before).written(value)
    }

    #[test]
    fn d9_outside_of_quotes_a_value_is_a_literal() {
        for (value, literal) in [
            (json!("a\" || true || \"\\"), r#""a\" || true || \"\\""#),
            (json!("two\nlines\u{7}"), r#""two\nlines\u0007""#),
            (json!(-3), "-3"),
            (json!(true), "true"),
            (json!(["a\"b", 1]), r#"["a\"b", 1]"#),
            (json!({"k\"": null}), r#"{"k\"": null}"#),
        ] {
            assert_eq!(written("push.branch == ", &value).as_deref(), Some(literal));
        }
    }

    #[test]
    fn d9_inside_of_quotes_a_value_cannot_end_them() {
        let quotes = json!("it's \"so\"");
        for (before, inside) in [
            ("x == \"", r#"it's \"so\""#),
            ("x == 'a\" ", r#"it\'s "so""#),
            (r#"x == "\\" + ""#, r#"it's \"so\""#),
            (r#"x == "\" "#, r#"it's \"so\""#),
            ("x == \"\"\"a \" b ", r#"it's \"so\""#),
            ("x == '''a ' ", r#"it\'s "so""#),
            ("x == br\"\" && y == \"", r#"it's \"so\""#),
            ("// don't\nx == \"", r#"it's \"so\""#),
        ] {
            assert_eq!(written(before, &quotes).as_deref(), Some(inside), "{before}");
        }
        assert_eq!(written("x == '", &json!(1)).as_deref(), Some("1"));
        assert_eq!(written("x == '", &json!(["a"])), None);
    }

    #[test]
    fn d9_a_raw_text_takes_only_what_does_not_end_it() {
        for before in ["matches(r\"", "matches(R'''", "x + br'"] {
            let mark = if before.contains('"') { "\"" } else { "'" };
            assert_eq!(written(before, &json!(mark)), None, "{before}");
            assert_eq!(
                written(before, &json!("a\\d")).as_deref(),
                Some("a\\d"),
                "{before}"
            );
        }
        assert_eq!(written("matches(r\"", &json!("a\nb")), None);
        assert_eq!(
            written("matches(r\"\\", &json!("\"")),
            None,
            "nothing is escaped in it"
        );
        assert_eq!(
            written("pr\"", &json!("\"")).as_deref(),
            Some("\\\""),
            "`pr` is no such mark"
        );
    }

    #[test]
    fn d9_a_comment_ends_with_its_line() {
        assert_eq!(
            written("true // ", &json!("a\n|| true")).as_deref(),
            Some("a || true")
        );
    }
}
