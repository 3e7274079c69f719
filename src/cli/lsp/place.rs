//! What may stand at a position, and which names there are: the tables laid over what [`scan`](super::scan) makes out.

use super::files::OneFile;
use super::scan::{Frame, Named, names};
use crate::model::descriptor::Form;
use crate::model::{UniqueName, ValueType};
use crate::spec::{Shape, TEST_FIELDS};

/// What a name is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A rule.
    Rule,
    /// A goal in a rule.
    Goal,
    /// A goal at top level, which rules use by its name.
    TopLevelGoal,
    /// A test of pushes, which rules use by its name.
    PushTest,
    /// A test of rules.
    Test,
    /// A command.
    Command,
    /// A listener.
    Listener,
}

/// A name and what it is given to.
pub(super) struct Symbol {
    pub(super) kind: Kind,
    pub(super) named: Named,
}

impl Symbol {
    /// Whether it is what somebody who writes `name` means.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let unique = |name: &str| UniqueName::parse(name).ok();
        let is_goal = matches!(self.kind, Kind::Goal | Kind::TopLevelGoal);
        self.named.name == name
            || is_goal && unique(name).is_some_and(|name| unique(&self.named.name) == Some(name))
    }
}

/// What may be written inside these frames; `None` where the tables know of nothing.
pub(super) fn shape<'c>(document: Shape<'c>, frames: &[Frame]) -> Option<Shape<'c>> {
    frames.iter().try_fold(document, |shape, frame| match &frame.key {
        _ if frame.is_item() => Some(shape.item()),
        Some(key) => shape.below(key, used(frame)),
        None => Some(shape),
    })
}

/// What stands under `use` in a map.
pub(super) fn used(frame: &Frame) -> Option<&str> {
    let mut siblings = frame.siblings.iter();
    siblings
        .find(|(key, _)| key == "use")
        .map(|(_, word)| word.as_str())
}

/// All names in a text that mean something to others.
pub(super) fn symbols(document: Shape<'_>, text: &str) -> Vec<Symbol> {
    let symbol = |named: Named| {
        let kind = kind(document, &named.frames)?;
        Some(Symbol { kind, named })
    };
    names(text).into_iter().filter_map(symbol).collect()
}

fn kind(document: Shape<'_>, frames: &[Frame]) -> Option<Kind> {
    let (map, around) = frames.split_last()?;
    let outermost = around.first().and_then(|frame| frame.key.as_deref());
    let is_map = !map.is_item();
    match shape(document, around).filter(|_| is_map)?.value() {
        ValueType::Form(Form::Rule) => Some(Kind::Rule),
        ValueType::Form(Form::Goal | Form::Steps) if outermost == Some("goals") => Some(Kind::TopLevelGoal),
        ValueType::Form(Form::Goal | Form::Steps) => Some(Kind::Goal),
        ValueType::Map(ValueType::Form(Form::Test)) => Some(Kind::PushTest),
        ValueType::Fields(fields) if fields == TEST_FIELDS => Some(Kind::Test),
        ValueType::Form(Form::Command) => Some(Kind::Command),
        ValueType::Form(Form::Listener) => Some(Kind::Listener),
        _ => None,
    }
}

/// The names of one kind in several files, each once.
pub(super) fn names_of(document: Shape<'_>, files: &[OneFile], wanted: impl Fn(Kind) -> bool) -> Vec<String> {
    let symbols = files.iter().flat_map(|file| symbols(document, &file.text));
    let mut names: Vec<String> = symbols
        .filter(|symbol| wanted(symbol.kind))
        .map(|symbol| symbol.named.name)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// How many maps and lists are around the name of a rule that is in no other.
const OF_A_RULE: usize = 3;

/// The rules that the one around a position may depend on: those before it, in the order in which the files are read. The position is
/// given by what is around it and its line.
pub(super) fn earlier_rules(
    document: Shape<'_>,
    files: &[OneFile],
    uri: &str,
    (around, line): (&[Frame], usize),
) -> Vec<String> {
    let own = around.get(OF_A_RULE - 1).map(|rule| rule.number);
    let is_own = |named: &Named| named.frames.last().map(|rule| rule.number) == own;
    let mut names = Vec::new();
    for file in files {
        let is_here = file.uri == uri;
        for symbol in symbols(document, &file.text) {
            let Symbol { kind, named } = symbol;
            if kind != Kind::Rule || named.frames.len() != OF_A_RULE {
                continue;
            }
            if is_here && (is_own(&named) || named.line > line) {
                return names;
            }
            if !names.contains(&named.name) {
                names.push(named.name);
            }
        }
        if is_here {
            return names;
        }
    }
    names
}
