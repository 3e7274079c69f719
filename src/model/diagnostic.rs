//! Problems in files that people write, each with a place, a cause and a fix.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used and is probably not what was meant.
    Warning,
}

/// A point in a file; line and column count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file as it was named to us.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem, as `sdm check` and the editor show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable name of the kind of problem, such as `unknown_key`.
    pub code: String,
    /// What is wrong, as a sentence without the place.
    pub message: String,
    /// Where it begins.
    pub place: Place,
    /// How many characters it covers on its line; at least 1.
    pub length: u32,
    /// What to do, as an instruction.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            message: message.into(),
            place,
            length: 1,
            hint: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: &str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, place, message)
        }
    }

    /// The same with an instruction.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same covering `length` characters.
    pub fn spanning(mut self, length: u32) -> Self {
        self.length = length.max(1);
        self
    }
}
