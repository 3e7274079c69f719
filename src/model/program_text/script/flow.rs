//! What a script does with what it is given, as far as that can be read: where its variables stand, what they are set to, and
//! which stretches decide what runs.

use std::ops::Range;

use super::super::Role;
use super::Nested;

/// All of it, in bytes of the script.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Stretches that decide what runs, or that no shell fills in.
    pub(super) found: Vec<Found>,
    /// Variables and placeholders, by their place.
    pub(super) uses: Vec<Use>,
    /// What variables are set to.
    pub(super) sets: Vec<Set>,
    /// Commands in place of words whose output is not what they are given, unless a function is called so.
    pub(super) filtered: Vec<(Range<usize>, String)>,
    /// Commands in place of words that quote what they are given for a shell.
    pub(super) quoted: Vec<Range<usize>>,
    /// Texts that commands find on their input.
    pub(super) streams: Vec<Range<usize>>,
    /// Variables that somebody has looked at whether they are numbers.
    pub(super) checked: Vec<String>,
    /// Arrays with names as keys.
    pub(super) maps: Vec<String>,
    /// Variables whose every value is arithmetic.
    pub(super) integers: Vec<String>,
    /// What the script defines itself.
    pub(super) functions: Vec<String>,
    /// Where functions are defined, as far as their end is found.
    pub(super) bodies: Vec<(String, Range<usize>)>,
    /// Whether a command takes its code from an input that it finds there.
    pub(super) is_hungry: bool,
    /// What commands find on their input, which may be functions.
    pub(super) fed: Vec<(String, Range<usize>)>,
    /// Whether `$1` may be another argument than the first.
    pub(super) moves_positions: bool,
    /// Commands with what they are given.
    pub(super) calls: Vec<(String, Vec<Value>)>,
    /// Arguments that a program might take for its flags.
    pub(super) arguments: Vec<Argument>,
    /// Scripts of shells that the script starts.
    pub(super) inner: Vec<Inner>,
    /// What is nested too deep to be read.
    pub(super) unread: Vec<Range<usize>>,
}

/// A stretch that decides what runs.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) nested: Nested,
    /// Whether it is arithmetic, where numbers do no harm.
    pub(super) is_number: bool,
    /// The array whose key it is.
    pub(super) array: Option<String>,
    /// Variables in whose places their words have been looked at as well.
    pub(super) lists: Vec<String>,
}

/// A variable or a placeholder where the shell fills it in.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) span: Range<usize>,
    /// Of a variable; a placeholder has none.
    pub(super) name: Option<String>,
    /// Whether only a part of the value, or another form of it, stands there.
    pub(super) is_changed: bool,
    /// Whether it is a name in arithmetic, of which a number is left.
    pub(super) is_bare: bool,
}

/// A text that something is given.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) span: Range<usize>,
    pub(super) parts: Vec<Part>,
}

/// What the shell fills in there.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) span: Range<usize>,
    /// Whether nothing stands before it.
    pub(super) is_first: bool,
    /// Whether blanks in it end no word.
    pub(super) is_quoted: bool,
}

/// What a variable is set to.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: String,
    pub(super) to: Given,
    /// Whether its words are looked at wherever the variable stands for them.
    pub(super) is_listed: bool,
}

/// What is given.
#[derive(Debug)]
pub(super) enum Given {
    Value(Value),
    /// What another variable holds.
    Variable(String),
    /// Something from a stream.
    Stream,
}

/// An argument that a program might take for a flag.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) command: String,
    pub(super) part: Part,
    /// The flag that it stands behind.
    pub(super) flag: Option<String>,
    /// Variables in whose places their words have been looked at as well.
    pub(super) lists: Vec<String>,
}

/// A script of a shell that the script starts, in bytes of its own.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) flow: Flow,
    /// What stands behind it: `$0` and its arguments.
    pub(super) given: Vec<Value>,
    /// Where it stands, when its bytes are not those of the script.
    pub(super) whole: Option<Range<usize>>,
}

impl Flow {
    /// The same at another place.
    pub(super) fn moved(mut self, by: usize) -> Self {
        let spans = self.found.iter_mut().map(|found| &mut found.nested.span);
        let spans = spans
            .chain(self.uses.iter_mut().map(|one| &mut one.span))
            .chain(self.filtered.iter_mut().map(|(span, _)| span))
            .chain(self.bodies.iter_mut().map(|(_, span)| span))
            .chain(self.fed.iter_mut().map(|(_, span)| span))
            .chain(&mut self.quoted)
            .chain(&mut self.streams)
            .chain(&mut self.unread)
            .chain(self.arguments.iter_mut().map(|argument| &mut argument.part.span));
        for span in spans {
            *span = moved(span, by);
        }
        for set in &mut self.sets {
            if let Given::Value(value) = &mut set.to {
                value.shift(by);
            }
        }
        for value in self.calls.iter_mut().flat_map(|(_, values)| values) {
            value.shift(by);
        }
        for inner in &mut self.inner {
            inner.given.iter_mut().for_each(|value| value.shift(by));
            match &mut inner.whole {
                Some(whole) => *whole = moved(whole, by),
                None => inner.flow = std::mem::take(&mut inner.flow).moved(by),
            }
        }
        self
    }

    /// With what another one does.
    pub(super) fn append(&mut self, other: Self) {
        self.found.extend(other.found);
        self.uses.extend(other.uses);
        self.sets.extend(other.sets);
        self.filtered.extend(other.filtered);
        self.quoted.extend(other.quoted);
        self.streams.extend(other.streams);
        self.checked.extend(other.checked);
        self.maps.extend(other.maps);
        self.integers.extend(other.integers);
        self.functions.extend(other.functions);
        self.bodies.extend(other.bodies);
        self.fed.extend(other.fed);
        self.is_hungry |= other.is_hungry;
        self.moves_positions |= other.moves_positions;
        self.calls.extend(other.calls);
        self.arguments.extend(other.arguments);
        self.inner.extend(other.inner);
        self.unread.extend(other.unread);
    }

    /// With its uses and commands in order, so that they are found by their place.
    pub(super) fn in_order(mut self) -> Self {
        self.uses.sort_by_key(|one| one.span.start);
        self.filtered.sort_by_key(|(span, _)| span.start);
        self
    }

    /// Whether a use within a stretch is given to a command in place of a word there whose output is something else.
    pub(super) fn is_filtered(&self, one: &Use, within: &Range<usize>) -> bool {
        let at = one.span.start;
        let first = self
            .filtered
            .partition_point(|(span, _)| span.start < within.start);
        let mut filtered = self.filtered[first..]
            .iter()
            .take_while(|(span, _)| span.start <= at);
        filtered.any(|(span, command)| {
            span.end > at && span.end <= within.end && !self.functions.contains(command)
        })
    }

    pub(super) fn code(&mut self, span: Range<usize>, reader: &str, hint: &'static str) {
        self.found.push(Found::of(span, Role::Code, reader, hint));
    }

    /// Arithmetic; of a key of an array also its name.
    pub(super) fn number(&mut self, span: Range<usize>, reader: &str, array: Option<&str>) {
        self.found.push(Found {
            is_number: true,
            array: array.map(str::to_owned),
            ..Found::of(span, Role::Code, reader, super::IN_ARITHMETIC)
        });
    }

    pub(super) fn set(&mut self, name: &str, to: Given) {
        self.sets.push(Set {
            name: name.to_owned(),
            to,
            is_listed: false,
        });
    }

    /// Whether variables hold nothing but words that have been looked at in their places.
    pub(super) fn are_spelled_out(&self, lists: &[String]) -> bool {
        let is_spelled_out = |name: &String| {
            let mut sets = self.sets.iter().filter(|set| set.name == *name);
            sets.all(|set| set.is_listed)
        };
        !lists.is_empty() && lists.iter().all(is_spelled_out)
    }

    /// The uses within a stretch.
    pub(super) fn uses_in(&self, span: &Range<usize>) -> impl Iterator<Item = &Use> {
        let first = self.uses.partition_point(|one| one.span.start < span.start);
        let end = span.end;
        self.uses[first..]
            .iter()
            .take_while(move |one| one.span.start < end)
    }
}

impl Found {
    pub(super) fn of(span: Range<usize>, role: Role, reader: &str, hint: &'static str) -> Self {
        Self {
            nested: Nested {
                span,
                role,
                reader: reader.to_owned(),
                hint,
            },
            is_number: false,
            array: None,
            lists: Vec::new(),
        }
    }
}

impl Value {
    fn shift(&mut self, by: usize) {
        self.span = moved(&self.span, by);
        for part in &mut self.parts {
            part.span = moved(&part.span, by);
        }
    }
}

fn moved(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}
