//! A script, character by character.

use std::ops::Range;

use super::{MOST_NESTED, Nested, Role, commands};

const IN_ARITHMETIC: &str = "shells carry out what stands in arithmetic: check first that it is a number, with `case` or `[`, and use another variable";
const IN_QUOTES: &str = "use double quotes, or pass it behind the script and write `\"$1\"`";

/// What a program is given where a command stands in place of a file.
const STREAM: &str = "/dev/fd/63";

/// Words that end what began with another.
const END_GROUPS: &[&str] = &["}", "done", "fi", "esac"];

/// A word of a command.
#[derive(Debug, Default, Clone)]
pub(super) struct Word {
    /// As the shell sees it, placeholders as they are written.
    pub(super) text: String,
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// Placeholders between single quotes or behind a backslash.
    pub(super) literal: Vec<Range<usize>>,
    /// Where all of it stands between single quotes: what is inside.
    pub(super) quoted: Option<Range<usize>>,
}

/// A document that begins behind the line.
struct Here {
    mark: String,
    is_literal: bool,
    is_indented: bool,
    /// The command that it is for.
    reads_code: Option<usize>,
}

/// A script that is read.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pub(super) depth: usize,
    pub(super) found: Vec<Nested>,
    here: Vec<Here>,
    /// Whether a backquote ends what is read.
    is_in_backquotes: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, depth: usize) -> Self {
        Self {
            text,
            at: 0,
            depth,
            found: Vec::new(),
            here: Vec::new(),
            is_in_backquotes: false,
        }
    }

    /// Commands up to a closing character, or the end.
    pub(super) fn commands(&mut self, until: Option<char>) {
        if self.depth > MOST_NESTED {
            self.code(self.at..self.text.len(), "sh", super::super::BY_ARGUMENT);
            self.at = self.text.len();
            return;
        }
        self.depth += 1;
        let mut pipeline = Pipeline::default();
        while let Some(c) = self.peek() {
            if Some(c) == until && !pipeline.is_in_test {
                break;
            }
            self.step(c, &mut pipeline);
        }
        self.end_command(&mut pipeline, false);
        self.at += until.map_or(0, char::len_utf8);
        self.at = self.at.min(self.text.len());
        self.depth -= 1;
    }

    fn step(&mut self, c: char, pipeline: &mut Pipeline) {
        let is_in_test = pipeline.is_in_test;
        match c {
            ' ' | '\t' => self.at += 1,
            '#' => self.comment(),
            '\n' => {
                self.at += 1;
                if !is_in_test {
                    self.end_command(pipeline, false);
                }
                self.documents();
            }
            '(' if self.rest().starts_with("((") && pipeline.begins_or_counts() => {
                self.at += 2;
                self.arithmetic("))");
            }
            '<' | '>' if !is_in_test => self.redirection(pipeline),
            ';' | '(' | ')' | '&' | '|' if !is_in_test => {
                let is_pipe = c == '|' && !self.rest().starts_with("||");
                self.at += if self.rest().starts_with("||") { 2 } else { 1 };
                self.end_command(pipeline, is_pipe);
            }
            '(' | ')' | '&' | '|' | '<' | '>' | ';' => {
                let span = self.at..self.at + 1;
                self.at += 1;
                let text = c.to_string();
                pipeline.push(Word {
                    text,
                    span,
                    ..Word::default()
                });
            }
            _ => {
                let word = self.word();
                pipeline.push(word);
            }
        }
    }

    fn end_command(&mut self, pipeline: &mut Pipeline, is_piped: bool) {
        let words = std::mem::take(&mut pipeline.words);
        pipeline.is_in_test = false;
        let Some(first) = words.first() else {
            // What ends here, in parentheses, began somewhere before.
            if is_piped {
                pipeline.before = Some(0..self.at);
            }
            return;
        };
        let ends_group = END_GROUPS.contains(&first.text.as_str());
        let start = if ends_group { 0 } else { first.span.start };
        let reads_input = commands::look_at(self, &words);
        if reads_input {
            let inputs = std::mem::take(&mut pipeline.inputs);
            for input in inputs.into_iter().chain(pipeline.before.clone()) {
                self.code(input, &words[0].text, super::super::BY_ARGUMENT);
            }
            for here in &mut self.here {
                here.reads_code.get_or_insert(start);
            }
        }
        pipeline.inputs.clear();
        let from = pipeline.before.take().map_or(start, |before| before.start);
        pipeline.before = is_piped.then_some(from..self.at);
    }

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
                '$' | '`' => self.expansion(&mut word),
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

    fn take(&mut self, c: char, word: &mut Word) {
        word.text.push(c);
        self.at += c.len_utf8();
    }

    fn single(&mut self, word: &mut Word) {
        let start = self.at + 1;
        let end = self.text[start..]
            .find('\'')
            .map_or(self.text.len(), |end| start + end);
        // `$'…'` has escapes of its own; there is a quote behind a backslash in few scripts.
        let inside = &self.text[start..end];
        for at in placeholders(inside) {
            word.literal.push(start + at.start..start + at.end);
        }
        word.text.push_str(inside);
        word.quoted = Some(start..end);
        self.at = (end + 1).min(self.text.len());
    }

    fn double(&mut self, word: &mut Word) {
        self.at += 1;
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    return;
                }
                '`' if self.is_in_backquotes => return,
                '\\' => self.escaped(word),
                '$' | '`' => self.expansion(word),
                _ => self.take(c, word),
            }
        }
    }

    fn escaped(&mut self, word: &mut Word) {
        self.at += 1;
        if self.rest().starts_with("${") {
            let end = placeholder_end(self.text, self.at);
            word.literal.push(self.at..end);
            word.text.push_str(&self.text[self.at..end]);
            self.at = end;
        } else if let Some(c) = self.peek() {
            self.take(c, word);
        }
    }

    /// What begins with `$`, or a backquote.
    fn expansion(&mut self, word: &mut Word) {
        let rest = self.rest();
        let start = self.at;
        if rest.starts_with('`') {
            self.at += 1;
            self.is_in_backquotes = true;
            self.commands(Some('`'));
            self.is_in_backquotes = false;
        } else if rest.starts_with("$((") {
            self.at += 3;
            self.arithmetic("))");
        } else if rest.starts_with("$(") {
            self.at += 2;
            self.commands(Some(')'));
        } else if rest.starts_with("$[") {
            self.at += 2;
            self.arithmetic("]");
        } else if rest.starts_with("$${") {
            self.parameter();
        } else if rest.starts_with("${") {
            self.at = placeholder_end(self.text, self.at);
        } else {
            self.at += 1;
        }
        word.text.push_str(&self.text[start..self.at]);
    }

    /// `$${NAME…}`, which is `${NAME…}` to the shell: subscripts and offsets in it are arithmetic.
    fn parameter(&mut self) {
        let start = self.at;
        self.at += 3;
        let mut inside = Word::default();
        while let Some(c) = self.peek() {
            match c {
                '}' => {
                    self.at += 1;
                    return;
                }
                '$' if self.rest().starts_with("${") => {
                    let end = placeholder_end(self.text, self.at);
                    let before = &self.text[start + 3..self.at];
                    let is_offset = before
                        .find(':')
                        .is_some_and(|colon| !before[colon + 1..].starts_with(['-', '+', '=', '?']));
                    if before.contains('[') || is_offset {
                        self.code(self.at..end, "$((…))", IN_ARITHMETIC);
                    }
                    self.at = end;
                }
                '\'' => self.single(&mut inside),
                '"' => self.double(&mut inside),
                '\\' => self.escaped(&mut inside),
                '$' | '`' => self.expansion(&mut inside),
                _ => self.take(c, &mut inside),
            }
        }
    }

    /// Up to the end of an arithmetic expression.
    fn arithmetic(&mut self, end: &str) {
        let mut depth = 0_usize;
        let mut inside = Word::default();
        while let Some(c) = self.peek() {
            if depth == 0 && self.rest().starts_with(end) {
                self.at += end.len();
                return;
            }
            match c {
                '$' if self.rest().starts_with("${") => {
                    let start = self.at;
                    self.at = placeholder_end(self.text, start);
                    self.code(start..self.at, "$((…))", IN_ARITHMETIC);
                }
                '$' | '`' => self.expansion(&mut inside),
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
    }

    fn comment(&mut self) {
        let end = self.rest().find('\n').unwrap_or(self.rest().len());
        self.at += end;
    }

    /// `> file`, `2>&1`, `<<EOF`, `<<< text`.
    fn redirection(&mut self, pipeline: &mut Pipeline) {
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
            self.blanks();
            let word = self.word();
            self.literals(&word);
            pipeline.inputs.push(word.span);
        } else if rest.starts_with("<<") {
            self.at += 2;
            self.here();
        } else if rest.starts_with("<(") || rest.starts_with(">(") {
            let start = self.at;
            self.at += 2;
            self.commands(Some(')'));
            pipeline.inputs.push(start..self.at);
            pipeline.push(Word {
                text: STREAM.to_owned(),
                span: start..self.at,
                ..Word::default()
            });
        } else {
            self.at += 1;
            while self.peek().is_some_and(|c| matches!(c, '<' | '>' | '&' | '|')) {
                self.at += 1;
            }
            self.blanks();
            let word = self.word();
            self.literals(&word);
        }
    }

    fn here(&mut self) {
        let is_indented = self.rest().starts_with('-');
        self.at += usize::from(is_indented);
        self.blanks();
        let start = self.at;
        let word = self.word();
        self.here.push(Here {
            is_literal: self.text[start..self.at].contains(['\'', '"', '\\']),
            mark: word.text,
            is_indented,
            reads_code: None,
        });
    }

    /// The documents that begin behind a line.
    fn documents(&mut self) {
        for here in std::mem::take(&mut self.here) {
            let start = self.at;
            let mut end = start;
            for line in self.text[start..].split_inclusive('\n') {
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
            if here.reads_code.is_some() {
                self.code(start..end, "a program", super::super::BY_ARGUMENT);
            }
            if here.is_literal {
                for at in placeholders(&self.text[start..end]) {
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
        let mut inner = Lexer::new(&self.text[..end], self.depth);
        inner.at = start;
        let mut word = Word::default();
        while let Some(c) = inner.peek() {
            match c {
                '\\' => inner.escaped(&mut word),
                '$' | '`' => inner.expansion(&mut word),
                _ => inner.at += c.len_utf8(),
            }
        }
        inner.literals(&word);
        self.found.append(&mut inner.found);
    }

    /// Says that a shell leaves the placeholders of a word as they are.
    pub(super) fn literals(&mut self, word: &Word) {
        for span in &word.literal {
            self.literal(span.clone());
        }
    }

    fn literal(&mut self, span: Range<usize>) {
        self.found.push(Nested {
            span,
            role: Role::Literal,
            reader: "sh".to_owned(),
            hint: IN_QUOTES,
        });
    }

    /// Says that a stretch is code.
    pub(super) fn code(&mut self, span: Range<usize>, reader: &str, hint: &'static str) {
        self.found.push(Nested {
            span,
            role: Role::Code,
            reader: reader.to_owned(),
            hint,
        });
    }

    pub(super) fn in_arithmetic(&mut self, span: Range<usize>) {
        self.code(span, "[[", IN_ARITHMETIC);
    }

    pub(super) fn inside(&self, span: Range<usize>) -> &'a str {
        &self.text[span]
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

/// A pipeline as far as it is read.
#[derive(Default)]
struct Pipeline {
    /// Of the command that is read.
    words: Vec<Word>,
    /// The commands before it.
    before: Option<Range<usize>>,
    /// Texts for its standard input.
    inputs: Vec<Range<usize>>,
    /// Whether what is read is a `[[ … ]]`, where operators are words.
    is_in_test: bool,
}

impl Pipeline {
    /// Whether two parentheses are arithmetic here.
    fn begins_or_counts(&self) -> bool {
        self.words.last().is_none_or(|word| word.text == "for")
    }

    fn push(&mut self, word: Word) {
        self.is_in_test = match word.text.as_str() {
            "[[" => true,
            "]]" => false,
            _ => self.is_in_test,
        };
        self.words.push(word);
    }
}

/// Where the placeholder that begins here ends.
fn placeholder_end(text: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return start + at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// The placeholders of a text in which a shell fills in nothing.
fn placeholders(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find("${") {
        let start = at + next;
        let is_escaped = text[..start].ends_with('$');
        let end = placeholder_end(text, start);
        if !is_escaped {
            found.push(start..end);
        }
        at = end;
    }
    found
}
