//! Our own shape, for tools that know none of the others: a list of comments, an object with `comments`, or one comment a line.

use serde::Deserialize;
use serde_json::Value;

use super::{MAX_READ, ReportError, wrong};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

const FORMAT: &str = "comments as JSON";

#[derive(Deserialize)]
struct Comment {
    severity: String,
    #[serde(alias = "message")]
    detail: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default, alias = "rule")]
    subcategory: Option<String>,
    #[serde(default, alias = "file")]
    path: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    #[serde(default)]
    fix: Option<String>,
}

pub(super) fn read(report: &[u8]) -> Result<Vec<ReviewComment>, ReportError> {
    if report.iter().all(u8::is_ascii_whitespace) {
        return Err(ReportError::Empty);
    }
    let values: Vec<Value> = match serde_json::from_slice(report) {
        Ok(Value::Array(list)) => list,
        Ok(Value::Object(mut object)) => match object.remove("comments") {
            Some(Value::Array(list)) => list,
            Some(_) => return Err(wrong(FORMAT, &"`comments` is not a list")),
            None => vec![Value::Object(object)],
        },
        Ok(_) => return Err(wrong(FORMAT, &"it is neither a list nor an object")),
        Err(error) => lines(report).ok_or_else(|| wrong(FORMAT, &error))?,
    };
    values.into_iter().take(MAX_READ).map(comment).collect()
}

/// One comment a line; `None` when any line is none.
fn lines(report: &[u8]) -> Option<Vec<Value>> {
    let lines = report.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    lines
        .take(MAX_READ)
        .map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn comment(value: Value) -> Result<ReviewComment, ReportError> {
    let comment: Comment = serde_json::from_value(value).map_err(|error| wrong(FORMAT, &error))?;
    let severity = CommentSeverity::parse(&comment.severity);
    let severity = severity.ok_or_else(|| {
        let word: String = comment.severity.chars().take(60).collect();
        wrong(
            FORMAT,
            &format!("`{word}` is not a severity; write info, warn or error"),
        )
    })?;
    Ok(ReviewComment {
        severity,
        category: comment.category.unwrap_or_else(|| "inspection".to_owned()),
        subcategory: comment.subcategory,
        detail: comment.detail,
        location: comment.path.map(|path| SourceLocation {
            path,
            line: comment.line.filter(|line| *line > 0),
            column: comment.column.filter(|column| *column > 0),
        }),
        fix: comment.fix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_an_object_and_lines_say_the_same() {
        let one = r#"{"severity":"warning","message":"long","file":"a.py","line":2,"rule":"E501"}"#;
        let expected = read(format!("[{one}]").as_bytes()).unwrap();
        assert_eq!(expected[0].location.as_ref().unwrap().to_string(), "a.py:2");
        for report in [
            one.to_owned(),
            format!("{{\"comments\":[{one}]}}"),
            format!("{one}\n\n{one}\n"),
        ] {
            assert_eq!(read(report.as_bytes()).unwrap()[0], expected[0], "{report}");
        }
        assert_eq!(read(b"[]"), Ok(Vec::new()));
    }

    #[test]
    fn what_it_is_not_is_said() {
        let said = |report: &str| read(report.as_bytes()).unwrap_err().to_string();
        assert!(said(r#"[{"severity":"huge","detail":"x"}]"#).contains("`huge` is not a severity"));
        assert!(said(r#"[{"detail":"x"}]"#).contains("severity"));
        assert!(said("Traceback").contains("comments as JSON"));
        assert_eq!(read(b""), Err(ReportError::Empty));
    }
}
