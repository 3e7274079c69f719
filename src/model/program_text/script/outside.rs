//! What becomes of values that somebody else says, from where a script is given them to where they would decide what runs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::super::shells::is_shell;
use super::super::{BY_ARGUMENT, Role};
use super::cleaned::cleaned;
use super::expansion::ANY;
use super::flow::{Flow, Found, Given, Inner, Use, Value};
use super::lexer::TOO_DEEP;
use super::{Nested, Script};
use crate::model::variables::{BRANCH, PARAMETERS};

/// Rounds in which values are followed from variable to variable; whoever needs more has all of them followed.
const MOST_ROUNDS: usize = 40;

/// Readers beside the shells by whose rules `printf %q` quotes.
const SHELL_LIKE: &[&str] = &[
    "eval", "trap", "ssh", "autossh", "rsh", "su", "runuser", "flock", "source", ".",
];

/// Whether others say what stands for a placeholder, so that it may not be what a role and a reader say it would be.
type AskPlaceholder<'a> = &'a dyn Fn(Role, &str, &Range<usize>) -> bool;

/// What a script is given from outside.
pub struct Outside<'a> {
    /// Variables of the environment that hold what others say.
    pub variables: BTreeSet<String>,
    /// Whether `$0`, `$1` and so on do.
    pub positions: Vec<bool>,
    /// Whether a placeholder does.
    pub placeholder: &'a dyn Fn(Role, &str, &Range<usize>) -> bool,
}

/// A place of a script where somebody else would decide what runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Risk {
    /// What stands there.
    pub nested: Nested,
    /// Where the variable or the placeholder begins, in bytes.
    pub offset: usize,
    /// The variable; a placeholder is none.
    pub variable: Option<String>,
}

impl Script {
    /// The first place of the script where somebody else would decide what runs.
    pub fn risk(&self, outside: &Outside<'_>) -> Option<Risk> {
        risk_in(&self.flow, outside)
    }
}

fn risk_in(flow: &Flow, outside: &Outside<'_>) -> Option<Risk> {
    let taints = Taints {
        any: Taint::of(flow, outside, Kind::Any),
        number: Taint::of(flow, outside, Kind::Number),
        shell: Taint::of(flow, outside, Kind::Shell),
    };
    let found = flow
        .found
        .iter()
        .find_map(|found| taints.risk_at(found, flow, outside));
    let counted = || taints.counted(flow);
    let inner = || {
        flow.inner
            .iter()
            .find_map(|inner| taints.risk_inside(inner, outside))
    };
    found
        .or_else(counted)
        .or_else(|| taints.fed(flow))
        .or_else(|| unread(flow, outside))
        .or_else(inner)
}

/// What is too deep to be read, of a script that is given anything.
fn unread(flow: &Flow, outside: &Outside<'_>) -> Option<Risk> {
    let is_given = outside.positions.contains(&true) || !outside.variables.is_empty();
    let span = flow.unread.first().filter(|_| is_given)?;
    let found = Found::of(span.clone(), Role::Code, "sh", TOO_DEEP);
    Some(risk(&found.nested, span.start, Some("@".to_owned())))
}

/// What a value must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    /// Anything but a number.
    Number,
    /// Anything that is not quoted for a shell.
    Shell,
}

struct Taints<'f> {
    any: Taint<'f>,
    number: Taint<'f>,
    shell: Taint<'f>,
}

impl Taints<'_> {
    fn risk_at(&self, found: &Found, flow: &Flow, outside: &Outside<'_>) -> Option<Risk> {
        let Nested {
            role, reader, span, ..
        } = &found.nested;
        let is_key = found
            .array
            .as_ref()
            .is_some_and(|array| flow.maps.contains(array));
        let is_looked_at = flow.are_spelled_out(&found.lists)
            && !found.lists.iter().any(|list| outside.variables.contains(list));
        if is_key || is_looked_at {
            return None;
        }
        let is_code = matches!(role, Role::Code | Role::Script);
        let reads_as_shell = is_code && (is_shell(reader) || SHELL_LIKE.contains(&reader.as_str()));
        let taint = match (found.is_number, reads_as_shell) {
            (true, _) => &self.number,
            (false, true) => &self.shell,
            (false, false) => &self.any,
        };
        let is_meant = |one: &&Use| match &one.name {
            None => !taint.excuses(one, span) && (outside.placeholder)(*role, reader, &one.span),
            Some(name) if *role == Role::Program && name.ends_with("()") => false,
            Some(name) if reader.starts_with("${") && name == ANY => false,
            Some(_) => !taint.excuses(one, span) && taint.holds(one),
        };
        if *role == Role::Literal {
            return (outside.placeholder)(*role, reader, span).then(|| risk(&found.nested, span.start, None));
        }
        let one = flow.uses_in(span).find(is_meant)?;
        Some(risk(&found.nested, one.span.start, one.name.clone()))
    }

    /// A variable whose every value is arithmetic, and one of them not the author's.
    fn counted(&self, flow: &Flow) -> Option<Risk> {
        flow.sets.iter().find_map(|set| {
            let Given::Value(value) = &set.to else {
                return None;
            };
            let is_meant = flow.integers.contains(&set.name);
            let one = self.number.first_in(value).filter(|_| is_meant)?;
            let found = Found::of(value.span.clone(), Role::Code, &set.name, super::IN_ARITHMETIC);
            Some(risk(&found.nested, one.span.start, one.name.clone()))
        })
    }

    /// What a function finds on its input that gives it to a shell or an interpreter.
    fn fed(&self, flow: &Flow) -> Option<Risk> {
        let mut fed = flow
            .fed
            .iter()
            .filter(|(name, _)| flow.is_hungry && flow.functions.contains(name));
        fed.find_map(|(name, span)| {
            let one = self.any.first_in_span(span)?;
            let found = Found::of(span.clone(), Role::Code, name, BY_ARGUMENT);
            Some(risk(&found.nested, one.span.start, one.name.clone()))
        })
    }

    fn risk_inside(&self, inner: &Inner, outside: &Outside<'_>) -> Option<Risk> {
        let nobody = |_: Role, _: &str, _: &Range<usize>| false;
        let placeholder: AskPlaceholder<'_> = match inner.whole {
            None => outside.placeholder,
            Some(_) => &nobody,
        };
        let inside = Outside {
            variables: self.any.names.iter().map(|name| (*name).to_owned()).collect(),
            positions: inner
                .given
                .iter()
                .map(|value| self.any.first_in(value).is_some())
                .collect(),
            placeholder,
        };
        let mut risk = risk_in(&inner.flow, &inside)?;
        if let Some(whole) = &inner.whole {
            risk.offset = whole.start;
            risk.nested.span = whole.clone();
        }
        Some(risk)
    }
}

fn risk(nested: &Nested, offset: usize, variable: Option<String>) -> Risk {
    Risk {
        nested: nested.clone(),
        offset,
        variable,
    }
}

/// The variables of a script that hold what others say.
struct Taint<'f> {
    flow: &'f Flow,
    kind: Kind,
    names: HashSet<&'f str>,
    /// Variables that hold no more than what is left of it, from a place on.
    cleaned: HashMap<&'f str, usize>,
    /// Whether what comes in on a stream is theirs.
    is_streamed: bool,
    placeholder: AskPlaceholder<'f>,
}

impl<'f> Taint<'f> {
    fn of(flow: &'f Flow, outside: &'f Outside<'_>, kind: Kind) -> Self {
        let mut taint = Self {
            flow,
            kind,
            names: outside.variables.iter().map(String::as_str).collect(),
            cleaned: HashMap::new(),
            is_streamed: false,
            placeholder: outside.placeholder,
        };
        taint.add_positions(&outside.positions);
        taint.cleaned = cleaned(flow, &|one, span| {
            flow.is_filtered(one, span) || taint.is_quoted(one)
        });
        let mut rounds = 0;
        while taint.follow() {
            rounds += 1;
            if rounds == MOST_ROUNDS {
                taint.names.extend(flow.sets.iter().map(|set| set.name.as_str()));
            }
        }
        if kind == Kind::Number {
            for name in &flow.checked {
                taint.names.remove(name.as_str());
            }
        }
        taint
    }

    fn add_positions(&mut self, positions: &[bool]) {
        const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        for (index, _) in positions.iter().enumerate().filter(|(_, is_said)| **is_said) {
            self.names.extend(NAMES.get(index).copied());
            if index > 0 {
                self.names.insert("@");
            }
        }
    }

    /// One step from each variable to the next; whether there was one.
    fn follow(&mut self) -> bool {
        let before = (self.names.len(), self.is_streamed);
        let flow = self.flow;
        let streams = &flow.streams;
        self.is_streamed |= streams.iter().any(|span| self.first_in_span(span).is_some());
        for set in &flow.sets {
            let is_checked = self.kind == Kind::Number && flow.checked.contains(&set.name);
            let is_given = match &set.to {
                Given::Value(value) => self.first_in(value).is_some(),
                Given::Variable(name) => self.has(name),
                Given::Stream => self.is_streamed,
            };
            if is_given && !is_checked {
                self.names.insert(&set.name);
            }
        }
        for (name, body) in &flow.bodies {
            let is_called = |one: &&Use| {
                one.name
                    .as_ref()
                    .is_some_and(|used| used.strip_suffix("()") == Some(name))
            };
            if self.first_in_span(body).is_some() {
                let calls = flow.uses.iter().filter(is_called);
                self.names.extend(calls.filter_map(|one| one.name.as_deref()));
            }
        }
        for (command, values) in &flow.calls {
            let is_given = || values.iter().any(|value| self.first_in(value).is_some());
            if flow.functions.contains(command) && is_given() {
                self.names.insert("@");
            }
        }
        before != (self.names.len(), self.is_streamed)
    }

    /// The first use in a value by which it becomes what others say.
    fn first_in(&self, value: &Value) -> Option<&'f Use> {
        self.first_in_span(&value.span)
    }

    fn first_in_span(&self, span: &Range<usize>) -> Option<&'f Use> {
        let mut uses = self.flow.uses_in(span);
        uses.find(|one| {
            !one.is_bare && !self.flow.is_filtered(one, span) && !self.is_quoted(one) && self.holds(one)
        })
    }

    /// Whether a use harms nobody in a stretch that decides what runs.
    fn excuses(&self, one: &Use, span: &Range<usize>) -> bool {
        match self.kind {
            Kind::Any => false,
            Kind::Number => self.flow.is_filtered(one, span),
            Kind::Shell => self.is_quoted(one),
        }
    }

    fn holds(&self, one: &Use) -> bool {
        match &one.name {
            None => (self.placeholder)(Role::Code, "", &one.span),
            Some(name) => {
                let is_checked = self.kind == Kind::Number && self.flow.checked.contains(name);
                self.has(name) && !is_checked && !self.is_cleaned(name, one)
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        let is_position = name.bytes().all(|byte| byte.is_ascii_digit());
        match name {
            _ if name.starts_with(PARAMETERS) => true,
            "*" => self.names.contains("@"),
            ANY => self.names.iter().any(|name| *name != BRANCH),
            _ if is_position && (name.len() > 1 || self.flow.moves_positions) => {
                self.names.contains("@") || self.names.contains(name)
            }
            _ => self.names.contains(name),
        }
    }

    fn is_cleaned(&self, name: &str, one: &Use) -> bool {
        let from = self.cleaned.get(name);
        from.is_some_and(|from| *from <= one.span.start)
    }

    fn is_quoted(&self, one: &Use) -> bool {
        self.kind == Kind::Shell
            && self
                .flow
                .quoted
                .iter()
                .any(|quoted| quoted.contains(&one.span.start))
    }
}
