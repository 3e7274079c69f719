//! A template taken apart: for places where a value must not become part of the surrounding text.

use serde_json::Value;

use super::parse::{Part, PlaceholderError, Template};
use super::resolve::Resolved;

/// One stretch of a filled in template.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece<'t> {
    /// Written by the author.
    Literal(&'t str),
    /// From a placeholder.
    Value(Resolved),
}

impl Template {
    /// Fills in every placeholder and keeps what the author wrote apart from what was filled in.
    ///
    /// # Errors
    /// A placeholder that is neither resolved, nor has a default, nor is optional.
    pub fn pieces(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<Vec<Piece<'_>>, PlaceholderError> {
        let mut pieces = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            pieces.push(match part {
                Part::Text(literal) => Piece::Literal(literal),
                Part::Placeholder(placeholder) => Piece::Value(placeholder.resolve(lookup)?),
            });
        }
        Ok(pieces)
    }

    /// What stands for the placeholder that begins at a byte of the text.
    ///
    /// # Errors
    /// Those of [`Template::pieces`].
    pub fn piece_at(
        &self,
        offset: usize,
        lookup: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Option<Resolved>, PlaceholderError> {
        let placeholders = self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(placeholder),
        });
        let mut wanted = placeholders.filter(|placeholder| placeholder.offset == offset);
        wanted
            .next()
            .map(|placeholder| placeholder.resolve(lookup))
            .transpose()
    }
}
