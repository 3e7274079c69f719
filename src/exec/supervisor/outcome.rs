//! What an attempt came to (semantics 3.11, 3.19).

use std::time::Duration;

use super::failing::{Failing, SIGNALED};
use super::limits::Breach;
use super::result_file::ResultFile;
use super::sequence::Verdict;
use crate::model::ExecutionResult;
use crate::model::redact::Redactor;
use crate::model::time::humane;

/// Code of a command that ended with 0 although it was told to end: as if TERM had ended it.
const TOLD_TO_END: i32 = SIGNALED + 15;

/// Code of commands that ended with 0 and whose output tells of a failure.
const FOUND: i32 = 99;

/// Longest text of a result in characters, `data` apart.
const LONGEST_TEXT: usize = 4000;

/// Why a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Itself,
    /// It ran longer than it may.
    Timeout,
    /// Somebody asked for it, with this reason.
    Stop(String),
    /// It broke a limit.
    Breach(Breach),
}

/// The result of the steps that ran. `result.json` counts only when all ended by themselves and well.
pub(super) fn of(verdict: Verdict, cause: &Cause, file: &ResultFile, timeout: Duration) -> ExecutionResult {
    let failure = match verdict {
        Verdict::Well => None,
        Verdict::Failed { step, how } => Some(failed(step, how)),
    };
    let code = failure.as_ref().map_or(TOLD_TO_END, |failure| failure.code);
    let ended_by_us = |phase: &str, message: String| ExecutionResult {
        code,
        phase: Some(phase.to_owned()),
        message: Some(message),
        ..ExecutionResult::default()
    };
    match (cause, failure) {
        (Cause::Timeout, _) => ended_by_us(
            "timeout",
            format!("the command ran longer than {} and was ended", humane(timeout)),
        ),
        (Cause::Stop(reason), _) => ended_by_us("stopped", format!("stopped: {reason}")),
        (Cause::Breach(breach), _) => ended_by_us(breach.phase, breach.message.clone()),
        (Cause::Itself, Some(failure)) => failure,
        (Cause::Itself, None) => match file.read() {
            Ok(reported) => reported.unwrap_or_default(),
            Err(message) => ExecutionResult::failure(message),
        },
    }
}

/// The result where output told of a failure: that counts although all commands ended well (EX-11).
pub(super) fn with_finding(result: ExecutionResult, found: Option<&str>) -> ExecutionResult {
    match found.filter(|_| result.code == 0) {
        Some(line) => ExecutionResult {
            code: FOUND,
            message: Some(format!("its output tells of a failure: {line}")),
            ..ExecutionResult::default()
        },
        None => result,
    }
}

/// The result of a failed step, which it names when there are several (EX-10).
fn failed(step: Option<String>, how: Failing) -> ExecutionResult {
    let mut result = how.result();
    if let Some(step) = step {
        result.message = result.message.map(|message| format!("{step}: {message}"));
        result.phase = Some(step);
    }
    result
}

/// Masks secrets in everything a result shows, and cuts what is too long.
pub(super) fn shown(result: ExecutionResult, redactor: &Redactor) -> ExecutionResult {
    let result = redactor.result(result);
    let cut = |text: Option<String>| text.map(|text| text.chars().take(LONGEST_TEXT).collect());
    ExecutionResult {
        phase: cut(result.phase),
        description: cut(result.description),
        message: cut(result.message),
        ..result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::goal_event::ExternalUrl;

    #[test]
    fn ex_17_e1_no_field_of_a_result_shows_a_secret() {
        let redactor = Redactor::new(&["canary-1".to_owned()]);
        let text = || Some("a canary-1".to_owned());
        let result = ExecutionResult {
            phase: text(),
            description: text(),
            message: text(),
            data: text(),
            external_urls: vec![ExternalUrl {
                label: text(),
                url: "http://x/canary-1".to_owned(),
            }],
            version: Some("1.0.0".to_owned()),
            ..ExecutionResult::success()
        };
        let all = |result: &ExecutionResult| serde_json::to_string(result).unwrap();
        let seen = shown(result.clone(), &redactor);
        assert_eq!(all(&seen), all(&result).replace("canary-1", "***"));
        let version = Some("1.0.0-canary-1".to_owned());
        let seen = shown(ExecutionResult { version, ..result }, &redactor);
        assert!(seen.code != 0 && !all(&seen).contains("canary"), "{seen:?}");
    }
}
