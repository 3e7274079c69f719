//! What an attempt came to (semantics 3.11, 3.19).

use std::time::Duration;

use nix::sys::wait::WaitStatus;

use super::super::redact::Redactor;
use super::result_file::ResultFile;
use crate::model::ExecutionResult;

/// Added to the number of the signal that ended a command.
const SIGNALED: i32 = 128;

/// Code of a command that ended with 0 although it was told to end: as if TERM had ended it.
const TOLD_TO_END: i32 = SIGNALED + 15;

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
}

/// The result of a command that ran. `result.json` counts only when the command ended by itself with 0.
pub(super) fn of(end: WaitStatus, cause: &Cause, file: &ResultFile, timeout: Duration) -> ExecutionResult {
    let (code, said) = match end {
        WaitStatus::Signaled(_, signal, _) => (
            SIGNALED + signal as i32,
            format!("the command was ended by {}", signal.as_str()),
        ),
        WaitStatus::Exited(_, code) => (code, format!("the command ended with code {code}")),
        other => (1, format!("the command ended in an unknown way: {other:?}")),
    };
    let ended_by_us = |phase: &str, message: String| ExecutionResult {
        code: if code == 0 { TOLD_TO_END } else { code },
        phase: Some(phase.to_owned()),
        message: Some(message),
        ..ExecutionResult::default()
    };
    match cause {
        Cause::Timeout => ended_by_us(
            "timeout",
            format!("the command ran longer than {timeout:?} and was ended"),
        ),
        Cause::Stop(reason) => ended_by_us("stopped", format!("stopped: {reason}")),
        Cause::Itself if code != 0 => ExecutionResult {
            code,
            message: Some(said),
            ..ExecutionResult::default()
        },
        Cause::Itself => match file.read() {
            Ok(reported) => reported.unwrap_or_default(),
            Err(message) => ExecutionResult::failure(message),
        },
    }
}

/// Masks secrets in everything a result shows, and cuts what is too long (EX-17).
pub(super) fn shown(result: ExecutionResult, redactor: &Redactor) -> ExecutionResult {
    let text = |text: Option<String>| {
        text.map(|text| {
            redactor
                .redact(&text)
                .chars()
                .take(LONGEST_TEXT)
                .collect::<String>()
        })
    };
    let mut external_urls = result.external_urls;
    for link in &mut external_urls {
        link.url = redactor.redact(&link.url);
        link.label = link.label.take().map(|label| redactor.redact(&label));
    }
    ExecutionResult {
        code: result.code,
        state: result.state,
        phase: text(result.phase),
        description: text(result.description),
        message: text(result.message),
        data: result.data.map(|data| redactor.redact(&data)),
        external_urls,
        version: result.version,
    }
}
