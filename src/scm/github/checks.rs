//! How the goals of a commit stand, as checks of it (semantics 6, 7.1), which only an app may write: with the token of one of its
//! installations.
//!
//! A check has what a status lacks: a neutral conclusion, one for what was canceled and one for what was skipped, and room for
//! more than a line.

use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Answer, Session};
use super::statuses::{described, is_page};
use crate::model::CommitSha;
use crate::ports::checks::{Check, CheckRun, CheckState, FoundCheck};
use crate::ports::forges::ForgeError;

/// Longest title that is sent, in characters.
const LONGEST_TITLE: usize = 250;

/// Longest summary that GitHub takes, in bytes.
const LONGEST_SUMMARY: usize = 65_535;

/// Runs of one name that are looked at, newest first.
const MOST_RUNS: &str = "100";

#[derive(Debug, Deserialize)]
struct ShownRun {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ShownRuns {
    check_runs: Vec<ShownRun>,
}

impl Session<'_> {
    /// Makes a run; `id` is ours.
    pub(super) async fn make_check(
        &self,
        sha: &CommitSha,
        check: &Check,
        id: &str,
    ) -> Result<CheckRun, ForgeError> {
        let mut body = body(check);
        body["head_sha"] = json!(sha.as_str());
        body["external_id"] = json!(id);
        let url = self.url(&["check-runs"])?;
        let answer = self.call(Method::POST, url, Some(body)).await?;
        let made: ShownRun = self.read_of_checks(&answer)?;
        Ok(CheckRun(made.id))
    }

    /// Brings one up to date; `false` when it is there no more.
    pub(super) async fn change_check(&self, run: CheckRun, check: &Check) -> Result<bool, ForgeError> {
        let url = self.url(&["check-runs", &run.0.to_string()])?;
        let answer = self.call(Method::PATCH, url, Some(body(check))).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.read_of_checks::<Value>(&answer).map(|_| true)
    }

    /// The run of a commit with this name and id.
    pub(super) async fn find_check(
        &self,
        sha: &CommitSha,
        context: &str,
        id: &str,
    ) -> Result<Option<FoundCheck>, ForgeError> {
        let mut url: Url = self.url(&["commits", sha.as_str(), "check-runs"])?;
        url.query_pairs_mut()
            .append_pair("check_name", context)
            .append_pair("filter", "all")
            .append_pair("per_page", MOST_RUNS);
        let answer = self.call(Method::GET, url, None).await?;
        let shown: ShownRuns = self.read_of_checks(&answer)?;
        let is_it = |run: &ShownRun| run.external_id.as_deref() == Some(id);
        let found = shown.check_runs.into_iter().find(is_it);
        Ok(found.map(|run| FoundCheck {
            run: CheckRun(run.id),
            is_completed: run.status.as_deref() == Some("completed"),
        }))
    }

    /// What only an app may do is said in words that help.
    fn read_of_checks<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, ForgeError> {
        let read = self.read(answer);
        match read {
            Err(ForgeError::Refused { origin, because }) if answer.status() == StatusCode::FORBIDDEN => {
                let because = format!(
                    "{because}; only a GitHub App may write checks: let the forge's `secret` be the token of one of its \
                     installations with the permission `checks: write`, or say `statuses: true`"
                );
                Err(ForgeError::Refused { origin, because })
            }
            read => read,
        }
    }
}

fn body(check: &Check) -> Value {
    let (status, conclusion) = words(check.state);
    let mut body = json!({
        "name": check.context,
        "status": status,
        "output": {"title": described(&check.title, LONGEST_TITLE), "summary": cut(&check.summary)},
    });
    if let Some(conclusion) = conclusion {
        body["conclusion"] = json!(conclusion);
    }
    if let Some(page) = check.url.as_deref().filter(|page| is_page(page)) {
        body["details_url"] = json!(page);
    }
    body
}

/// Its status, and its conclusion where it has ended.
const fn words(state: CheckState) -> (&'static str, Option<&'static str>) {
    match state {
        CheckState::Queued => ("queued", None),
        CheckState::InProgress => ("in_progress", None),
        CheckState::Success => ("completed", Some("success")),
        CheckState::Failure => ("completed", Some("failure")),
        CheckState::Neutral => ("completed", Some("neutral")),
        CheckState::Skipped => ("completed", Some("skipped")),
        CheckState::Canceled => ("completed", Some("cancelled")),
    }
}

/// As much of a text as GitHub takes; a title alone is not taken.
fn cut(text: &str) -> String {
    const MORE: &str = "\n\u{2026}";
    if text.trim().is_empty() {
        return "-".to_owned();
    }
    if text.len() <= LONGEST_SUMMARY {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST_SUMMARY - MORE.len());
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(state: CheckState, title: &str, summary: &str, url: Option<&str>) -> Value {
        body(&Check {
            context: "sdm/build/test".to_owned(),
            state,
            title: title.to_owned(),
            summary: summary.to_owned(),
            url: url.map(str::to_owned),
        })
    }

    #[test]
    fn semantics_7_1_conclusions_are_those_that_the_specification_maps() {
        let concluded = |state| {
            let sent = sent(state, "x", "x", None);
            (sent["status"].clone(), sent["conclusion"].clone())
        };
        for (state, status, conclusion) in [
            (CheckState::Queued, "queued", Value::Null),
            (CheckState::InProgress, "in_progress", Value::Null),
            (CheckState::Success, "completed", json!("success")),
            (CheckState::Failure, "completed", json!("failure")),
            (CheckState::Neutral, "completed", json!("neutral")),
            (CheckState::Skipped, "completed", json!("skipped")),
            (CheckState::Canceled, "completed", json!("cancelled")),
        ] {
            assert_eq!(concluded(state), (json!(status), conclusion));
        }
    }

    #[test]
    fn a4_a_summary_is_no_longer_than_github_takes_and_pages_are_of_the_web() {
        let long = sent(
            CheckState::Failure,
            &"t\n".repeat(500),
            &"\u{e9}".repeat(40_000),
            None,
        );
        let summary = long["output"]["summary"].as_str().unwrap();
        assert!(summary.len() <= LONGEST_SUMMARY && summary.ends_with('\u{2026}'));
        assert!(long["output"]["title"].as_str().unwrap().chars().count() <= LONGEST_TITLE);
        assert_eq!(sent(CheckState::Queued, "x", " ", None)["output"]["summary"], "-");
        let page = |page| {
            sent(CheckState::Success, "x", "x", Some(page))
                .get("details_url")
                .cloned()
        };
        assert_eq!(
            page("https://hub.example.com/1"),
            Some(json!("https://hub.example.com/1"))
        );
        assert_eq!(page("javascript:alert(1)"), None);
    }
}
