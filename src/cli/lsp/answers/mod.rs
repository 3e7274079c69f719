//! The answers to questions about a position or a file.

mod completion;
mod hover;
mod placeholders;
mod symbols;

use serde_json::{Value, json};

use super::files::Files;
use super::scan::{Here, here};
use super::text::{self, word_at};
use crate::engine::catalogue;
use crate::spec::Shape;

/// The answer to a request; `None` when there is no such method.
pub(super) fn to(method: &str, files: &Files, params: &Value) -> Option<Value> {
    let question = || Question::of(files, params);
    Some(match method {
        "textDocument/completion" => {
            question().map_or_else(|| json!([]), |question| completion::items(&question))
        }
        "textDocument/hover" => question().map_or(Value::Null, |question| hover::explanation(&question)),
        "textDocument/definition" => {
            question().map_or_else(|| json!([]), |question| symbols::definitions(&question))
        }
        "textDocument/documentSymbol" => files
            .text(params)
            .map_or_else(|| json!([]), |(_, text)| symbols::outline(text)),
        _ => return None,
    })
}

/// A position in an open document.
struct Question<'f> {
    files: &'f Files,
    uri: &'f str,
    text: &'f str,
    /// Byte of the position.
    offset: usize,
}

/// The word at a position, whole, and what may stand where it stands.
struct Word<'f> {
    here: Here,
    text: &'f str,
    is_key: bool,
}

impl<'f> Question<'f> {
    fn of(files: &'f Files, params: &Value) -> Option<Self> {
        let (uri, text) = files.text(params)?;
        let offset = text::offset_of(text, params.get("position")?)?;
        Some(Self {
            files,
            uri,
            text,
            offset,
        })
    }

    /// What is around the position, nothing behind it considered.
    fn here(&self) -> Here {
        here(&self.text[..self.offset])
    }

    /// The word that the position is in.
    fn word(&self) -> Option<Word<'f>> {
        let (start, end) = word_at(self.text, self.offset);
        if start == end {
            return None;
        }
        let after = self.text[end..].trim_start_matches(['"', '\'']);
        let is_key = after.starts_with(':') && !after[1..].starts_with(|c: char| !c.is_whitespace());
        Some(Word {
            here: here(&self.text[..end]),
            text: &self.text[start..end],
            is_key,
        })
    }

    /// The whole value that the position is in: names may have spaces in them.
    fn value(&self) -> Option<String> {
        let word = self.word()?;
        let (_, end) = word_at(self.text, self.offset);
        let rest = &self.text[end..];
        let stop = rest
            .find([',', ']', '}', '\n', '\r', '#', '"', '\'', ':'])
            .unwrap_or(rest.len());
        Some(format!("{}{}", word.here.prefix, &rest[..stop]).trim().to_owned())
    }
}

fn document() -> Shape<'static> {
    Shape::document(catalogue())
}
