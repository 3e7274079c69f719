//! Filling a copy of a goal of another repository, or of a test by its name, in with the parameters of its use.
//!
//! Only `${parameters.…}` is filled in, anything else waits for the push. Every use fills in a copy of its own, so that two
//! references to one goal share nothing (YM-17). In programs parameters are data ([`program`](super::program)).

use std::rc::Rc;

use serde_json::Value;

use super::super::keys::snake_case;
use super::super::placeholder::{Template, Written};
use super::super::yaml::{Content, Entry, Meaning, Node, Scalar};
use super::program::{PROGRAMS, Within};
use crate::model::Place;

/// Values of one copy once it is filled in.
const MAX_NODES: usize = 20_000;

/// Bytes that count as a value where texts are filled in.
const SIZE_OF_VALUE: usize = 16;

/// The path of parameters.
const PARAMETERS: &str = "parameters";

/// What became of a value.
pub(in crate::spec) enum Filled {
    /// It stays, perhaps as another.
    As(Rc<Node>),
    /// It is left out: an optional parameter is not given.
    Absent,
}

/// Who asks for what is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A goal: its texts are templates still, for the push.
    Goal,
    /// A test: its texts are what they are then.
    Test,
}

/// One filling in, and how much it may still grow.
pub(in crate::spec) struct Filling<'n> {
    parameters: Option<&'n Node>,
    purpose: Purpose,
    left: usize,
    unfilled: Vec<Unfilled<'n>>,
}

/// A copy that becomes too large.
pub(in crate::spec) struct TooLarge;

/// A parameter that is asked for and that nothing stands for.
pub(in crate::spec) struct Unfilled<'n> {
    /// Its path, without `parameters.`.
    pub(in crate::spec) path: String,
    /// Where it is asked for.
    pub(in crate::spec) place: Place,
    /// Why nothing stands for it.
    pub(in crate::spec) lack: Lack<'n>,
}

/// Why nothing stands for a parameter.
#[derive(Clone, Copy)]
pub(in crate::spec) enum Lack<'n> {
    /// It is not given.
    Missing,
    /// Nothing is written for it.
    Nothing(&'n Node),
    /// It has no such part.
    NoPart(&'n Node),
    /// It cannot be part of the text that asks for it.
    NotText(&'n Node),
    /// It would end the raw text of a program that asks for it.
    EndsRawText(&'n Node),
}

/// What a path asks for.
enum Found<'n> {
    /// Something else than a parameter.
    Other,
    Given(&'n Rc<Node>),
    Lacking(Lack<'n>),
}

impl<'n> Filling<'n> {
    /// Of a goal with these parameters.
    pub(in crate::spec) fn of_goal(parameters: Option<&'n Node>) -> Self {
        Self {
            parameters,
            purpose: Purpose::Goal,
            left: MAX_NODES,
            unfilled: Vec::new(),
        }
    }

    /// Of a test with these parameters. `$${` becomes `${`: nobody fills it in afterwards.
    pub(in crate::spec) fn of_test(parameters: Option<&'n Node>) -> Self {
        Self {
            purpose: Purpose::Test,
            ..Self::of_goal(parameters)
        }
    }

    /// Values it has come to so far.
    pub(in crate::spec) fn values(&self) -> usize {
        MAX_NODES - self.left
    }

    /// Parameters that were asked for and that nothing stood for, in the order written.
    pub(in crate::spec) fn unfilled(self) -> Vec<Unfilled<'n>> {
        self.unfilled
    }

    /// The value with parameters in place of their placeholders.
    pub(in crate::spec) fn node(&mut self, node: &Rc<Node>) -> Result<Filled, TooLarge> {
        self.value(node, false)
    }

    /// The same of a value that is a program where it is text.
    fn value(&mut self, node: &Rc<Node>, is_program: bool) -> Result<Filled, TooLarge> {
        self.left = self.left.checked_sub(1).ok_or(TooLarge)?;
        let content = match &node.content {
            Content::Scalar(scalar) if scalar.text.contains("${") => {
                return self.scalar(node, scalar, is_program);
            }
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
            let found = match snake_case(entry.name()).as_str() {
                "matrix" => self.axes(&entry.value)?,
                PARAMETERS => self.verbatim(&entry.value)?,
                key => self.value(&entry.value, PROGRAMS.contains(&key))?,
            };
            if let Filled::As(value) = found {
                filled.push(entry.with_value(value));
            }
        }
        Ok(filled)
    }

    /// Values of a matrix: a list, or a program that gives one.
    fn axes(&mut self, node: &Rc<Node>) -> Result<Filled, TooLarge> {
        self.map(node, |filling, value| filling.value(value, true))
    }

    /// A map with the author's own keys, whatever they are called.
    fn verbatim(&mut self, node: &Rc<Node>) -> Result<Filled, TooLarge> {
        self.map(node, |filling, value| filling.value(value, false))
    }

    fn map(
        &mut self,
        node: &Rc<Node>,
        fill: impl Fn(&mut Self, &Rc<Node>) -> Result<Filled, TooLarge>,
    ) -> Result<Filled, TooLarge> {
        let Some(entries) = node.entries() else {
            return self.node(node);
        };
        self.left = self.left.checked_sub(1).ok_or(TooLarge)?;
        let mut filled = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Filled::As(value) = fill(self, &entry.value)? {
                filled.push(entry.with_value(value));
            }
        }
        Ok(Filled::As(Rc::new(node.with_content(Content::Map(filled)))))
    }

    /// A text that is no template is left alone: whoever checks it says so at its place.
    fn scalar(&mut self, node: &Rc<Node>, scalar: &Scalar, is_program: bool) -> Result<Filled, TooLarge> {
        let Ok(template) = Template::parse(&scalar.text) else {
            return Ok(Filled::As(Rc::clone(node)));
        };
        if let [Written::Placeholder { path, .. }] = template.written().as_slice()
            && let Found::Given(given) = self.found(path)
        {
            let size = given.to_json().to_string().len() / SIZE_OF_VALUE;
            self.left = self.left.checked_sub(size).ok_or(TooLarge)?;
            return Ok(Filled::As(Rc::clone(given)));
        }
        let mut text = Text {
            filling: self,
            node,
            within: is_program.then(Within::default),
            text: String::new(),
        };
        let stays = text.template(&template)?;
        let text = text.text;
        Ok(match stays {
            true => Filled::As(Rc::new(
                node.with_content(Content::Scalar(self.reread(text, scalar))),
            )),
            false => Filled::Absent,
        })
    }

    fn found(&self, path: &str) -> Found<'n> {
        let Some(path) = path
            .strip_prefix(PARAMETERS)
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            return Found::Other;
        };
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default();
        let Some(mut found) = self.parameters.and_then(|parameters| child(parameters, first)) else {
            return Found::Lacking(Lack::Missing);
        };
        for part in parts {
            match child(found, part) {
                Some(below) => found = below,
                None => return Found::Lacking(Lack::NoPart(found)),
            }
        }
        match found.is_null() {
            true => Found::Lacking(Lack::Nothing(found)),
            false => Found::Given(found),
        }
    }

    /// What was plain is read as plain again, so that a default may be a number.
    fn reread(&self, text: String, template: &Scalar) -> Scalar {
        let is_template = self.purpose == Purpose::Goal && text.contains("${");
        if template.quoted || is_template {
            return Scalar {
                text,
                meaning: Meaning::Text,
                quoted: template.quoted,
            };
        }
        Scalar::of_plain(text)
    }
}

/// A text as it is filled in.
struct Text<'f, 'n> {
    filling: &'f mut Filling<'n>,
    node: &'f Node,
    /// Where in a program its end is; nothing for a text that is none.
    within: Option<Within>,
    text: String,
}

impl<'n> Text<'_, 'n> {
    /// Adds a template, parameters filled in; `false` when an optional one is not given, so that all of the text is left out.
    fn template(&mut self, template: &Template) -> Result<bool, TooLarge> {
        let mut stays = true;
        for piece in template.written() {
            match piece {
                Written::Text(literal) => self.literal(literal),
                Written::Placeholder {
                    path,
                    optional,
                    default,
                } => stays &= self.placeholder(path, optional, default)?,
            }
        }
        Ok(stays)
    }

    fn literal(&mut self, literal: &str) {
        match self.filling.purpose {
            Purpose::Goal => self.add(&literal.replace("${", "$${")),
            Purpose::Test => self.add(literal),
        }
    }

    /// Adds what the author wrote.
    fn add(&mut self, text: &str) {
        self.within = self.within.map(|within| within.after(text));
        self.text.push_str(text);
    }

    /// Adds what somebody gives: in a program it is over where it began.
    fn give(&mut self, text: &str) -> Result<(), TooLarge> {
        let left = self.filling.left.checked_sub(text.len() / SIZE_OF_VALUE);
        self.filling.left = left.ok_or(TooLarge)?;
        self.text.push_str(text);
        Ok(())
    }

    fn placeholder(
        &mut self,
        path: &str,
        optional: bool,
        default: Option<&Template>,
    ) -> Result<bool, TooLarge> {
        let lack = match self.filling.found(path) {
            Found::Other => return self.others(path, optional, default),
            Found::Given(given) => match self.as_written(given) {
                Some(text) => return self.give(&text).map(|()| true),
                None if given.text().is_some() => Lack::EndsRawText(given),
                None => Lack::NotText(given),
            },
            Found::Lacking(lack) => lack,
        };
        let is_absent = matches!(lack, Lack::Missing | Lack::Nothing(_));
        match default {
            Some(default) if is_absent => self.template(default),
            None if is_absent && optional => Ok(false),
            Some(_) | None => {
                self.lacks(path, lack);
                self.others(path, optional, None)
            }
        }
    }

    /// A placeholder for the push stays, with what stands for it.
    fn others(&mut self, path: &str, optional: bool, default: Option<&Template>) -> Result<bool, TooLarge> {
        self.add(&format!("${{{}{path}", mark(optional)));
        let mut stays = true;
        if let Some(default) = default {
            self.add(":");
            stays = self.template(default)?;
        }
        self.add("}");
        Ok(stays)
    }

    /// What is given, as it stands here; `None` where it cannot.
    fn as_written(&self, given: &Node) -> Option<String> {
        match self.within {
            Some(Within::Code) => Within::Code.written(&given.to_json()),
            Some(within) => within.written(&Value::from(given.text()?)),
            None => given.text().map(str::to_owned),
        }
    }

    fn lacks(&mut self, path: &str, lack: Lack<'n>) {
        let offset = self.node.text().and_then(|text| text.find(path)).unwrap_or(0);
        let path = path.strip_prefix(PARAMETERS).unwrap_or(path);
        self.filling.unfilled.push(Unfilled {
            path: path.trim_start_matches('.').to_owned(),
            place: self.node.place_within(offset),
            lack,
        });
    }
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Rc<Node>> {
    let mut entries = node.entries()?.iter();
    entries
        .find(|entry| entry.name() == name)
        .map(|entry| &entry.value)
}

fn mark(optional: bool) -> &'static str {
    if optional { "!" } else { "" }
}
