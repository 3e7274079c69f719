//! Bytes into text: size, encoding and the characters that never belong in a goal file.

use std::sync::Arc;

use crate::model::{Diagnostic, Place};

/// Largest goal file, in bytes. A larger one is refused before anything in it is looked at.
pub(crate) const MAX_FILE_BYTES: usize = 1 << 20;

/// A file's text and the lengths of its lines.
pub(crate) struct Source<'a> {
    pub(crate) name: Arc<str>,
    pub(crate) text: &'a str,
    line_lengths: Vec<u32>,
}

impl<'a> Source<'a> {
    /// Checks size, UTF-8 and NUL.
    ///
    /// # Errors
    /// The first problem, with its line and column.
    pub(crate) fn new(name: &Arc<str>, bytes: &'a [u8]) -> Result<Self, Diagnostic> {
        let at = |line, column| Place {
            file: name.clone(),
            line,
            column,
        };
        if bytes.len() > MAX_FILE_BYTES {
            let message = format!(
                "the file has {} bytes; a goal file has at most {MAX_FILE_BYTES}",
                bytes.len()
            );
            return Err(Diagnostic::error("file_too_large", at(1, 1), message)
                .hint("split it into several files; they are read together"));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (line, column) = end_of(&bytes[..error.valid_up_to()]);
            Diagnostic::error("invalid_utf8", at(line, column), "this byte is not UTF-8")
                .hint("save the file as UTF-8")
        })?;
        if let Some(index) = bytes.iter().position(|byte| *byte == 0) {
            let (line, column) = end_of(&bytes[..index]);
            return Err(
                Diagnostic::error("nul_character", at(line, column), "the file has a NUL character")
                    .hint("remove it; goal files are text"),
            );
        }
        let line_lengths = lines(text).map(characters).collect();
        Ok(Self {
            name: name.clone(),
            text,
            line_lengths,
        })
    }

    /// A place of this file, never outside it; line from 1, column from 0.
    pub(crate) fn place(&self, line: usize, column: usize) -> Place {
        let last = self.line_lengths.len();
        let line = line.clamp(1, last);
        let column = column.min(self.line_length(line));
        Place {
            file: self.name.clone(),
            line: count(line),
            column: count(column + 1),
        }
    }

    /// Characters from a column (from 0) to the end of its line.
    pub(crate) fn rest_of_line(&self, line: usize, column: usize) -> usize {
        self.line_length(line).saturating_sub(column)
    }

    fn line_length(&self, line: usize) -> usize {
        self.line_lengths
            .get(line.saturating_sub(1))
            .map_or(0, |length| *length as usize)
    }
}

/// Lines as YAML breaks them: at `\n`, `\r\n` or `\r`. There is always at least one.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = if text[end..].starts_with("\r\n") {
            end + 2
        } else {
            end + 1
        };
        rest = Some(&text[after..]);
        Some(&text[..end])
    })
}

/// Line and column just after valid text.
fn end_of(valid: &[u8]) -> (u32, u32) {
    let valid = std::str::from_utf8(valid).unwrap_or_default();
    let (mut line, mut column) = (0, 1);
    for text in lines(valid) {
        line += 1;
        column = characters(text).saturating_add(1);
    }
    (line, column)
}

fn characters(text: &str) -> u32 {
    count(text.chars().count())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
