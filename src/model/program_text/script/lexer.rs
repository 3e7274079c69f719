//! A script, character by character: its commands, one after the other.

use std::ops::Range;

use super::documents::Here;
use super::flow::{Flow, Found, Given};
use super::lists::Lists;
use super::word::Word;
use super::{IN_QUOTES, MOST_NESTED, Role, commands, output};
use crate::model::program_text::{BY_ARGUMENT, hint_for, plain_name};

pub(super) const TOO_DEEP: &str =
    "it is nested too deep to be read: write a script in a file and give it the value as an argument";

/// Words that end what began with another.
const END_GROUPS: &[&str] = &["}", "done", "fi", "esac"];

/// A script that is read.
pub(super) struct Lexer<'a> {
    text: &'a str,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// How deep what is filled in stands in what is filled in.
    pub(super) filling: usize,
    pub(super) flow: Flow,
    /// Documents that begin behind the line.
    pub(super) here: Vec<Here>,
    /// Whether a backquote ends what is read.
    pub(super) is_in_backquotes: bool,
    /// What the commands so far are called, for what they say.
    pub(super) last_output: String,
    /// The variables of the last `case`.
    pub(super) subjects: Vec<String>,
    /// Variables that hold a pattern of numbers.
    pub(super) patterns: Vec<String>,
    /// Variables that spell out commands, or parts of them.
    pub(super) lists: Lists,
    /// Whether `[ … -gt … ]` is arithmetic.
    pub(super) counts_in_tests: bool,
    /// Whether a command takes its code from an input that it finds there.
    pub(super) is_hungry: bool,
    /// Functions whose end is not found yet, with where they begin and how many braces were open there.
    defining: Vec<(String, usize, usize)>,
    /// Braces that are open.
    braces: usize,
    /// Texts that were opened for the commands that follow.
    opened: Vec<Range<usize>>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, depth: usize) -> Self {
        Self {
            text,
            at: 0,
            depth,
            filling: 0,
            flow: Flow::default(),
            here: Vec::new(),
            is_in_backquotes: false,
            last_output: String::new(),
            subjects: Vec::new(),
            patterns: Vec::new(),
            lists: Lists::default(),
            counts_in_tests: false,
            is_hungry: false,
            defining: Vec::new(),
            braces: 0,
            opened: Vec::new(),
        }
    }

    /// Commands up to a closing character, or the end.
    pub(super) fn commands(&mut self, until: Option<char>) {
        if self.depth > MOST_NESTED {
            return self.leave_unread();
        }
        self.depth += 1;
        let mut pipeline = Pipeline::default();
        while let Some(c) = self.peek() {
            if Some(c) == until && pipeline.may_end() {
                break;
            }
            self.step(c, &mut pipeline);
        }
        self.end_command(&mut pipeline, false);
        self.at += until.map_or(0, char::len_utf8);
        self.at = self.at.min(self.text.len());
        self.depth -= 1;
    }

    /// Leaves the rest, which is too deep: all of it is taken for code.
    pub(super) fn leave_unread(&mut self) {
        let rest = self.at..self.text.len();
        self.at = rest.end;
        self.flow.code(rest.clone(), "sh", TOO_DEEP);
        self.flow.unread.push(rest);
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
                let start = self.at;
                self.at += 2;
                self.arithmetic(start, "))");
            }
            '(' if !is_in_test && pipeline.ends_with_assignment(self.at) => self.array(pipeline),
            '<' | '>' if !is_in_test => self.redirection(pipeline),
            ';' | '(' | ')' | '&' | '|' if !is_in_test => self.separator(c, pipeline),
            '(' | ')' | '&' | '|' | '<' | '>' | ';' => {
                let span = self.at..self.at + 1;
                self.at += 1;
                pipeline.push(Word::of(&c.to_string(), span));
            }
            _ => {
                let word = self.word();
                pipeline.push(word);
            }
        }
    }

    fn separator(&mut self, c: char, pipeline: &mut Pipeline) {
        let is_pipe = c == '|' && !self.rest().starts_with("||");
        if let [name] = pipeline.words.as_slice()
            && c == '('
            && self.rest()[1..].trim_start().starts_with(')')
        {
            self.defines(&name.text.clone());
        }
        self.at += if self.rest().starts_with("||") { 2 } else { 1 };
        self.end_command(pipeline, is_pipe);
        match c {
            '(' => pipeline.open += 1,
            ')' => pipeline.open = pipeline.open.saturating_sub(1),
            _ => {}
        }
    }

    /// Says that the script has a function.
    pub(super) fn defines(&mut self, name: &str) {
        self.flow.functions.push(name.to_owned());
        self.flow.moves_positions = true;
        self.defining.push((name.to_owned(), self.at, self.braces));
    }

    /// `NAME=(…)`
    fn array(&mut self, pipeline: &mut Pipeline) {
        self.at += 1;
        let set = pipeline.words.last().map(|word| word.text.clone());
        let set = set.unwrap_or_default();
        let name = set.trim_end_matches(['=', '+']);
        let first = self.flow.sets.len();
        let mut words = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                ')' => {
                    self.at += 1;
                    break;
                }
                ' ' | '\t' | '\n' => self.at += 1,
                '#' => self.comment(),
                _ => {
                    let word = self.word();
                    self.literals(&word);
                    let value = self.value(&word, word.span.start);
                    self.flow.set(name, Given::Value(value));
                    words.push(word);
                }
            }
        }
        let is_listed = self.lists_words(name, words, set.ends_with("+="));
        for set in &mut self.flow.sets[first..] {
            set.is_listed = is_listed;
        }
        if let Some(word) = pipeline.words.last_mut() {
            word.span.end = self.at;
        }
    }

    fn end_command(&mut self, pipeline: &mut Pipeline, is_piped: bool) {
        let words = std::mem::take(&mut pipeline.words);
        pipeline.is_in_test = false;
        let Some(first) = words.first() else {
            // What ends here, in parentheses, began somewhere before.
            if is_piped {
                pipeline.before = Some(0..self.at);
                self.flow.streams.push(0..self.at);
            }
            return;
        };
        let ends_group = END_GROUPS.contains(&first.text.as_str());
        pipeline.count_cases(&words);
        self.count_braces(&words);
        let start = if ends_group { 0 } else { first.span.start };
        let output = output::name_of(&words);
        let selects = pipeline.before.is_some() && output::selects_lines(&words);
        self.last_output = match self.last_output.is_empty() || pipeline.before.is_some() {
            true if selects => std::mem::take(&mut self.last_output),
            true => output.clone(),
            false => output::ANYTHING.to_owned(),
        };
        let reads_input = commands::look_at(self, &words);
        let inputs = std::mem::take(&mut pipeline.inputs);
        let is_hungry = reads_input && inputs.is_empty() && pipeline.before.is_none();
        self.is_hungry |= is_hungry;
        self.flow.is_hungry |= is_hungry;
        let name = commands::without_front(&words)
            .first()
            .map(|word| word.text.clone());
        let fed = inputs.iter().cloned().chain(pipeline.before.clone());
        self.flow
            .fed
            .extend(fed.filter_map(|input| Some((name.clone()?, input))));
        if std::mem::take(&mut pipeline.feeds_code) {
            self.flow.code(start..self.at, "sh", BY_ARGUMENT);
        }
        if reads_input {
            let inputs = inputs.into_iter().chain(pipeline.before.clone());
            for input in inputs.chain(self.opened.clone()) {
                self.flow
                    .code(input, &words[0].text, hint_for(&plain_name(&words[0].text)));
            }
            for here in &mut self.here {
                here.reads_code.get_or_insert(start);
            }
        } else if words.len() == 1 && first.text == "exec" {
            self.opened.extend(inputs);
        }
        let from = pipeline.before.take().map_or(start, |before| before.start);
        if is_piped && (ends_group || output::hands_on(&output)) {
            self.flow.streams.push(from..self.at);
        }
        pipeline.before = is_piped.then_some(from..self.at);
    }

    /// Says where functions end.
    fn count_braces(&mut self, words: &[Word]) {
        if words.first().is_some_and(|word| word.text == "}") {
            self.braces = self.braces.saturating_sub(1);
            while let Some((name, start, _)) = self.defining.pop_if(|(_, _, braces)| *braces >= self.braces) {
                self.flow.bodies.push((name, start..self.at));
            }
        }
        let front = words.len() - commands::without_front(words).len();
        self.braces += words[..front].iter().filter(|word| word.text == "{").count();
    }

    /// Takes what has been read; functions whose end was not found go on to the end of the script.
    pub(super) fn into_flow(mut self) -> Flow {
        let end = self.text.len();
        let open = self.defining.into_iter();
        self.flow
            .bodies
            .extend(open.map(|(name, start, _)| (name, start..end)));
        self.flow
    }

    pub(super) fn comment(&mut self) {
        let end = self.rest().find('\n').unwrap_or(self.rest().len());
        self.at += end;
    }

    /// Says that a shell leaves the placeholders of a word as they are.
    pub(super) fn literals(&mut self, word: &Word) {
        for span in &word.literal {
            self.literal(span.clone());
        }
    }

    pub(super) fn literal(&mut self, span: Range<usize>) {
        self.flow
            .found
            .push(Found::of(span, Role::Literal, "sh", IN_QUOTES));
    }

    pub(super) fn inside(&self, span: Range<usize>) -> &'a str {
        &self.text[span]
    }

    pub(super) fn end(&self) -> usize {
        self.text.len()
    }

    pub(super) fn blanks(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

/// A pipeline as far as it is read.
#[derive(Default)]
pub(super) struct Pipeline {
    /// Of the command that is read.
    pub(super) words: Vec<Word>,
    /// The commands before it.
    before: Option<Range<usize>>,
    /// Texts for its standard input.
    pub(super) inputs: Vec<Range<usize>>,
    /// Whether what is read is a `[[ … ]]`, where operators are words.
    is_in_test: bool,
    /// Whether what the command says becomes code.
    pub(super) feeds_code: bool,
    /// Parentheses that are open.
    open: usize,
    /// `case`s that are open: a parenthesis ends each of their patterns.
    cases: usize,
}

impl Pipeline {
    /// Whether two parentheses are arithmetic here.
    fn begins_or_counts(&self) -> bool {
        self.words.last().is_none_or(|word| {
            matches!(
                word.text.as_str(),
                "for" | "if" | "while" | "until" | "elif" | "then" | "else" | "do" | "!" | "{"
            )
        })
    }

    /// Whether what begins here is the value of an array.
    fn ends_with_assignment(&self, at: usize) -> bool {
        let is_assignment = |word: &Word| word.span.end == at && commands::set_name(word).is_some();
        self.words
            .last()
            .is_some_and(|word| is_assignment(word) && word.text.ends_with('='))
    }

    /// Whether a closing character ends all of it.
    fn may_end(&self) -> bool {
        let begins_case = commands::without_front(&self.words)
            .first()
            .is_some_and(|word| word.text == "case");
        !self.is_in_test && self.open == 0 && self.cases == 0 && !begins_case
    }

    fn count_cases(&mut self, words: &[Word]) {
        match commands::without_front(words)
            .first()
            .map(|word| word.text.as_str())
        {
            Some("case") if !words.iter().any(|word| word.text == "esac") => self.cases += 1,
            Some("esac") => self.cases = self.cases.saturating_sub(1),
            Some(_) | None => {}
        }
    }

    pub(super) fn push(&mut self, word: Word) {
        self.is_in_test = match word.text.as_str() {
            "[[" => true,
            "]]" => false,
            _ => self.is_in_test,
        };
        self.words.push(word);
    }
}
