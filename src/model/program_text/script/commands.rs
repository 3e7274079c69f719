//! What a simple command does with its words.

use super::flow::{Argument, Found, Given, Inner, Part, Value};
use super::lexer::Lexer;
use super::output::{asks_for_others, is_digits};
use super::word::Word;
use super::{builtins, nested};
use crate::model::program_text::shells::{counts_in_tests, is_shell};
use crate::model::program_text::{BY_ARGUMENT, ProgramText, Role, Walk, hint_for, taking};
use crate::model::variables::{steers_as_written, steers_programs};

/// Words before a command.
const BEFORE: &[&str] = &[
    "if", "then", "elif", "else", "while", "until", "do", "!", "{", "coproc",
];

/// Words after which no command follows.
const NO_COMMAND: &[&str] = &["for", "select", "case", "in", "esac", "done", "fi", "}"];

/// Looks at the words of a command; whether it takes its code from its standard input.
pub(super) fn look_at(lexer: &mut Lexer<'_>, words: &[Word]) -> bool {
    let words = command_of(lexer, words);
    let Some(first) = words.first() else {
        return false;
    };
    let name = first.text.as_str();
    if NO_COMMAND.contains(&name) {
        words.iter().for_each(|word| lexer.literals(word));
        loop_or_case(lexer, words);
        return false;
    }
    let readings = lexer.readings(words);
    let mut reads_input = false;
    for reading in readings.all.iter().filter(|reading| !reading.is_empty()) {
        reads_input |= as_written(lexer, reading);
    }
    let (found, arguments) = (lexer.flow.found.len(), lexer.flow.arguments.len());
    reads_input |= as_written(lexer, words);
    for found in &mut lexer.flow.found[found..] {
        found.lists.clone_from(&readings.lists);
    }
    for argument in &mut lexer.flow.arguments[arguments..] {
        argument.lists.clone_from(&readings.lists);
    }
    reads_input
}

fn as_written(lexer: &mut Lexer<'_>, words: &[Word]) -> bool {
    match builtins::look_at(lexer, &words[0].text, words) {
        Some(reads_input) => reads_input,
        None => walk(lexer, words),
    }
}

/// The words of a command itself; what stands before it is looked at.
fn command_of<'w>(lexer: &mut Lexer<'_>, mut words: &'w [Word]) -> &'w [Word] {
    if words.iter().any(|word| asks_for_others(&word.text)) && words[0].text != "case" {
        lexer.flow.checked.extend(lexer.subjects.clone());
    }
    while let Some(first) = words.first() {
        match (first.text.as_str(), words.get(1)) {
            (word, _) if BEFORE.contains(&word) => words = &words[1..],
            ("function", Some(name)) => {
                lexer.defines(&name.text);
                words = &words[2..];
            }
            ("command" | "builtin", Some(next)) if !next.text.starts_with('-') => {
                words = &words[1..];
            }
            _ if set_name(first).is_some() => {
                assignment(lexer, first);
                lexer.literals(first);
                words = &words[1..];
            }
            _ => break,
        }
    }
    words
}

/// A command without what stands before it.
pub(super) fn without_front(words: &[Word]) -> &[Word] {
    let is_front = |word: &&Word| BEFORE.contains(&word.text.as_str()) || set_name(word).is_some();
    &words[words.iter().take_while(is_front).count()..]
}

/// `for NAME in …`, `select`, and the patterns of a `case` that stand in its line.
fn loop_or_case(lexer: &mut Lexer<'_>, words: &[Word]) {
    match words {
        [first, subject, patterns @ ..] if first.text == "case" => {
            lexer.subjects = lexer.names(subject);
            if patterns.iter().any(|word| asks_for_others(&word.text)) {
                lexer.flow.checked.extend(lexer.subjects.clone());
            }
        }
        [first, name, rest @ ..] if matches!(first.text.as_str(), "for" | "select") => {
            if rest.is_empty() {
                lexer.flow.set(&name.text, Given::Variable("@".to_owned()));
            }
            for word in rest.iter().skip(1) {
                let value = lexer.value(word, word.span.start);
                lexer.flow.set(&name.text, Given::Value(value));
            }
        }
        _ => {}
    }
}

/// A word that a shell reads as a script once more: one between single quotes reaches it as it is.
pub(super) fn read_code(lexer: &mut Lexer<'_>, name: &str, word: &Word) {
    match &word.quoted {
        Some(quoted) => {
            let flow = nested(lexer.inside(quoted.clone()), lexer.depth, lexer.counts_in_tests);
            lexer.flow.append(flow.moved(quoted.start));
        }
        None => {
            lexer.flow.code(word.span.clone(), name, hint_for(name));
            lexer.literals(word);
        }
    }
}

fn walk(lexer: &mut Lexer<'_>, words: &[Word]) -> bool {
    let mut walk = Walk::along(words.iter().map(|word| word.text.as_str()).collect());
    walk.program(0);
    let mut scripts = Vec::new();
    for text in &walk.found {
        let word = &words[text.index];
        if text.is_script {
            scripts.push(text.index);
            inner(lexer, text, words);
        }
        if !(text.is_script && word.quoted.is_some() && text.role == Role::Script) {
            lexer.flow.found.push(at_word(text, word));
        }
    }
    for (index, word) in words.iter().enumerate() {
        if !(scripts.contains(&index) && word.quoted.is_some()) {
            lexer.literals(word);
        }
    }
    arguments(lexer, &walk.found, words);
    lexer.calls(&words[0]);
    walk.reads_input || hands_input_on(words)
}

/// The script of a shell that the script starts, with what stands behind it.
fn inner(lexer: &mut Lexer<'_>, text: &ProgramText, words: &[Word]) {
    let word = &words[text.index];
    if word.is_filled() {
        return; // It is code as a whole.
    }
    for word in &words[..text.index] {
        if set_name(word).is_some() {
            assignment(lexer, word); // `env NAME=value`, or the like.
        }
    }
    let counts = counts_in_tests(&text.reader);
    let values = |word: &Word| lexer.value(word, word.span.start);
    let given: Vec<Value> = words[text.index + 1..].iter().map(values).collect();
    let (flow, whole) = match &word.quoted {
        Some(quoted) => {
            let flow = nested(lexer.inside(quoted.clone()), lexer.depth, counts);
            (flow.moved(quoted.start), None)
        }
        None => (nested(&word.text, lexer.depth, counts), Some(word.span.clone())),
    };
    lexer.flow.inner.push(Inner { flow, given, whole });
}

/// Says which arguments a program might take for flags, and keeps what functions of the script may be given.
fn arguments(lexer: &mut Lexer<'_>, found: &[ProgramText], words: &[Word]) {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let takers = taking::Takers::of(&texts, found, false);
    let mut values = Vec::new();
    for (index, word) in words.iter().enumerate().skip(1) {
        let value = lexer.value(word, word.span.start);
        if let Some(command) = takers.program_of_split(index) {
            // The first word of what a flag takes for its value is none; what blanks in it begin may be.
            let is_taken = takers.program_of(index).is_none();
            let parts = value.parts.iter().cloned().map(|part| Part {
                is_first: part.is_first && !is_taken,
                ..part
            });
            let parts = parts.filter(|part| part.is_first || !part.is_quoted);
            let before = words[index - 1].text.as_str();
            let flag = (index > 1 && before.starts_with('-') && before != "-").then(|| before.to_owned());
            lexer.flow.arguments.extend(parts.map(|part| Argument {
                command: command.clone(),
                part,
                flag: flag.clone(),
                lists: Vec::new(),
            }));
        }
        if word.is_filled() {
            values.push(value);
        }
    }
    if !values.is_empty() {
        lexer.flow.calls.push((words[0].text.clone(), values));
    }
}

/// Whether what comes in becomes arguments of a shell or an interpreter, of which none is told from its script.
fn hands_input_on(words: &[Word]) -> bool {
    let is_handed = matches!(words[0].text.as_str(), "xargs" | "parallel");
    is_handed
        && words
            .iter()
            .any(|word| is_shell(&word.text) || matches!(word.text.as_str(), "-c" | "-e"))
}

fn at_word(text: &ProgramText, word: &Word) -> Found {
    Found::of(word.span.clone(), text.role, &text.reader, text.hint)
}

/// The name of the variable that a word sets, with the key of an array.
pub(super) fn set_name(word: &Word) -> Option<&str> {
    let (name, _) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let plain = name.split('[').next().unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && plain.chars().all(is_name)).then_some(name)
}

/// `NAME=value`, also with a key.
pub(super) fn assignment(lexer: &mut Lexer<'_>, word: &Word) {
    let name = set_name(word).unwrap_or_default();
    let plain = name.split('[').next().unwrap_or(name).to_owned();
    let written = lexer.inside(word.span.clone());
    let is_keyed = name.contains('[');
    let equals = match is_keyed {
        true => written
            .find("]=")
            .or_else(|| written.find("]+="))
            .map(|at| at + 1),
        false => written.find('='),
    };
    let equals = word.span.start + equals.unwrap_or(written.len());
    if is_keyed {
        lexer.count(word.span.start + plain.len()..equals, "$((…))", Some(&plain));
    }
    // In some shells `path` is `PATH`.
    if steers_as_written(&plain) || (lexer.counts_in_tests && steers_programs(&plain)) {
        let found = Found::of(word.span.clone(), Role::Variable, &plain, BY_ARGUMENT);
        lexer.flow.found.push(found);
    }
    if word.text.split_once('=').is_some_and(|(_, text)| is_whole(text)) {
        lexer.patterns.push(plain.clone());
    }
    let from = (equals + 1).min(word.span.end);
    let value = lexer.value(word, from);
    let is_listed = lexer.spells_out(word, from);
    lexer.flow.set(&plain, Given::Value(value));
    if let Some(set) = lexer.flow.sets.last_mut() {
        set.is_listed = is_listed;
    }
}

/// Operators of tests that compare numbers.
const OF_NUMBERS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

/// `[[ … ]]`, in which what is compared as numbers is arithmetic, and `[ … ]`, in which it has to be numbers.
pub(super) fn test(lexer: &mut Lexer<'_>, words: &[Word], is_arithmetic: bool) {
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| words.get(at));
        let after = words.get(index + 1);
        let operator = word.text.as_str();
        if OF_NUMBERS.contains(&operator) {
            for side in [before, after].into_iter().flatten() {
                match is_arithmetic {
                    true => lexer.count(side.span.clone(), "[[", None),
                    false => checked(lexer, side),
                }
            }
        } else if matches!(operator, "-v" | "-R") {
            if let Some(name) = after {
                builtins::name(lexer, &words[0].text, name);
            }
        } else if let ("=~", Some(before), Some(after)) = (operator, before, after) {
            matched(lexer, before, after, &words[index + 1..]);
        }
        if asks_for_others(operator) {
            words.iter().for_each(|word| checked(lexer, word));
        }
    }
}

/// `TEXT =~ PATTERN`: what is matched is in `BASH_REMATCH` then.
fn matched(lexer: &mut Lexer<'_>, text: &Word, pattern: &Word, rest: &[Word]) {
    let end = rest.iter().find(|word| matches!(word.text.as_str(), "]]" | "&"));
    let end = end.map_or(pattern.span.end, |word| word.span.start);
    let written = lexer.inside(pattern.span.start..end).trim();
    if matches_numbers(lexer, pattern) || is_whole(written) {
        checked(lexer, text);
    } else if !written.contains('(') || !groups(written).all(is_digits) {
        let value = lexer.value(text, text.span.start);
        lexer.flow.set("BASH_REMATCH", Given::Value(value));
    }
}

/// What stands in the parentheses of a pattern.
fn groups(pattern: &str) -> impl Iterator<Item = &str> {
    pattern
        .split('(')
        .skip(1)
        .map(|group| group.split(')').next().unwrap_or(group))
}

fn matches_numbers(lexer: &Lexer<'_>, pattern: &Word) -> bool {
    let variable = pattern.text.trim_start_matches(['$', '{']).trim_end_matches('}');
    is_whole(&pattern.text) || pattern.is_filled() && lexer.patterns.iter().any(|name| name == variable)
}

/// Whether a pattern matches numbers from their beginning to their end.
fn is_whole(pattern: &str) -> bool {
    pattern.starts_with('^') && pattern.ends_with('$') && is_digits(pattern)
}

fn checked(lexer: &mut Lexer<'_>, word: &Word) {
    let names = lexer.names(word);
    lexer.flow.checked.extend(names);
}
