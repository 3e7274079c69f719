//! What a shell fills in: variables, placeholders, commands in place of words, arithmetic.

use std::ops::Range;

use super::builtins::BY_NAME;
use super::flow::{Given, Use, Value};
use super::lexer::Lexer;
use super::output;
use super::word::Word;

/// Arithmetic, in messages.
const ARITHMETIC: &str = "$((…))";

const AS_PROMPT: &str = "use the variable as it is: `@P` carries out the commands in it";

/// What a variable is called of which only another one says which it is.
pub(super) const ANY: &str = "!";

/// How deep what is filled in may stand in what is filled in; beyond that all is taken for code.
const MOST_FILLED: usize = 64;

/// Special variables that say nothing of what a script is given.
const OF_THE_SHELL: &[char] = &['?', '#', '$', '!', '-'];

/// Operators after which a value is left as it is, or another stands for it.
const KEEPING: &[&str] = &["}", ":-", ":=", ":?", ":+", "-", "=", "?", "+"];

impl<'a> Lexer<'a> {
    /// What begins with `$`, or a backquote.
    pub(super) fn fill_in(&mut self) {
        if self.filling == MOST_FILLED {
            return self.leave_unread();
        }
        self.filling += 1;
        self.fill();
        self.filling -= 1;
    }

    fn fill(&mut self) {
        let rest = self.rest();
        let start = self.at;
        if rest.starts_with('`') {
            self.at += 1;
            self.is_in_backquotes = true;
            self.substitution(start, '`');
            self.is_in_backquotes = false;
        } else if rest.starts_with("$((") {
            self.at += 3;
            self.arithmetic(start, "))");
        } else if rest.starts_with("$(") {
            self.at += 2;
            self.substitution(start, ')');
        } else if rest.starts_with("$[") {
            self.at += 2;
            self.arithmetic(start, "]");
        } else if rest.starts_with("$${") {
            self.parameter();
        } else if rest.starts_with("${") {
            self.at = self.placeholder_end();
            self.used(start..self.at, None, false);
        } else {
            self.variable();
        }
    }

    /// A command in place of a word; what is known of it says what its output is.
    fn substitution(&mut self, start: usize, end: char) {
        let before = std::mem::take(&mut self.last_output);
        self.commands(Some(end));
        let command = std::mem::replace(&mut self.last_output, before);
        let span = start..self.at;
        if command == output::QUOTED {
            self.flow.quoted.push(span);
        } else if !output::hands_on(&command) {
            self.flow.filtered.push((span, command));
        }
    }

    /// `$NAME`, `$1`, `$@`.
    fn variable(&mut self) {
        let start = self.at;
        self.at += 1;
        let length = match self.peek() {
            Some(c) if c.is_ascii_digit() || matches!(c, '@' | '*') => 1,
            Some(c) if OF_THE_SHELL.contains(&c) => 1,
            Some(_) | None => name_length(self.rest()),
        };
        let name = self.inside(self.at..self.at + length);
        self.at += length;
        if !name.is_empty() && !name.starts_with(OF_THE_SHELL) {
            self.used(start..self.at, Some(name), false);
        }
    }

    /// `$${NAME…}`, which is `${NAME…}` to the shell: subscripts and offsets in it are arithmetic.
    fn parameter(&mut self) {
        let start = self.at;
        self.at += 3;
        let is_indirect = self.is_before_name('!');
        let is_length = self.is_before_name('#');
        let name = self.name();
        let has_key = self.subscript(name);
        let operator = self.at;
        self.up_to_brace();
        let written = self.inside(operator..self.at);
        if name.is_empty() || is_length {
            return;
        }
        if let Some(by) = [":=", "="].into_iter().find(|by| written.starts_with(by)) {
            let value = Value {
                span: operator + by.len()..self.at,
                parts: Vec::new(),
            };
            self.flow.set(name, Given::Value(value));
        }
        let is_kept = KEEPING.iter().any(|kept| written.starts_with(kept));
        self.used(start..self.at, Some(name), !is_kept || has_key);
        let lists_names = has_key || matches!(written, "@}" | "*}");
        if is_indirect && !lists_names {
            self.used(start..self.at, Some(ANY), true);
        }
        if is_indirect && !lists_names {
            self.flow.code(start..self.at, "${!…}", BY_NAME);
        } else if written.starts_with("@P") {
            self.flow.code(start..self.at, "${…@P}", AS_PROMPT);
        } else if written.starts_with("@Q") {
            self.flow.quoted.push(start..self.at);
        } else if keeps_digits(written) {
            self.flow
                .filtered
                .push((start..self.at, output::DIGITS.to_owned()));
        } else if written.starts_with(':') && !is_kept {
            self.count(operator + 1..self.at, ARITHMETIC, None);
        }
    }

    /// Takes a character where the name of a variable follows it.
    fn is_before_name(&mut self, c: char) -> bool {
        let behind = self.rest().strip_prefix(c);
        let is_before = behind
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "_@*".contains(c)));
        self.at += usize::from(is_before);
        is_before
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let length = match rest.chars().next() {
            Some('@' | '*') => 1,
            Some(_) | None => digits.max(name_length(rest)),
        };
        self.at += length;
        &rest[..length]
    }

    /// The key of an array; whether there is one.
    fn subscript(&mut self, name: &str) -> bool {
        let start = self.at;
        if !self.rest().starts_with('[') {
            return false;
        }
        let mut inside = Word::default();
        while let Some(c) = self.peek() {
            match c {
                ']' => {
                    self.at += 1;
                    break;
                }
                '}' => break,
                _ => self.piece(c, &mut inside),
            }
        }
        self.count(start..self.at, ARITHMETIC, Some(name));
        true
    }

    fn up_to_brace(&mut self) {
        let mut inside = Word::default();
        while let Some(c) = self.peek() {
            if c == '}' {
                self.at += 1;
                return;
            }
            self.piece(c, &mut inside);
        }
    }

    fn piece(&mut self, c: char, inside: &mut Word) {
        match c {
            '\'' => self.single(inside),
            '"' => self.double(inside),
            '\\' => self.escaped(inside),
            '$' | '`' => self.fill_in(),
            _ => self.take(c, inside),
        }
    }

    /// Up to the end of an arithmetic expression, which began somewhere before.
    pub(super) fn arithmetic(&mut self, start: usize, end: &str) {
        let from = self.at;
        let mut depth = 0_usize;
        let mut inside = Word::default();
        while let Some(c) = self.peek() {
            if depth == 0 && self.rest().starts_with(end) {
                break;
            }
            match c {
                '$' | '`' => self.fill_in(),
                _ => {
                    depth = match c {
                        '(' => depth + 1,
                        ')' => depth.saturating_sub(1),
                        _ => depth,
                    };
                    self.take(c, &mut inside);
                }
            }
        }
        self.count(from..self.at, ARITHMETIC, None);
        self.at = (self.at + end.len()).min(self.end());
        self.flow.filtered.push((start..self.at, String::new()));
    }

    /// Says that a stretch is arithmetic, in which names are variables.
    pub(super) fn count(&mut self, span: Range<usize>, reader: &str, array: Option<&str>) {
        for name in names_in(self.inside(span.clone())) {
            let at = span.start + name.start..span.start + name.end;
            self.flow.uses.push(Use {
                name: Some(self.inside(at.clone()).to_owned()),
                span: at,
                is_changed: true,
                is_bare: true,
            });
        }
        self.flow.number(span, reader, array);
    }

    /// Says that a command may be a function, whose output is what it does with its variables.
    pub(super) fn calls(&mut self, word: &Word) {
        self.used(word.span.clone(), Some(&format!("{}()", word.text)), true);
    }

    fn used(&mut self, span: Range<usize>, name: Option<&str>, is_changed: bool) {
        self.flow.uses.push(Use {
            span,
            name: name.map(str::to_owned),
            is_changed,
            is_bare: false,
        });
    }
}

/// `//[^0-9]/}`, which leaves the digits of a value, or `%%[^0-9]*}` and `##*[^0-9]}`, which leave some of them.
fn keeps_digits(operator: &str) -> bool {
    let ways = [("//", "}"), ("//", "/}"), ("%%", "*}"), ("##*", "}")];
    ways.iter().any(|(begin, end)| {
        let class = operator.strip_prefix(begin);
        class
            .and_then(|class| class.strip_suffix(end))
            .is_some_and(output::is_class_of_others)
    })
}

/// How long the name is that a text begins with.
pub(super) fn name_length(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => 0,
        false => text.find(|c| !is_part(c)).unwrap_or(text.len()),
    }
}

/// Where names stand in arithmetic, apart from what the shell fills in before.
fn names_in(text: &str) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_name = c.is_ascii_alphabetic() || c == '_';
        let length = match c {
            '$' => filled_length(rest),
            '0'..='9' => rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len()),
            _ if is_name => name_length(rest),
            _ => c.len_utf8(),
        };
        if is_name {
            names.push(at..at + length);
        }
        at += length;
    }
    names
}

/// How long that is which a shell fills in here, roughly: in brackets up to the one that ends it.
fn filled_length(text: &str) -> usize {
    let dollars = text.bytes().take_while(|byte| *byte == b'$').count();
    let rest = &text[dollars..];
    if !rest.starts_with(['{', '(', '[']) {
        return dollars + name_length(rest);
    }
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth == 1 => return dollars + at + 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}
