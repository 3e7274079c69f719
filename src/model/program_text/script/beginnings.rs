//! Which values stand where a program of a script would take them for flags, when they look like one.

use std::collections::HashSet;
use std::ops::Range;

use super::Script;
use super::flow::{Argument, Flow, Given, Inner, Part, Value};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A variable of the environment.
    Variable(String),
    /// `$0`, `$1` and so on.
    Position(usize),
    /// Any of those behind `$0`.
    Positions,
    /// A placeholder of the script, at a byte of it.
    Placeholder(usize),
}

/// Which parts of a value stand at the beginning of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Looks {
    /// Its beginning.
    pub at_start: bool,
    /// What stands behind blanks.
    pub after_blanks: bool,
    /// What stands behind anything but letters and digits.
    pub in_parts: bool,
}

/// An argument that begins with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The program that would take it for a flag.
    pub command: String,
    /// Where the value comes from.
    pub source: Source,
    /// What of it counts.
    pub looks: Looks,
    /// The flag that it stands behind.
    pub flag: Option<String>,
    /// The line of the script, beginning with 1.
    pub line: usize,
}

const IN_PARTS: Looks = Looks {
    at_start: true,
    after_blanks: true,
    in_parts: true,
};

impl Looks {
    /// Whether a value would be taken for a flag.
    pub fn find_flag<'v>(&self, value: &'v str) -> Option<&'v str> {
        let is_between = |c: char| match (self.in_parts, self.after_blanks) {
            (true, _) => !c.is_alphanumeric() && c != '-' && c != '_',
            (false, true) => c.is_whitespace(),
            (false, false) => false,
        };
        let mut parts = value.split(is_between);
        let first = parts.next().filter(|_| self.at_start);
        first.into_iter().chain(parts).find(|part| is_flag(part))
    }
}

/// Whether a program may take a word for a flag; no number and no `-` alone is one.
pub fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<f64>().is_err()
}

impl Script {
    /// All arguments of programs that begin with a value.
    pub fn beginnings(&self) -> Vec<Beginning> {
        let mut found = Vec::new();
        beginnings_in(&self.flow, &mut found);
        let ends: Vec<usize> = self.text.match_indices('\n').map(|(at, _)| at).collect();
        let found = found.into_iter().map(
            |Found {
                 offset,
                 command,
                 flag,
                 source,
                 looks,
             }| Beginning {
                command,
                source,
                looks,
                flag,
                line: 1 + ends.partition_point(|end| *end < offset),
            },
        );
        found.collect()
    }
}

/// The same, by its place.
struct Found {
    offset: usize,
    command: String,
    flag: Option<String>,
    source: Source,
    looks: Looks,
}

fn beginnings_in(flow: &Flow, found: &mut Vec<Found>) {
    let arguments = flow.arguments.iter();
    let is_looked_at =
        |one: &&Argument| !flow.functions.contains(&one.command) && !flow.are_spelled_out(&one.lists);
    for argument in arguments.filter(is_looked_at) {
        let Argument {
            command, part, flag, ..
        } = argument;
        let mut trace = Trace::new(flow);
        let looks = Looks {
            at_start: part.is_first,
            after_blanks: !part.is_quoted,
            in_parts: false,
        };
        trace.part(&part.span, looks);
        let sources = trace.sources.into_iter();
        found.extend(sources.map(|(source, looks)| Found {
            offset: part.span.start,
            command: command.clone(),
            flag: flag.clone(),
            source,
            looks,
        }));
    }
    for inner in &flow.inner {
        beginnings_inside(flow, inner, found);
    }
}

/// Those of a script that the script starts: its arguments are words of this one.
fn beginnings_inside(flow: &Flow, inner: &Inner, found: &mut Vec<Found>) {
    let mut inside = Vec::new();
    beginnings_in(&inner.flow, &mut inside);
    for Found {
        offset,
        command,
        flag,
        source,
        looks,
    } in inside
    {
        let offset = inner.whole.as_ref().map_or(offset, |whole| whole.start);
        let mut trace = Trace::new(flow);
        match &source {
            Source::Position(index) => trace.words(inner.given.get(*index), looks),
            Source::Positions => trace.words(inner.given.iter().skip(1), looks),
            Source::Variable(name) => trace.variable(name, looks),
            Source::Placeholder(_) => trace.sources.push((source.clone(), looks)),
        }
        let sources = trace.sources.into_iter();
        found.extend(sources.map(|(source, looks)| Found {
            offset,
            command: command.clone(),
            flag: flag.clone(),
            source,
            looks,
        }));
    }
}

/// The way back from an argument to where its value comes from.
struct Trace<'f> {
    flow: &'f Flow,
    sources: Vec<(Source, Looks)>,
    seen: HashSet<(String, Looks)>,
}

impl<'f> Trace<'f> {
    fn new(flow: &'f Flow) -> Self {
        Self {
            flow,
            sources: Vec::new(),
            seen: HashSet::new(),
        }
    }

    fn values(&mut self, values: impl IntoIterator<Item = &'f Value>, looks: Looks) {
        for part in values.into_iter().flat_map(|value| &value.parts) {
            self.part_of_value(part, looks);
        }
    }

    /// Arguments of a function or a script: a shell makes several of one that is not quoted.
    fn words(&mut self, values: impl IntoIterator<Item = &'f Value>, looks: Looks) {
        for part in values.into_iter().flat_map(|value| &value.parts) {
            let looks = Looks {
                after_blanks: looks.after_blanks || looks.at_start && !part.is_quoted,
                ..looks
            };
            self.part_of_value(part, looks);
        }
    }

    /// A part of what something is set to: behind other text only what stands after blanks counts.
    fn part_of_value(&mut self, part: &'f Part, looks: Looks) {
        let looks = Looks {
            at_start: looks.at_start && part.is_first || looks.in_parts,
            ..looks
        };
        if looks.at_start || looks.after_blanks {
            self.part(&part.span, looks);
        }
    }

    fn part(&mut self, span: &Range<usize>, looks: Looks) {
        let flow = self.flow;
        let uses = flow
            .uses_in(span)
            .filter(|one| !one.is_bare && !flow.is_filtered(one, span));
        for one in uses {
            let is_whole = one.span == *span && !one.is_changed;
            let looks = if is_whole { looks } else { IN_PARTS };
            match &one.name {
                None => self.sources.push((Source::Placeholder(one.span.start), looks)),
                Some(name) => self.variable(name, looks),
            }
        }
    }

    fn variable(&mut self, name: &str, looks: Looks) {
        if !self.seen.insert((name.to_owned(), looks)) {
            return;
        }
        match name.parse::<usize>() {
            Ok(index) if !self.flow.moves_positions => {
                self.sources.push((Source::Position(index), looks));
            }
            Err(_) if !matches!(name, "@" | "*") => {
                self.sources.push((Source::Variable(name.to_owned()), looks));
                self.sets(name, looks);
            }
            Ok(_) | Err(_) => self.positions(looks),
        }
    }

    /// `$@`: what the script or a function of it is given.
    fn positions(&mut self, looks: Looks) {
        let flow = self.flow;
        self.sources.push((Source::Positions, looks));
        for (command, values) in &flow.calls {
            if flow.functions.contains(command) {
                self.words(values, looks);
            }
        }
        self.sets("@", looks);
    }

    fn sets(&mut self, name: &str, looks: Looks) {
        let flow = self.flow;
        for set in flow.sets.iter().filter(|set| set.name == name) {
            match &set.to {
                Given::Variable(of) => self.variable(of, looks),
                Given::Value(value) if name == "@" => self.words([value], looks),
                Given::Value(value) => self.values([value], looks),
                Given::Stream => {
                    for stream in &flow.streams {
                        self.part(stream, IN_PARTS);
                    }
                }
            }
        }
    }
}
