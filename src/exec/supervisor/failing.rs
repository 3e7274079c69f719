//! How a step of an attempt ended when it did not end well, and what that means for its goal (semantics 3.11).

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::model::ExecutionResult;

/// Added to the number of the signal that ended a command.
pub(super) const SIGNALED: i32 = 128;

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum StepEnd {
    /// Its command ended.
    Ended(WaitStatus),
    /// Its command could not be started.
    NotStarted(Box<ExecutionResult>),
}

/// How a step failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failing {
    /// It ended, or never came to it.
    End(StepEnd),
    /// What it waited for did not come, however often it looked.
    NeverReady,
}

impl StepEnd {
    /// The code that its command ended with by itself.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Self::Ended(WaitStatus::Exited(_, code)) => Some(*code),
            Self::Ended(_) | Self::NotStarted(_) => None,
        }
    }
}

impl Failing {
    /// Whether it is an answer to what the step asked.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::NeverReady => true,
            Self::End(end) => end.code().is_some(),
        }
    }

    /// What a goal comes to that fails like this.
    pub(super) fn result(self) -> ExecutionResult {
        match self {
            Self::End(StepEnd::NotStarted(result)) => *result,
            Self::End(StepEnd::Ended(status)) => ended(status),
            Self::NeverReady => ExecutionResult::failure("timed out after max retries"),
        }
    }

    /// The same for the log, on one line.
    pub(super) fn words(self) -> String {
        let message = self.result().message.unwrap_or_default();
        message.lines().collect::<Vec<_>>().join(" ")
    }
}

fn ended(status: WaitStatus) -> ExecutionResult {
    // As the kernel ends it, and as a shell says that the kernel ended it.
    let beyond_its_size = match status {
        WaitStatus::Signaled(_, signal, _) => signal == Signal::SIGXFSZ,
        WaitStatus::Exited(_, code) => code == SIGNALED + Signal::SIGXFSZ as i32,
        _ => false,
    };
    if beyond_its_size {
        return ExecutionResult {
            code: SIGNALED + Signal::SIGXFSZ as i32,
            phase: Some("limit: file size".to_owned()),
            message: Some("a file that the command wrote grew beyond its limit".to_owned()),
            ..ExecutionResult::default()
        };
    }
    let (code, said) = match status {
        WaitStatus::Signaled(_, signal, _) => (
            SIGNALED + signal as i32,
            format!("the command was ended by {}", signal.as_str()),
        ),
        WaitStatus::Exited(_, code) => (code, format!("the command ended with code {code}")),
        _ => (1, "the command ended in a way that is not known".to_owned()),
    };
    ExecutionResult {
        code,
        message: Some(said),
        ..ExecutionResult::default()
    }
}
