//! What a simple command does with its words.

use super::super::shells::{is_shell, is_stream};
use super::super::{BY_ARGUMENT, ProgramText, Role, Walk};
use super::lexer::{Lexer, Word};
use super::{Nested, nested};
use crate::model::variables::steers_programs;

/// Words before a command.
const BEFORE: &[&str] = &[
    "if", "then", "elif", "else", "while", "until", "do", "!", "{", "coproc",
];

/// Words after which no command follows.
const NO_COMMAND: &[&str] = &[
    "for", "select", "case", "function", "in", "esac", "done", "fi", "}",
];

/// Builtins all of whose arguments are code.
const READ_CODE: &[&str] = &["eval", "trap", "source", ".", "alias", "let"];

/// Builtins that set variables.
const SET_VARIABLES: &[&str] = &["export", "declare", "local", "readonly", "typeset"];

/// Operators of `[[` that compare numbers, each of which is arithmetic.
const OF_NUMBERS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

/// Looks at the words of a command; whether it takes its code from its standard input.
pub(super) fn look_at(lexer: &mut Lexer<'_>, words: &[Word]) -> bool {
    let is_before = |word: &&Word| BEFORE.contains(&word.text.as_str());
    let words = &words[words.iter().take_while(is_before).count()..];
    let assignments = words.iter().take_while(|word| set_name(word).is_some()).count();
    for word in &words[..assignments] {
        assignment(lexer, word);
        lexer.literals(word);
    }
    let words = &words[assignments..];
    let Some(first) = words.first() else { return false };
    let name = first.text.as_str();
    if NO_COMMAND.contains(&name) {
        each(words, |word| lexer.literals(word));
        false
    } else if READ_CODE.contains(&name) {
        each(&words[1..], |word| read_code(lexer, name, word));
        words.iter().any(|word| is_stream(&word.text))
    } else if SET_VARIABLES.contains(&name) {
        let are_numbers = words
            .iter()
            .any(|word| word.text.starts_with('-') && word.text.contains('i'));
        each(&words[1..], |word| {
            match set_name(word) {
                Some(_) if are_numbers => lexer.in_arithmetic(word.span.clone()),
                Some(_) => assignment(lexer, word),
                None => lexer.code(word.span.clone(), name, BY_ARGUMENT),
            }
            lexer.literals(word);
        });
        false
    } else if name == "[[" {
        compared(lexer, words);
        each(words, |word| lexer.literals(word));
        false
    } else {
        walk(lexer, words)
    }
}

fn each<'w>(words: &'w [Word], look: impl FnMut(&'w Word)) {
    words.iter().for_each(look);
}

/// A word that a shell reads as a script once more: one between single quotes reaches it as it is.
fn read_code(lexer: &mut Lexer<'_>, name: &str, word: &Word) {
    match &word.quoted {
        Some(quoted) => {
            let mut found = nested(lexer.inside(quoted.clone()), quoted.start, lexer.depth);
            lexer.found.append(&mut found);
        }
        None => {
            lexer.code(word.span.clone(), name, BY_ARGUMENT);
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
        if text.role == Role::Script {
            scripts.push(text.index);
            read_code(lexer, &text.reader, word);
        } else {
            lexer.found.push(at_word(text, word));
        }
    }
    for (index, word) in words.iter().enumerate() {
        if !scripts.contains(&index) {
            lexer.literals(word);
        }
    }
    walk.reads_input || hands_input_on(words)
}

/// Whether what comes in becomes arguments of a shell or an interpreter, of which none is told from its script.
fn hands_input_on(words: &[Word]) -> bool {
    let is_handed = matches!(words[0].text.as_str(), "xargs" | "parallel");
    is_handed
        && words
            .iter()
            .any(|word| is_shell(&word.text) || matches!(word.text.as_str(), "-c" | "-e"))
}

fn at_word(text: &ProgramText, word: &Word) -> Nested {
    Nested {
        span: word.span.clone(),
        role: text.role,
        reader: text.reader.clone(),
        hint: text.hint,
    }
}

/// The name of the variable that a word sets.
fn set_name(word: &Word) -> Option<&str> {
    let (name, _) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let plain = name.split('[').next().unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = plain.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && plain.chars().all(is_name)).then_some(name)
}

fn assignment(lexer: &mut Lexer<'_>, word: &Word) {
    let name = set_name(word).unwrap_or_default();
    let plain = name.split('[').next().unwrap_or(name);
    if name.contains("${") {
        lexer.in_arithmetic(word.span.clone());
    }
    if steers_programs(plain) {
        lexer.found.push(Nested {
            span: word.span.clone(),
            role: Role::Variable,
            reader: plain.to_owned(),
            hint: BY_ARGUMENT,
        });
    }
}

fn compared(lexer: &mut Lexer<'_>, words: &[Word]) {
    for (index, word) in words.iter().enumerate() {
        if OF_NUMBERS.contains(&word.text.as_str()) {
            let neighbours = [index.checked_sub(1), Some(index + 1)];
            for side in neighbours.into_iter().flatten().filter_map(|at| words.get(at)) {
                lexer.in_arithmetic(side.span.clone());
            }
        }
    }
}
