//! Reports of tools, read into comments (semantics 4.2). A report is hostile: it has limits of size, count and depth, and
//! nothing in it is followed or expanded.

mod cargo;
mod checkstyle;
mod eslint;
mod json;
mod junit;
mod lines;
mod paths;
mod sarif;
mod xml;

use thiserror::Error;

use crate::model::ReviewComment;

pub use lines::LinePattern;
pub use paths::Root;

/// Largest report in bytes.
pub const MAX_REPORT: u64 = 64 << 20;

/// Most comments read from one report; what comes after is not looked at.
const MAX_READ: usize = 100_000;

/// Why a report could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// It is empty, and an empty one means nothing in this format.
    #[error("the report is empty")]
    Empty,
    /// It is not of its format.
    #[error("the report is not {format}: {because}")]
    Format {
        /// The format, with its article.
        format: &'static str,
        /// What is wrong.
        because: String,
    },
}

/// The formats that are understood.
#[derive(Debug, Clone)]
pub enum Format {
    /// `cargo --message-format=json`, as of `check`, `build` and `clippy`.
    Cargo,
    /// Static Analysis Results Interchange Format 2.1.
    Sarif,
    /// Checkstyle's XML, which many tools write.
    Checkstyle,
    /// ESLint's JSON.
    Eslint,
    /// Our own shape: comments as JSON.
    Json,
    /// JUnit's XML, which most test runners write: the tests that failed.
    Junit,
    /// Lines of text, by a pattern.
    Lines(LinePattern),
}

impl Format {
    /// The names of all formats.
    pub const NAMES: &'static [&'static str] =
        &["cargo", "sarif", "checkstyle", "eslint", "json", "junit", "lines"];

    /// The comments of a report; paths become relative to the root.
    ///
    /// # Errors
    /// The report is not of this format.
    pub fn read(&self, report: &[u8], root: &Root) -> Result<Vec<ReviewComment>, ReportError> {
        let mut comments = match self {
            Self::Cargo => cargo::read(report),
            Self::Sarif => sarif::read(report),
            Self::Checkstyle => checkstyle::read(report),
            Self::Eslint => eslint::read(report),
            Self::Json => json::read(report),
            Self::Junit => junit::read(report),
            Self::Lines(pattern) => Ok(pattern.read(report)),
        }?;
        for location in comments
            .iter_mut()
            .filter_map(|comment| comment.location.as_mut())
        {
            location.path = root.relative(&location.path);
        }
        Ok(comments)
    }
}

fn wrong(format: &'static str, because: &dyn std::fmt::Display) -> ReportError {
    ReportError::Format {
        format,
        because: because.to_string().chars().take(300).collect(),
    }
}

/// A JSON document, which must not be empty; `serde_json` limits its depth.
fn document(report: &[u8], format: &'static str) -> Result<serde_json::Value, ReportError> {
    if report.iter().all(u8::is_ascii_whitespace) {
        return Err(ReportError::Empty);
    }
    serde_json::from_slice(report).map_err(|error| wrong(format, &error))
}

/// A number of a line or column: from 1, and small enough to be one.
fn position(value: Option<&serde_json::Value>) -> Option<u32> {
    let number = value?.as_u64()?;
    u32::try_from(number).ok().filter(|number| *number > 0)
}
