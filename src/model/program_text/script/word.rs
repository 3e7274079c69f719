//! Words of a script, with what stands in their quotes.

use std::ops::Range;

use super::expansion::name_length;
use super::flow::{Part, Value};
use super::lexer::Lexer;

/// A word of a command.
#[derive(Debug, Default, Clone)]
pub(super) struct Word {
    /// As the shell sees it, placeholders and variables as they are written.
    pub(super) text: String,
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// Placeholders between single quotes or behind a backslash.
    pub(super) literal: Vec<Range<usize>>,
    /// Where all of it stands between single quotes: what is inside.
    pub(super) quoted: Option<Range<usize>>,
    /// What the shell fills in, and whether between double quotes.
    filled: Vec<(Range<usize>, bool)>,
}

impl Word {
    pub(super) fn of(text: &str, span: Range<usize>) -> Self {
        Self {
            text: text.to_owned(),
            span,
            ..Self::default()
        }
    }

    /// A part of it, which is a word of its own; it begins at a byte of the script.
    pub(super) fn piece(&self, text: &str, start: usize) -> Self {
        let span = start..start + text.len();
        let is_inside = |part: &Range<usize>| span.start <= part.start && part.end <= span.end;
        let literal = self.literal.iter().filter(|part| is_inside(part));
        let filled = self.filled.iter().filter(|(part, _)| is_inside(part));
        Self {
            literal: literal.cloned().collect(),
            filled: filled.map(|(part, _)| (part.clone(), false)).collect(),
            ..Self::of(text, span)
        }
    }

    /// What the shell fills in, and whether between double quotes, where it is one thing.
    pub(super) fn only_filled(&self) -> Option<(Range<usize>, bool)> {
        match self.filled.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// Whether the shell fills something in.
    pub(super) fn is_filled(&self) -> bool {
        !self.filled.is_empty()
    }
}

impl Lexer<'_> {
    /// One word, whatever is in it.
    pub(super) fn word(&mut self) -> Word {
        let start = self.at;
        let mut word = Word::default();
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '`' if self.is_in_backquotes => break,
                '\'' => self.single(&mut word),
                '"' => self.double(&mut word),
                '\\' => self.escaped(&mut word),
                '$' | '`' => self.expansion(&mut word, false),
                _ => self.take(c, &mut word),
            }
        }
        if self.at == start {
            // Nothing else is left to be a word of its own.
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        word.span = start..self.at;
        word.quoted = word
            .quoted
            .filter(|quoted| quoted.start == start + 1 && quoted.end + 1 == self.at);
        word
    }

    pub(super) fn take(&mut self, c: char, word: &mut Word) {
        word.text.push(c);
        self.at += c.len_utf8();
    }

    pub(super) fn single(&mut self, word: &mut Word) {
        let start = self.at + 1;
        let end = self
            .inside(start..self.end())
            .find('\'')
            .map_or(self.end(), |end| start + end);
        // `$'…'` has escapes of its own; there is a quote behind a backslash in few scripts.
        let inside = self.inside(start..end);
        for at in placeholders(inside) {
            word.literal.push(start + at.start..start + at.end);
        }
        word.text.push_str(inside);
        word.quoted = Some(start..end);
        self.at = (end + 1).min(self.end());
    }

    pub(super) fn double(&mut self, word: &mut Word) {
        self.at += 1;
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    return;
                }
                '`' if self.is_in_backquotes => return,
                '\\' => self.escaped(word),
                '$' | '`' => self.expansion(word, true),
                _ => self.take(c, word),
            }
        }
    }

    pub(super) fn escaped(&mut self, word: &mut Word) {
        self.at += 1;
        if self.rest().starts_with("${") {
            let end = self.placeholder_end();
            word.literal.push(self.at..end);
            word.text.push_str(self.inside(self.at..end));
            self.at = end;
        } else if let Some(c) = self.peek() {
            self.take(c, word);
        }
    }

    /// What begins with `$`, or a backquote.
    fn expansion(&mut self, word: &mut Word, is_quoted: bool) {
        let start = self.at;
        self.fill_in();
        word.text.push_str(self.inside(start..self.at));
        if self.at > start + 1 {
            word.filled.push((start..self.at, is_quoted));
        }
    }

    /// What a word says from one byte on.
    pub(super) fn value(&self, word: &Word, from: usize) -> Value {
        let part = |(span, is_quoted): &(Range<usize>, bool)| Part {
            is_first: self
                .inside(from.min(span.start)..span.start)
                .chars()
                .all(|c| matches!(c, '"' | '\'')),
            span: span.clone(),
            is_quoted: *is_quoted,
        };
        Value {
            span: from..word.span.end,
            parts: word
                .filled
                .iter()
                .filter(|(span, _)| span.start >= from)
                .map(part)
                .collect(),
        }
    }

    /// The variables that stand in a word.
    pub(super) fn names(&self, word: &Word) -> Vec<String> {
        let name = |(span, _): &(Range<usize>, bool)| {
            let written = self.inside(span.clone()).trim_start_matches(['$', '{']);
            let digits = written.bytes().take_while(u8::is_ascii_digit).count();
            written[..name_length(written).max(digits)].to_owned()
        };
        let names = word.filled.iter().map(name);
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Where the placeholder that begins here ends.
    pub(super) fn placeholder_end(&self) -> usize {
        self.at + placeholder_length(self.rest())
    }
}

/// How long the placeholder is that a text begins with.
fn placeholder_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// The placeholders of a text in which a shell fills in nothing.
pub(super) fn placeholders(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find("${") {
        let start = at + next;
        let is_escaped = text[..start].ends_with('$');
        let end = start + placeholder_length(&text[start..]);
        if !is_escaped {
            found.push(start..end);
        }
        at = end;
    }
    found
}
