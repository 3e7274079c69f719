//! `cargo … --message-format=json`: one JSON object a line, mixed with what the tools themselves print.

use serde::Deserialize;

use super::{MAX_READ, ReportError, wrong};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

#[derive(Deserialize)]
struct Line {
    reason: String,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    code: Option<Code>,
    #[serde(default)]
    spans: Vec<Span>,
    #[serde(default)]
    children: Vec<Message>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    #[serde(default)]
    column_start: u32,
    #[serde(default)]
    is_primary: bool,
    #[serde(default)]
    suggested_replacement: Option<String>,
}

pub(super) fn read(report: &[u8]) -> Result<Vec<ReviewComment>, ReportError> {
    let mut comments = Vec::new();
    let mut understood = false;
    for line in report.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            continue;
        };
        understood = true;
        if line.reason == "compiler-message" && comments.len() < MAX_READ {
            comments.extend(line.message.as_ref().and_then(comment));
        }
    }
    if understood || report.iter().all(u8::is_ascii_whitespace) {
        return Ok(comments);
    }
    Err(wrong(
        "what cargo writes with --message-format=json",
        &"no line of it is JSON",
    ))
}

/// A message about a place, or about the whole crate; the summary ("3 warnings emitted") is none.
fn comment(message: &Message) -> Option<ReviewComment> {
    let severity = match message.level.as_str() {
        level if level.starts_with("error") => CommentSeverity::Error,
        "warning" => CommentSeverity::Warn,
        _ => CommentSeverity::Info,
    };
    let primary = message.spans.iter().find(|span| span.is_primary);
    if primary.is_none() && message.code.is_none() && is_summary(&message.message) {
        return None;
    }
    Some(ReviewComment {
        severity,
        category: "rust".to_owned(),
        subcategory: message.code.as_ref().map(|code| code.code.clone()),
        detail: message.message.clone(),
        location: primary.map(|span| SourceLocation {
            path: span.file_name.clone(),
            line: Some(span.line_start),
            column: Some(span.column_start).filter(|column| *column > 0),
        }),
        fix: message.children.iter().find_map(fix),
    })
}

fn is_summary(text: &str) -> bool {
    text.contains("emitted") || text.starts_with("aborting due to")
}

/// What the compiler suggests, where it does.
fn fix(child: &Message) -> Option<String> {
    let replacement = child
        .spans
        .iter()
        .find_map(|span| span.suggested_replacement.as_ref())?;
    let replacement = replacement.trim();
    Some(match replacement.is_empty() {
        true => child.message.clone(),
        false => format!("{}: `{replacement}`", child.message.trim_end_matches(':')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIPPY: &str = concat!(
        "    Checking demo v0.1.0\n",
        r#"{"reason":"compiler-artifact","package_id":"x"}"#,
        "\n",
        r#"{"reason":"compiler-message","message":{"rendered":"…","level":"warning","message":"unneeded `return`","code":{"code":"clippy::needless_return","explanation":null},"spans":[{"file_name":"src/main.rs","line_start":7,"column_start":5,"is_primary":true}],"children":[{"message":"remove `return`:","level":"help","code":null,"children":[],"spans":[{"file_name":"src/main.rs","line_start":7,"is_primary":true,"suggested_replacement":"1"}]}]}}"#,
        "\n",
        r#"{"reason":"compiler-message","message":{"level":"error","message":"cannot find value `x`","code":{"code":"E0425"},"spans":[],"children":[]}}"#,
        "\n",
        r#"{"reason":"compiler-message","message":{"level":"warning","message":"1 warning emitted","code":null,"spans":[],"children":[]}}"#,
        "\n",
        r#"{"reason":"build-finished","success":false}"#,
        "\n",
    );

    #[test]
    fn clippy_says_severity_rule_place_and_fix() {
        let comments = read(CLIPPY.as_bytes()).unwrap();
        assert_eq!(comments.len(), 2);
        let first = &comments[0];
        assert_eq!(first.severity, CommentSeverity::Warn);
        assert_eq!(first.subcategory.as_deref(), Some("clippy::needless_return"));
        assert_eq!(first.location.as_ref().unwrap().to_string(), "src/main.rs:7:5");
        assert_eq!(first.fix.as_deref(), Some("remove `return`: `1`"));
        assert_eq!(
            (comments[1].severity, &comments[1].location),
            (CommentSeverity::Error, &None)
        );
    }

    #[test]
    fn what_is_no_json_at_all_is_not_a_clean_report() {
        assert!(read(b"error: no such command: `clipy`\n").is_err());
        assert_eq!(read(b""), Ok(Vec::new()));
    }
}
