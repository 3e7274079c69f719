//! `eslint --format json`: a list of files with messages.

use serde::Deserialize;

use super::{MAX_READ, ReportError, document, wrong};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

const FORMAT: &str = "ESLint's JSON";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    file_path: String,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    rule_id: Option<String>,
    #[serde(default)]
    severity: u8,
    message: String,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    #[serde(default)]
    fix: Option<serde::de::IgnoredAny>,
}

pub(super) fn read(report: &[u8]) -> Result<Vec<ReviewComment>, ReportError> {
    let files: Vec<File> =
        serde_json::from_value(document(report, FORMAT)?).map_err(|error| wrong(FORMAT, &error))?;
    let comments = files.into_iter().flat_map(|file| {
        let path = file.file_path;
        file.messages
            .into_iter()
            .map(move |message| comment(&path, message))
    });
    Ok(comments.take(MAX_READ).collect())
}

fn comment(path: &str, message: Message) -> ReviewComment {
    ReviewComment {
        severity: match message.severity {
            0 => CommentSeverity::Info,
            1 => CommentSeverity::Warn,
            _ => CommentSeverity::Error,
        },
        category: "eslint".to_owned(),
        subcategory: message.rule_id,
        detail: message.message,
        location: Some(SourceLocation {
            path: path.to_owned(),
            line: message.line.filter(|line| *line > 0),
            column: message.column.filter(|column| *column > 0),
        }),
        fix: message.fix.map(|_| "eslint --fix".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_rule_and_place() {
        let report = br#"[{"filePath":"/w/src/a.js","messages":[
            {"ruleId":"semi","severity":2,"message":"Missing semicolon.","line":1,"column":8,"fix":{"range":[7,7],"text":";"}},
            {"ruleId":null,"severity":1,"message":"ignored","line":0}]},{"filePath":"/w/b.js","messages":[]}]"#;
        let comments = read(report).unwrap();
        assert_eq!(
            comments[0].location.as_ref().unwrap().to_string(),
            "/w/src/a.js:1:8"
        );
        assert_eq!(comments[0].fix.as_deref(), Some("eslint --fix"));
        assert_eq!((comments[1].severity, comments.len()), (CommentSeverity::Warn, 2));
        assert!(read(b"{}").is_err());
    }
}
