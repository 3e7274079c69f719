//! Redirections of a script, and the documents that begin behind a line.

use super::lexer::{Lexer, Pipeline};
use super::word::{Word, placeholders};
use crate::model::program_text::BY_ARGUMENT;

/// What a program is given where a command stands in place of a file.
const STREAM: &str = "/dev/fd/63";

/// A document that begins behind the line.
pub(super) struct Here {
    mark: String,
    is_literal: bool,
    is_indented: bool,
    /// The command that it is for.
    pub(super) reads_code: Option<usize>,
}

impl Lexer<'_> {
    /// `> file`, `2>&1`, `<<EOF`, `<<< text`.
    pub(super) fn redirection(&mut self, pipeline: &mut Pipeline) {
        let is_number = |word: &Word| word.text.bytes().all(|byte| byte.is_ascii_digit());
        let stands_before = |word: &Word, at| word.span.end == at;
        if pipeline
            .words
            .last()
            .is_some_and(|word| is_number(word) && stands_before(word, self.at))
        {
            pipeline.words.pop();
        }
        let rest = self.rest();
        if rest.starts_with("<<<") {
            self.at += 3;
            let word = self.word_behind();
            self.flow.streams.push(word.span.clone());
            pipeline.inputs.push(word.span);
        } else if rest.starts_with("<<") {
            self.at += 2;
            self.here();
        } else if rest.starts_with("<(") || rest.starts_with(">(") {
            self.command_as_file(pipeline);
            let span = pipeline.inputs.last().cloned().unwrap_or_default();
            pipeline.push(Word::of(STREAM, span));
        } else {
            self.at += 1;
            let begins_command = |rest: &str| rest.starts_with("<(") || rest.starts_with(">(");
            while self.peek().is_some_and(|c| matches!(c, '<' | '>' | '&' | '|'))
                && !begins_command(self.rest())
            {
                self.at += 1;
            }
            self.blanks();
            if begins_command(self.rest()) {
                return self.command_as_file(pipeline);
            }
            let word = self.word_behind();
            if rest.starts_with('<') && !rest.starts_with("<&") {
                pipeline.inputs.push(word.span); // Who chooses the file chooses what is read.
            }
        }
    }

    /// The word behind an operator, if there is one.
    fn word_behind(&mut self) -> Word {
        self.blanks();
        let ends = |c: char| " \t\n;&|()<>".contains(c) || c == '`' && self.is_in_backquotes;
        if self.peek().is_none_or(ends) {
            return Word::of("", self.at..self.at);
        }
        let word = self.word();
        self.literals(&word);
        word
    }

    /// `<(…)`
    fn command_as_file(&mut self, pipeline: &mut Pipeline) {
        let start = self.at;
        let is_output = self.rest().starts_with('>');
        let was_hungry = std::mem::take(&mut self.is_hungry);
        self.at += 2;
        self.commands(Some(')'));
        let is_hungry = std::mem::replace(&mut self.is_hungry, was_hungry);
        pipeline.feeds_code |= is_output && is_hungry;
        self.flow.streams.push(start..self.at);
        pipeline.inputs.push(start..self.at);
    }

    fn here(&mut self) {
        let is_indented = self.rest().starts_with('-');
        self.at += usize::from(is_indented);
        self.blanks();
        let start = self.at;
        let word = self.word();
        self.here.push(Here {
            is_literal: self.inside(start..self.at).contains(['\'', '"', '\\']),
            mark: word.text,
            is_indented,
            reads_code: None,
        });
    }

    /// The documents that begin behind a line.
    pub(super) fn documents(&mut self) {
        for here in std::mem::take(&mut self.here) {
            let start = self.at;
            let mut end = start;
            for line in self.inside(start..self.end()).split_inclusive('\n') {
                let plain = line.trim_end_matches('\n');
                let plain = if here.is_indented {
                    plain.trim_start_matches('\t')
                } else {
                    plain
                };
                self.at += line.len();
                if plain == here.mark {
                    break;
                }
                end = self.at;
            }
            let after = self.at;
            self.flow.streams.push(start..end);
            if here.reads_code.is_some() {
                self.flow.code(start..end, "a program", BY_ARGUMENT);
            }
            if here.is_literal {
                for at in placeholders(self.inside(start..end)) {
                    self.literal(start + at.start..start + at.end);
                }
            } else {
                self.body(start, end);
            }
            self.at = after;
        }
    }

    /// A document in which the shell fills in what it does between double quotes.
    fn body(&mut self, start: usize, end: usize) {
        let mut inner = Lexer::new(self.inside(0..end), self.depth);
        inner.counts_in_tests = self.counts_in_tests;
        inner.at = start;
        let mut word = Word::default();
        while let Some(c) = inner.peek() {
            match c {
                '\\' => inner.escaped(&mut word),
                '$' | '`' => inner.fill_in(),
                _ => inner.at += c.len_utf8(),
            }
        }
        inner.literals(&word);
        self.flow.append(inner.flow);
    }
}
