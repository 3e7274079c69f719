//! Filling a template in.

use serde_json::{Map, Value};

use super::parse::{Part, Placeholder, PlaceholderError, PlaceholderProblem, Template};

/// Longest filled in text, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// What answers for a path; `None` and `null` both mean that nothing stands behind it.
type Lookup<'l> = &'l dyn Fn(&str) -> Option<Value>;

/// What became of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// A text; numbers and booleans became text too.
    Text(String),
    /// The template was one placeholder and nothing else, and a list or map stands behind it.
    Whole(Value),
    /// An optional placeholder stood for nothing: the value it stands in is to be left out.
    Absent,
}

impl Template {
    /// Fills in every placeholder with what `lookup` says; what it says is not read for placeholders again.
    ///
    /// # Errors
    /// A placeholder that is neither resolved, nor has a default, nor is optional; a list or map inside a text; a text
    /// of more than a mebibyte.
    pub fn resolve(&self, lookup: Lookup<'_>) -> Result<Resolved, PlaceholderError> {
        if let [Part::Placeholder(placeholder)] = self.parts.as_slice() {
            return placeholder.resolve(lookup);
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => append(&mut text, literal, 0)?,
                Part::Placeholder(placeholder) => match placeholder.resolve(lookup)? {
                    Resolved::Text(value) => append(&mut text, &value, placeholder.offset)?,
                    Resolved::Whole(_) => {
                        return Err(placeholder.error(PlaceholderProblem::NotText(placeholder.path.clone())));
                    }
                    Resolved::Absent => return Ok(Resolved::Absent),
                },
            }
        }
        Ok(Resolved::Text(text))
    }
}

impl Placeholder {
    pub(super) fn resolve(&self, lookup: Lookup<'_>) -> Result<Resolved, PlaceholderError> {
        match lookup(&self.path) {
            Some(Value::String(text)) => Ok(Resolved::Text(text)),
            Some(Value::Bool(value)) => Ok(Resolved::Text(value.to_string())),
            Some(Value::Number(number)) => Ok(Resolved::Text(number.to_string())),
            Some(value @ (Value::Array(_) | Value::Object(_))) => Ok(Resolved::Whole(value)),
            Some(Value::Null) | None => match &self.default {
                Some(default) => default.resolve(lookup),
                None if self.optional => Ok(Resolved::Absent),
                None => Err(self.error(PlaceholderProblem::Unresolved(self.path.clone()))),
            },
        }
    }

    fn error(&self, problem: PlaceholderProblem) -> PlaceholderError {
        PlaceholderError {
            offset: self.offset,
            problem,
        }
    }
}

fn append(text: &mut String, more: &str, offset: usize) -> Result<(), PlaceholderError> {
    if text.len() + more.len() > MAX_TEXT {
        let problem = PlaceholderProblem::TooLong;
        return Err(PlaceholderError { offset, problem });
    }
    text.push_str(more);
    Ok(())
}

/// Fills in every text of a JSON value. Keys stay as they are; what an optional placeholder leaves out disappears from
/// its list or map. `None` when the value itself is left out.
///
/// # Errors
/// Those of [`Template::parse`] and [`Template::resolve`], with the offset in the text concerned.
pub fn resolve_all(value: &Value, lookup: Lookup<'_>) -> Result<Option<Value>, PlaceholderError> {
    Ok(Some(match value {
        Value::String(text) => match Template::parse(text)?.resolve(lookup)? {
            Resolved::Text(text) => Value::String(text),
            Resolved::Whole(value) => value,
            Resolved::Absent => return Ok(None),
        },
        Value::Array(items) => {
            let resolved = items.iter().map(|item| resolve_all(item, lookup));
            Value::Array(resolved.filter_map(Result::transpose).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let mut resolved = Map::new();
            for (key, value) in entries {
                if let Some(value) = resolve_all(value, lookup)? {
                    resolved.insert(key.clone(), value);
                }
            }
            Value::Object(resolved)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }))
}
