//! Filling a copy of a referenced goal in with the parameters of the reference.
//!
//! Only `${parameters.…}` is filled in, anything else waits for the push. Every reference fills in a copy of its own, so
//! that two references to one goal share nothing (YM-17).

use std::rc::Rc;

use super::super::placeholder::{Template, Written};
use super::super::yaml::{Content, Entry, Meaning, Node, Scalar};

/// Values of one goal once it is filled in.
const MAX_NODES: usize = 20_000;

/// The path of parameters.
const PARAMETERS: &str = "parameters";

/// What became of a value.
pub(in crate::spec) enum Filled {
    /// It stays, perhaps as another.
    As(Rc<Node>),
    /// It is left out: an optional parameter is not given.
    Absent,
}

/// One filling in, and how much it may still grow.
pub(in crate::spec) struct Filling<'n> {
    parameters: Option<&'n Node>,
    left: usize,
}

/// A goal that becomes too large.
pub(in crate::spec) struct TooLarge;

impl<'n> Filling<'n> {
    /// With these parameters.
    pub(in crate::spec) fn with(parameters: Option<&'n Node>) -> Self {
        Self {
            parameters,
            left: MAX_NODES,
        }
    }

    /// Values it has come to so far.
    pub(in crate::spec) fn values(&self) -> usize {
        MAX_NODES - self.left
    }

    /// The value with parameters in place of their placeholders.
    pub(in crate::spec) fn node(&mut self, node: &Rc<Node>) -> Result<Filled, TooLarge> {
        self.left = self.left.checked_sub(1).ok_or(TooLarge)?;
        let content = match &node.content {
            Content::Scalar(scalar) if scalar.text.contains("${") => return self.scalar(node, scalar),
            Content::Scalar(_) => return Ok(Filled::As(Rc::clone(node))),
            Content::List(items) => Content::List(self.items(items)?),
            Content::Map(entries) => Content::Map(self.entries(entries)?),
        };
        Ok(Filled::As(Rc::new(node.with_content(content))))
    }

    fn items(&mut self, items: &[Rc<Node>]) -> Result<Vec<Rc<Node>>, TooLarge> {
        let mut filled = Vec::with_capacity(items.len());
        for item in items {
            if let Filled::As(item) = self.node(item)? {
                filled.push(item);
            }
        }
        Ok(filled)
    }

    fn entries(&mut self, entries: &[Entry]) -> Result<Vec<Entry>, TooLarge> {
        let mut filled = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Filled::As(value) = self.node(&entry.value)? {
                filled.push(Entry {
                    value,
                    ..entry.clone()
                });
            }
        }
        Ok(filled)
    }

    /// A text that is no template is left alone: whoever checks the goal says so at its place.
    fn scalar(&mut self, node: &Rc<Node>, scalar: &Scalar) -> Result<Filled, TooLarge> {
        let Ok(template) = Template::parse(&scalar.text) else {
            return Ok(Filled::As(Rc::clone(node)));
        };
        if let [Written::Placeholder { path, .. }] = template.written().as_slice()
            && let Some(given) = self.parameter(path)
        {
            let size = given.to_json().to_string().len() / 16;
            self.left = self.left.checked_sub(size).ok_or(TooLarge)?;
            return Ok(Filled::As(Rc::clone(given)));
        }
        Ok(match self.rendered(&template) {
            Some(text) => Filled::As(Rc::new(node.with_content(Content::Scalar(reread(text, scalar))))),
            None => Filled::Absent,
        })
    }

    /// The template as text again, parameters filled in; `None` when an optional one is not given.
    fn rendered(&self, template: &Template) -> Option<String> {
        let mut text = String::new();
        for piece in template.written() {
            match piece {
                Written::Text(literal) => text.push_str(&literal.replace("${", "$${")),
                Written::Placeholder {
                    path,
                    optional,
                    default,
                } => text.push_str(&self.placeholder(path, optional, default)?),
            }
        }
        Some(text)
    }

    fn placeholder(&self, path: &str, optional: bool, default: Option<&Template>) -> Option<String> {
        if let Some(given) = self.parameter(path).and_then(|given| given.text()) {
            return Some(given.to_owned());
        }
        let is_own = is_parameter(path);
        match default {
            Some(default) if is_own => self.rendered(default),
            Some(default) => Some(format!(
                "${{{}{path}:{}}}",
                mark(optional),
                self.rendered(default)?
            )),
            None if is_own && optional => None,
            None => Some(format!("${{{}{path}}}", mark(optional))),
        }
    }

    fn parameter(&self, path: &str) -> Option<&'n Rc<Node>> {
        let path = path.strip_prefix(PARAMETERS)?.strip_prefix('.')?;
        let (first, rest) = path
            .split_once('.')
            .map_or((path, None), |(first, rest)| (first, Some(rest)));
        let mut found = child(self.parameters?, first)?;
        for part in rest.into_iter().flat_map(|rest| rest.split('.')) {
            found = child(found, part)?;
        }
        (!found.is_null()).then_some(found)
    }
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Rc<Node>> {
    let mut entries = node.entries()?.iter();
    entries
        .find(|entry| entry.name() == name)
        .map(|entry| &entry.value)
}

fn is_parameter(path: &str) -> bool {
    path.strip_prefix(PARAMETERS)
        .is_some_and(|rest| rest.starts_with('.'))
}

fn mark(optional: bool) -> &'static str {
    if optional { "!" } else { "" }
}

/// What was plain is read as plain again, so that a default may be a number.
fn reread(text: String, template: &Scalar) -> Scalar {
    if template.quoted || text.contains("${") {
        return Scalar {
            text,
            meaning: Meaning::Text,
            quoted: template.quoted,
        };
    }
    Scalar::of_plain(text)
}
