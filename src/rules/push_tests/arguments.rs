//! Reading the canonical arguments of push tests.
//!
//! Whoever reads goal files has checked them against the descriptor; what cannot be read here is still a message and
//! never a panic, for arguments also come from tests and from stored definitions.

use regex::RegexBuilder;
use serde_json::Value;

/// Memory of one compiled regular expression, in bytes (threat B8).
const MAX_REGEX_SIZE: usize = 1 << 20;

/// Longest regular expression, in bytes.
const MAX_REGEX: usize = 4096;

/// A text.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a text, got {value}"))
}

/// A text or a list of texts; nothing is an empty list.
pub(super) fn texts(value: &Value) -> Result<Vec<&str>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(text).collect(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Ok(vec![text(value)?]),
    }
}

/// A list of texts under a key; absent is empty.
pub(super) fn texts_of<'a>(arguments: &'a Value, key: &str) -> Result<Vec<&'a str>, String> {
    texts(arguments.get(key).unwrap_or(&Value::Null)).map_err(|error| format!("{key}: {error}"))
}

/// A regular expression over text: linear time, searching, bounded in memory.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    check_length(pattern)?;
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_SIZE)
        .build()
        .map_err(|error| refused(pattern, &error))
}

/// The same over bytes, for files that need not be UTF-8.
pub(super) fn bytes_regex(pattern: &str) -> Result<regex::bytes::Regex, String> {
    check_length(pattern)?;
    regex::bytes::RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_SIZE)
        .build()
        .map_err(|error| refused(pattern, &error))
}

fn check_length(pattern: &str) -> Result<(), String> {
    if pattern.len() <= MAX_REGEX {
        return Ok(());
    }
    Err(format!("the regular expression is longer than {MAX_REGEX} bytes"))
}

/// The crate draws a picture over several lines; its last line says what is wrong.
fn refused(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let because = last.strip_prefix("error: ").unwrap_or(last);
    format!("the regular expression `{pattern}` is not valid: {because}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_single_values_read_alike() {
        assert_eq!(texts(&json!("a")).unwrap(), ["a"]);
        assert_eq!(texts(&json!(["a", "b"])).unwrap(), ["a", "b"]);
        assert_eq!(texts_of(&json!({}), "files").unwrap(), Vec::<&str>::new());
        assert!(
            texts_of(&json!({"files": [1]}), "files")
                .unwrap_err()
                .starts_with("files:")
        );
    }

    #[test]
    fn b8_expressions_that_need_too_much_are_refused() {
        assert!(regex("(a+)+$").is_ok());
        assert!(regex("((a{100}){100}){100}").is_err());
        assert!(regex(&"a".repeat(5000)).is_err());
        assert_eq!(
            regex("(a").unwrap_err(),
            "the regular expression `(a` is not valid: unclosed group"
        );
    }
}
