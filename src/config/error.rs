//! What can be wrong with configuration, with its place and what to do.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::suggest::nearest;

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that was asked for, or that exists, cannot be read.
    #[error("failed to read the configuration file {}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something a person would not write by hand.
    #[error("the configuration file {} is larger than {limit} bytes", file.display())]
    TooLarge {
        /// Which.
        file: PathBuf,
        /// Most bytes read.
        limit: u64,
    },
    /// A file says something that is not configuration.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Invalid {
        /// Which.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A key that only the owner of the machine may set, in a file that anybody's repository may bring (threat J2).
    #[error("{}: `{key}` cannot be set by a project's own file", file.display())]
    NotForProjects {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: &'static str,
        /// Where it belongs.
        hint: String,
    },
    /// A flag or variable has a value that cannot be used.
    #[error("{origin}: {message}")]
    Value {
        /// The flag or variable.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// There is nowhere to keep state.
    #[error(
        "there is no directory for the machine's state: neither SDM_HOME nor XDG_STATE_HOME nor HOME is set"
    )]
    NoStateDirectory,
    /// A directory of the machine cannot be made or is not private.
    #[error("failed to make the private directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } => hint.clone(),
            Self::NotForProjects { hint, .. } => Some(hint.clone()),
            Self::NoStateDirectory => Some("set SDM_HOME to a directory of your own".to_owned()),
            Self::Directory { path, .. } => Some(format!(
                "{} must be a directory that belongs to you; name another with SDM_HOME",
                path.display()
            )),
            Self::Unreadable { .. } => {
                Some("correct its path or permissions, or name another with --config".to_owned())
            }
            Self::TooLarge { .. } => {
                Some("a configuration file is a page of YAML; name the right one with --config".to_owned())
            }
            Self::Value { .. } => None,
        }
    }

    /// From serde's words: the place, and what was probably meant.
    pub(super) fn from_yaml(file: PathBuf, error: &serde_yaml::Error) -> Self {
        let (line, column) = error
            .location()
            .map_or((1, 1), |location| (location.line(), location.column()));
        let text = error.to_string();
        let message = text
            .rfind(" at line ")
            .map_or(text.as_str(), |end| &text[..end])
            .to_owned();
        let hint = meant(&message);
        Self::Invalid {
            file,
            line,
            column,
            message: match &hint {
                Some(_) => message.split(", expected ").next().unwrap_or(&message).to_owned(),
                None => message.replace(", expected one of", "; known are"),
            },
            hint,
        }
    }
}

/// Serde says: unknown field `x`, expected one of `a`, `b`.
fn meant(message: &str) -> Option<String> {
    let (before, after) = message.split_once(", expected ")?;
    let unknown = before.split('`').nth(1)?;
    let known = after.split('`').skip(1).step_by(2);
    nearest(unknown, known).map(|found| format!("did you mean `{found}`?"))
}
