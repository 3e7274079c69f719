//! How the goals of a commit stand, as a status of it (semantics 6, "Commit status").
//!
//! The specification wants a neutral conclusion for goals that were stopped, and one of its own for those that were canceled.
//! GitHub has both for checks ([`super::checks`]), which only an app may write; with any other token there are statuses: pending,
//! success, failure and error. So what is no verdict about the commit is an `error`, whose text says that goals were stopped or
//! canceled. It is no success, which would let a commit be merged that nothing has tried, and no `failure`, which says that a goal
//! found something wrong.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::api::Session;
use crate::model::CommitSha;
use crate::model::deceptive::is_deceptive;
use crate::model::summary::one_line;
use crate::ports::forges::{ForgeError, Report, ReportState};

/// Longest description that GitHub takes, in characters.
const LONGEST_DESCRIPTION: usize = 140;

/// Longest address of a page that is sent, in bytes.
const LONGEST_URL: usize = 2_000;

impl Session<'_> {
    /// Sets the status of a commit in a context.
    pub(super) async fn report(&self, sha: &CommitSha, report: &Report) -> Result<(), ForgeError> {
        let url = self.url(&["statuses", sha.as_str()])?;
        let answer = self.call(Method::POST, url, Some(body(report))).await?;
        self.read::<Value>(&answer).map(|_| ())
    }
}

fn body(report: &Report) -> Value {
    let mut body = json!({
        "context": report.context,
        "state": state(report.state),
        "description": described(&report.text, LONGEST_DESCRIPTION),
    });
    if let Some(page) = report.url.as_deref().filter(|page| is_page(page)) {
        body["target_url"] = json!(page);
    }
    body
}

/// See the module.
const fn state(state: ReportState) -> &'static str {
    match state {
        ReportState::Pending => "pending",
        ReportState::Success => "success",
        ReportState::Failure => "failure",
        ReportState::Stopped | ReportState::Canceled => "error",
    }
}

/// One line as GitHub takes it, in so many characters: texts of goals are written by anybody.
pub(super) fn described(text: &str, longest: usize) -> String {
    let shown = |c: &char| (!c.is_control() || c.is_whitespace()) && !is_deceptive(*c);
    let plain: String = text.chars().filter(shown).take(4 * longest).collect();
    one_line(&plain, longest - 1)
}

pub(super) fn is_page(page: &str) -> bool {
    let is_web = |url: Url| matches!(url.scheme(), "http" | "https");
    page.len() <= LONGEST_URL && Url::parse(page).is_ok_and(is_web)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: ReportState, text: &str, url: Option<&str>) -> Value {
        body(&Report {
            context: "sdm/build".to_owned(),
            state,
            text: text.to_owned(),
            url: url.map(str::to_owned),
        })
    }

    #[test]
    fn semantics_6_what_is_no_verdict_is_neither_success_nor_failure() {
        let states = [
            ReportState::Pending,
            ReportState::Success,
            ReportState::Failure,
            ReportState::Stopped,
            ReportState::Canceled,
        ];
        let told = states.map(|state| report(state, "", None)["state"].clone());
        assert_eq!(told, ["pending", "success", "failure", "error", "error"]);
    }

    #[test]
    fn a4_texts_are_one_short_line_and_pages_are_of_the_web() {
        let long = report(ReportState::Failure, &"\u{e9} \u{202e}\n".repeat(1000), None);
        let shown = long["description"].as_str().unwrap();
        assert_eq!(shown.chars().count(), LONGEST_DESCRIPTION);
        assert!(!shown.contains(['\u{202e}', '\n']), "{shown}");
        let page = |page| report(ReportState::Success, "ok", Some(page));
        assert_eq!(
            page("https://hub.example.com/goals/1")["target_url"],
            "https://hub.example.com/goals/1"
        );
        let long = format!("https://hub.example.com/{}", "a".repeat(LONGEST_URL));
        for refused in ["javascript:alert(1)", "file:///etc/passwd", "no page", &long] {
            assert_eq!(page(refused).get("target_url"), None, "{refused}");
        }
    }
}
