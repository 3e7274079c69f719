//! What the containers of a goal came to, as an exit code and a sentence.

use super::engine::EngineError;
use super::exchange::Places;
use super::follow::Exit;
use crate::exec::attempt::write_whole;
use crate::ports::containers::{ContainerReport, ContainerSpec};

/// The engine, not a container, is why it failed; `docker run` has it so.
const ENGINE_FAILED: i32 = 125;

/// Told to end: as if TERM had ended it.
pub const TOLD_TO_END: i32 = 128 + 15;

/// An exit code, and why.
pub(super) struct Verdict {
    /// 0 is success.
    pub(super) code: i32,
    /// For people.
    pub(super) words: String,
    /// Whether something may be there that nobody has noted.
    pub(super) was_interrupted: bool,
    /// The code of the container that decided, when one has ended by itself.
    pub(super) exit_code: Option<i32>,
    /// Whether no container is to blame: the engine, an image or what the containers need is.
    pub(super) is_hindered: bool,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The exit code; 0 is success.
    pub code: i32,
    /// Why it could not be carried out, when no container is to blame.
    pub hindered: Option<String>,
}

impl From<Verdict> for Carried {
    fn from(verdict: Verdict) -> Self {
        Self {
            code: verdict.code,
            hindered: Some(verdict.words).filter(|_| verdict.is_hindered),
        }
    }
}

impl Verdict {
    /// The container that decided has ended.
    pub(super) fn of_exit(spec: &ContainerSpec, exit: &Exit) -> Self {
        let code = i32::try_from(exit.code).unwrap_or(1);
        let words = match (code, exit.out_of_memory) {
            (0, _) => "completed container job".to_owned(),
            (_, true) => format!(
                "container `{}` used more memory than it may and was killed",
                spec.name
            ),
            (code, false) => format!("container `{}` ended with code {code}", spec.name),
        };
        Self {
            code,
            words,
            was_interrupted: false,
            exit_code: Some(code).filter(|_| !exit.out_of_memory),
            is_hindered: false,
        }
    }

    /// The engine refused, or is not there.
    pub(super) fn of_error(error: &EngineError) -> Self {
        Self::failed(error.to_string())
    }

    /// Something outside of the containers is in the way.
    pub(super) fn failed(words: String) -> Self {
        Self {
            code: ENGINE_FAILED,
            words,
            was_interrupted: true,
            exit_code: None,
            is_hindered: true,
        }
    }

    /// Somebody wants it to end.
    pub(super) fn told_to_end() -> Self {
        Self {
            code: TOLD_TO_END,
            words: "told to end".to_owned(),
            was_interrupted: true,
            exit_code: None,
            is_hindered: false,
        }
    }
}

/// Leaves the report for the machine. What cannot be written is only not known there.
pub(super) fn leave(places: &Places, report: &ContainerReport) {
    if let Ok(text) = serde_json::to_vec(report) {
        write_whole(&places.report(), &text).ok();
    }
}
