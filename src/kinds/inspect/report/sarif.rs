//! SARIF 2.1: runs of tools with results, each with a rule, a level and places.

use std::collections::HashMap;

use serde_json::Value;

use super::paths::unescaped;
use super::{MAX_READ, ReportError, document, position, wrong};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

const FORMAT: &str = "SARIF";

pub(super) fn read(report: &[u8]) -> Result<Vec<ReviewComment>, ReportError> {
    let document = document(report, FORMAT)?;
    let runs = document.get("runs").and_then(Value::as_array);
    let runs = runs.ok_or_else(|| wrong(FORMAT, &"it has no list `runs`"))?;
    Ok(runs.iter().flat_map(comments_of_run).take(MAX_READ).collect())
}

fn comments_of_run(run: &Value) -> Vec<ReviewComment> {
    let driver = run.pointer("/tool/driver");
    let tool = text(driver.and_then(|driver| driver.get("name"))).unwrap_or("inspection");
    let defaults = default_levels(driver);
    let results = run.get("results").and_then(Value::as_array).into_iter().flatten();
    let counts = |result: &&Value| {
        result
            .get("suppressions")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    };
    results
        .filter(counts)
        .map(|result| comment(result, tool, &defaults))
        .collect()
}

/// The level of each rule, for results that do not say theirs.
fn default_levels(driver: Option<&Value>) -> HashMap<&str, &str> {
    let rules = driver
        .and_then(|driver| driver.get("rules"))
        .and_then(Value::as_array);
    let level = |rule| {
        Some((
            text(Value::get(rule, "id"))?,
            text(rule.pointer("/defaultConfiguration/level"))?,
        ))
    };
    rules.into_iter().flatten().filter_map(level).collect()
}

fn comment(result: &Value, tool: &str, defaults: &HashMap<&str, &str>) -> ReviewComment {
    let rule = text(result.get("ruleId")).or_else(|| text(result.pointer("/rule/id")));
    let level = text(result.get("level")).or_else(|| defaults.get(rule?).copied());
    let severity = match level {
        Some("error") => CommentSeverity::Error,
        Some("note" | "none") => CommentSeverity::Info,
        // The standard's own default.
        Some(_) | None => CommentSeverity::Warn,
    };
    let message = text(result.pointer("/message/text")).or_else(|| text(result.pointer("/message/markdown")));
    ReviewComment {
        severity,
        category: tool.to_owned(),
        subcategory: rule.map(str::to_owned),
        detail: message.or(rule).unwrap_or("no message").to_owned(),
        location: result.pointer("/locations/0/physicalLocation").and_then(location),
        fix: text(result.pointer("/fixes/0/description/text")).map(str::to_owned),
    }
}

fn location(physical: &Value) -> Option<SourceLocation> {
    Some(SourceLocation {
        path: unescaped(text(physical.pointer("/artifactLocation/uri"))?),
        line: position(physical.pointer("/region/startLine")),
        column: position(physical.pointer("/region/startColumn")),
    })
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn levels_rules_and_places_are_read_and_suppressed_results_do_not_count() {
        let place = json!([{"physicalLocation": {"artifactLocation": {"uri": "src/a%20b.js"}, "region": {"startLine": 3, "startColumn": 9}}}]);
        let report = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Lint", "rules": [{"id": "R2", "defaultConfiguration": {"level": "error"}}]}},
        "results": [
            {"ruleId": "R1", "level": "note", "message": {"text": "one"}, "locations": place},
            {"ruleId": "R2", "message": {"text": "two"}, "fixes": [{"description": {"text": "do it"}}]},
            {"ruleId": "R3", "message": {}},
            {"ruleId": "R2", "message": {"text": "known"}, "suppressions": [{"kind": "inSource"}]},
        ]}]});
        let comments = read(report.to_string().as_bytes()).unwrap();
        let shown: Vec<_> = comments
            .iter()
            .map(|c| {
                (
                    c.severity,
                    c.detail.as_str(),
                    c.location.as_ref().map(ToString::to_string),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (CommentSeverity::Info, "one", Some("src/a b.js:3:9".to_owned())),
                (CommentSeverity::Error, "two", None),
                (CommentSeverity::Warn, "R3", None),
            ]
        );
        assert_eq!(comments[1].fix.as_deref(), Some("do it"));
    }

    #[test]
    fn b7_what_is_not_sarif_or_nests_too_deeply_is_refused() {
        assert_eq!(read(b" \n"), Err(ReportError::Empty));
        assert!(read(b"{}").unwrap_err().to_string().contains("`runs`"));
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
    }
}
