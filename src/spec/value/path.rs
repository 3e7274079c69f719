//! Relative paths inside a repository.

use thiserror::Error;

use super::super::yaml::Node;
use super::Checker;

/// Longest path, in bytes.
const MAX_PATH: usize = 4096;

/// Why a text is not a path inside the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum InvalidPath {
    #[error("it is empty")]
    Empty,
    #[error("it begins at the root of the file system")]
    Absolute,
    #[error("`..` would leave the repository")]
    Parent,
    #[error("it has a control character")]
    Control,
    #[error("it is longer than {MAX_PATH} bytes")]
    TooLong,
}

/// The path without `./`, doubled and trailing slashes; `.` is the root of the repository.
pub(super) fn normalise(text: &str) -> Result<String, InvalidPath> {
    if text.is_empty() {
        return Err(InvalidPath::Empty);
    }
    if text.len() > MAX_PATH {
        return Err(InvalidPath::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidPath::Control);
    }
    if text.starts_with('/') {
        return Err(InvalidPath::Absolute);
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err(InvalidPath::Parent);
    }
    Ok(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

impl Checker<'_> {
    /// A path inside the repository.
    pub(crate) fn path(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.plain_text(node, what)?;
        match normalise(text) {
            Ok(path) => {
                self.warn_about_placeholder(node, what, text);
                Some(path)
            }
            Err(error) => {
                self.problems.error_with_hint(
                    "invalid_path",
                    node,
                    format!("{what} is not a path in the repository: {error}"),
                    "write it relative to the root of the repository, with `/` between its parts",
                );
                None
            }
        }
    }

    /// A path inside the repository in which placeholders are filled in; then it is looked at again.
    pub(super) fn path_template(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.text().is_some_and(|text| text.contains("${")) {
            true => self.text(node, what),
            false => self.path(node, what),
        }
    }

    /// Paths and globs are taken as they are; somebody who writes a placeholder expects otherwise.
    pub(super) fn warn_about_placeholder(&mut self, node: &Node, what: &str, text: &str) {
        if text.contains("${") {
            self.problems.warning(
                "placeholder_not_filled",
                node,
                format!("placeholders are not filled in {what}; `${{` is taken as it is"),
                "write the path itself",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_plain() {
        for (text, path) in [
            ("./src//main.rs", "src/main.rs"),
            ("src/", "src"),
            (".", "."),
            ("a/./b", "a/b"),
            ("..a/b..", "..a/b.."),
            (".github", ".github"),
        ] {
            assert_eq!(normalise(text), Ok(path.to_owned()), "{text}");
        }
    }

    #[test]
    fn paths_never_leave_the_repository() {
        for (text, why) in [
            ("", InvalidPath::Empty),
            ("/etc/passwd", InvalidPath::Absolute),
            ("a/../../b", InvalidPath::Parent),
            ("..", InvalidPath::Parent),
            ("a\nb", InvalidPath::Control),
        ] {
            assert_eq!(normalise(text), Err(why), "{text}");
        }
        assert_eq!(normalise(&"a".repeat(5000)), Err(InvalidPath::TooLong));
    }
}
