//! The second tier of errors: a kind that decides the exit code, a sentence, and an instruction.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use super::exit_code;
use super::text::neutralise_lines;
use super::theme::{Role, Theme};
use crate::config::ConfigError;
use crate::runtime::causes::causes;

/// What an error means for whoever started the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The thing asked about is bad.
    Bad,
    /// The command line or the configuration makes no sense.
    Usage,
    /// No daemon answers.
    NotReachable,
    /// It is not done, on purpose.
    Refused,
    /// A fault of the program or the computer.
    Internal,
    /// Whoever read our output has gone; nothing to say.
    BrokenPipe,
}

impl ErrorKind {
    /// The program's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Bad => exit_code::BAD,
            Self::Usage => exit_code::USAGE,
            Self::NotReachable => exit_code::NOT_REACHABLE,
            Self::Refused => exit_code::REFUSED,
            Self::Internal => exit_code::INTERNAL,
            Self::BrokenPipe => exit_code::OK,
        }
    }
}

/// An error on its way to a person.
#[derive(Debug)]
pub struct CommandError {
    /// What it means.
    pub kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CommandError {
    /// An error of a kind, in a sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// The same with an instruction.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with an instruction, when there is one.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The same with its cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An error whose words are those of `source`.
    pub fn from_error(kind: ErrorKind, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            kind,
            message: String::new(),
            hint: None,
            source: Some(Box::new(source)),
        }
    }

    /// As it is shown: `error:`, each cause on its own line, then `hint:`.
    pub fn render(&self, theme: &Theme) -> String {
        let mut chain: Vec<String> = Vec::new();
        if !self.message.is_empty() {
            chain.push(self.message.clone());
        }
        let source = self
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static));
        for error in source.into_iter().flat_map(causes) {
            let text = error.to_string();
            if chain.last() != Some(&text) {
                chain.push(text);
            }
        }
        let mut shown = String::new();
        for (index, text) in chain.iter().enumerate() {
            let label = if index == 0 {
                theme.paint(Role::Bad, "error:")
            } else {
                "  because".to_owned()
            };
            let _ = writeln!(shown, "{label} {}", neutralise_lines(text));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(
                shown,
                "{} {}",
                theme.paint(Role::Hint, "hint:"),
                neutralise_lines(hint)
            );
        }
        shown
    }
}

impl From<io::Error> for CommandError {
    /// Errors of our own output; errors of files are given context where they happen.
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, "failed to write the output").caused_by(error)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let kind = match &error {
            ConfigError::Directory { .. } => ErrorKind::Internal,
            ConfigError::NotForProjects { .. } => ErrorKind::Refused,
            ConfigError::Unreadable { .. }
            | ConfigError::TooLarge { .. }
            | ConfigError::Invalid { .. }
            | ConfigError::Value { .. }
            | ConfigError::NoStateDirectory => ErrorKind::Usage,
        };
        let hint = error.hint();
        Self::from_error(kind, error).maybe_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_its_causes_and_a_hint() {
        let cause = io::Error::other("the disk\x1b[2J is full");
        let error = CommandError::new(ErrorKind::Internal, "failed to write the spool")
            .caused_by(cause)
            .hint("make room");
        insta::assert_snapshot!(error.render(&Theme::plain()), @r"
    error: failed to write the spool
      because the disk\u{1b}[2J is full
    hint: make room
    ");
    }
}
