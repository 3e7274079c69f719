//! A value of a goal file and where it stands.

use std::rc::Rc;

use serde_json::{Number, Value};

use crate::model::Place;

use super::scalar::{Meaning, Scalar};

/// A value with its place. Aliased values are shared and keep the place where they are written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) place: Place,
    /// Characters it covers on its first line; at least 1.
    pub(crate) length: u32,
    /// What it is.
    pub(crate) content: Content,
    /// How many nodes it stands for with every alias written out.
    pub(super) size: usize,
    /// Levels of nesting inside it; 0 for a scalar.
    pub(super) height: usize,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A single value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping, in the order written, merge keys resolved; no two keys with the same text.
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Always a scalar that is not null.
    pub(crate) key: Rc<Node>,
    /// What stands under it.
    pub(crate) value: Rc<Node>,
    /// Whether a merge key brought it here, so that a key written here takes precedence.
    pub(crate) merged: bool,
}

impl Entry {
    /// The key as written.
    pub(crate) fn name(&self) -> &str {
        self.key.text().unwrap_or_default()
    }

    /// The same key with something else under it.
    pub(crate) fn with_value(&self, value: Rc<Node>) -> Self {
        Self {
            value,
            ..self.clone()
        }
    }
}

impl Node {
    /// Something else at the same place.
    pub(crate) fn with_content(&self, content: Content) -> Self {
        let (size, height) = super::parse::measure(&content);
        Self {
            place: self.place.clone(),
            length: self.length,
            content,
            size,
            height,
        }
    }

    /// A word at the same place.
    pub(crate) fn with_text(&self, text: &str) -> Self {
        self.with_content(Content::Scalar(Scalar {
            text: text.to_owned(),
            meaning: Meaning::Text,
            quoted: true,
        }))
    }

    /// The text of a scalar, whatever it means; `None` for null, lists and maps.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) if scalar.meaning != Meaning::Null => Some(&scalar.text),
            Content::Scalar(_) | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The entries, if it is a map.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The items, if it is a list.
    pub(crate) fn items(&self) -> Option<&[Rc<Node>]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// Levels of nesting inside it; 0 for a scalar.
    pub(crate) fn levels(&self) -> usize {
        self.height
    }

    /// Whether nothing is written here.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.meaning == Meaning::Null)
    }

    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
            Content::Scalar(scalar) => match scalar.meaning {
                Meaning::Null => "nothing",
                Meaning::Boolean(_) => "true or false",
                Meaning::Integer(_) | Meaning::Float(_) => "a number",
                Meaning::Text => "text",
            },
        }
    }

    /// The place of the character at `offset` (bytes) of a scalar's text, when it can be told; else where it begins.
    pub(crate) fn place_within(&self, offset: usize) -> Place {
        let mut place = self.place.clone();
        if let (Some(scalar), Some(start)) = (self.scalar(), self.text_start()) {
            let before = scalar.text.get(..offset).unwrap_or(&scalar.text);
            let characters = u32::try_from(before.chars().count()).unwrap_or(0);
            // A caret after the last character stays on it.
            place.column += (start + characters).min(self.length.saturating_sub(1));
        }
        place
    }

    /// Characters before the text begins, when it stands on one line just as it is.
    fn text_start(&self) -> Option<u32> {
        let scalar = self.scalar()?;
        let characters = u32::try_from(scalar.text.chars().count()).ok()?;
        let quotes = if scalar.quoted { 2 } else { 0 };
        let is_verbatim = !scalar.text.contains(['\n', '\r']) && self.length == characters + quotes;
        is_verbatim.then_some(quotes / 2)
    }

    /// The value as JSON, keys as written; infinities and NaN, which JSON lacks, stay text.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar_to_json(scalar),
            Content::List(items) => items.iter().map(|item| item.to_json()).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|entry| (entry.name().to_owned(), entry.value.to_json()))
                .collect(),
        }
    }
}

fn scalar_to_json(scalar: &Scalar) -> Value {
    match scalar.meaning {
        Meaning::Null => Value::Null,
        Meaning::Boolean(value) => Value::Bool(value),
        Meaning::Integer(value) => Value::from(value),
        Meaning::Float(value) => {
            Number::from_f64(value).map_or_else(|| Value::String(scalar.text.clone()), Value::Number)
        }
        Meaning::Text => Value::String(scalar.text.clone()),
    }
}
