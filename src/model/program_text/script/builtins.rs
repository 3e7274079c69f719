//! Builtins of shells that read more than data in their words: code, arithmetic, names of variables.

use super::commands::{assignment, read_code, set_name, test};
use super::flow::Given;
use super::lexer::Lexer;
use super::word::Word;
use crate::model::program_text::BY_ARGUMENT;
use crate::model::program_text::shells::is_stream;

/// Where a name of a variable is wanted.
pub(super) const BY_NAME: &str =
    "write the name of the variable out: shells carry out what stands in the brackets of a name";

const AS_FILE: &str =
    "write the name of the script out, and let it find the value in a variable or an argument";

/// Builtins that set variables.
const SET_VARIABLES: &[&str] = &["export", "declare", "local", "readonly", "typeset"];

/// Looks at the words of a builtin; whether it takes its code from its standard input, and nothing of other commands.
pub(super) fn look_at(lexer: &mut Lexer<'_>, name: &str, words: &[Word]) -> Option<bool> {
    let arguments = &words[1..];
    match name {
        "eval" | "alias" => arguments.iter().for_each(|word| read_code(lexer, name, word)),
        "trap" => trap(lexer, arguments),
        "source" | "." => {
            file(lexer, name, arguments);
            return Some(arguments.first().is_some_and(|word| is_stream(&word.text)));
        }
        "let" => each(lexer, arguments, |lexer, word| {
            lexer.count(word.span.clone(), "let", None);
        }),
        "[[" => each_of_test(lexer, words, true),
        "[" | "test" => each_of_test(lexer, words, lexer.counts_in_tests),
        "unset" => each(lexer, arguments, |lexer, word| {
            self::name(lexer, "unset", word);
        }),
        "read" | "mapfile" | "readarray" => input(lexer, name, arguments),
        "getopts" => options(lexer, arguments),
        "set" => positions(lexer, arguments),
        "enable" | "hash" | "complete" | "compgen" | "bind" => {
            each(lexer, arguments, |lexer, word| {
                lexer.flow.code(word.span.clone(), "shell", BY_ARGUMENT);
            });
        }
        "wait" => {
            let names = words.windows(2).filter(|pair| pair[0].text.ends_with('p'));
            names.for_each(|pair| self::name(lexer, "wait", &pair[1]));
        }
        "shift" => lexer.flow.moves_positions = true,
        "printf" if arguments.first().is_some_and(|word| word.text == "-v") => {
            printed(lexer, arguments);
        }
        _ if SET_VARIABLES.contains(&name) => variables(lexer, name, arguments),
        _ => return None,
    }
    Some(false)
}

fn each(lexer: &mut Lexer<'_>, words: &[Word], look: fn(&mut Lexer<'_>, &Word)) {
    for word in words {
        look(lexer, word);
        lexer.literals(word);
    }
}

fn each_of_test(lexer: &mut Lexer<'_>, words: &[Word], is_arithmetic: bool) {
    test(lexer, words, is_arithmetic);
    words.iter().for_each(|word| lexer.literals(word));
}

/// What a trap does; behind it stand signals.
fn trap(lexer: &mut Lexer<'_>, arguments: &[Word]) {
    let mut rest = arguments.iter().skip_while(|word| word.text == "--");
    if let Some(action) = rest.next() {
        read_code(lexer, "trap", action);
    }
    rest.for_each(|word| lexer.literals(word));
}

/// The file that is read; behind it stand arguments for it.
fn file(lexer: &mut Lexer<'_>, name: &str, arguments: &[Word]) {
    if let Some(file) = arguments.iter().find(|word| word.text != "--") {
        let hint = match is_stream(&file.text) {
            true => BY_ARGUMENT,
            false => AS_FILE,
        };
        lexer.flow.code(file.span.clone(), name, hint);
    }
    arguments.iter().for_each(|word| lexer.literals(word));
}

/// A word that is the name of a variable.
pub(super) fn name(lexer: &mut Lexer<'_>, reader: &str, word: &Word) {
    lexer.flow.code(word.span.clone(), reader, BY_NAME);
}

/// `read NAME…`, `mapfile NAME`: they say what comes in.
fn input(lexer: &mut Lexer<'_>, reader: &str, arguments: &[Word]) {
    let valued: &[char] = match reader {
        "read" => &['d', 'i', 'n', 'N', 'p', 't', 'u'],
        _ => &['d', 'n', 'O', 's', 'u', 'c', 'C'],
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        lexer.literals(word);
        let is_flag = word.text.starts_with('-');
        if !is_flag {
            name(lexer, reader, word);
            lexer.flow.set(&word.text, Given::Stream);
        } else if let (true, Some(value)) = (word.text.ends_with(valued), words.clone().next()) {
            words.next();
            if word.text.ends_with('C') {
                read_code(lexer, reader, value);
            }
        }
    }
    lexer.flow.set("REPLY", Given::Stream);
    lexer.flow.set("MAPFILE", Given::Stream);
}

/// `getopts LETTERS NAME`
fn options(lexer: &mut Lexer<'_>, arguments: &[Word]) {
    for word in arguments.iter().skip(1).take(1) {
        name(lexer, "getopts", word);
    }
    arguments.iter().for_each(|word| lexer.literals(word));
    lexer.flow.set("OPTARG", Given::Variable("@".to_owned()));
}

/// `set -- …`
fn positions(lexer: &mut Lexer<'_>, arguments: &[Word]) {
    for word in arguments {
        lexer.literals(word);
        if word.is_filled() {
            let value = lexer.value(word, word.span.start);
            lexer.flow.set("@", Given::Value(value));
            lexer.flow.moves_positions = true;
        }
    }
}

/// `printf -v NAME FORMAT …`
fn printed(lexer: &mut Lexer<'_>, arguments: &[Word]) {
    let [_, variable, rest @ ..] = arguments else {
        return;
    };
    name(lexer, "printf", variable);
    for word in rest {
        let value = lexer.value(word, word.span.start);
        lexer.flow.set(&variable.text, Given::Value(value));
    }
    arguments.iter().for_each(|word| lexer.literals(word));
}

/// `export NAME=value` and the like.
fn variables(lexer: &mut Lexer<'_>, reader: &str, arguments: &[Word]) {
    let has = |letter| {
        let flags = arguments.iter().filter(|word| word.text.starts_with('-'));
        flags.clone().any(|word| word.text.contains(letter)) && reader != "export"
    };
    let (are_numbers, are_maps, are_names) = (has('i'), has('A'), has('n'));
    for word in arguments.iter().filter(|word| !word.text.starts_with('-')) {
        let plain = word
            .text
            .split(['=', '[', '+'])
            .next()
            .unwrap_or_default()
            .to_owned();
        match set_name(word) {
            Some(_) if are_names => {
                name(lexer, reader, word);
                let (_, of) = word.text.split_once('=').unwrap_or_default();
                lexer.flow.set(&plain, Given::Variable(of.to_owned()));
            }
            Some(_) => {
                assignment(lexer, word);
                if are_numbers {
                    lexer.count(word.span.clone(), reader, None);
                }
            }
            None => name(lexer, reader, word),
        }
        if are_numbers {
            lexer.flow.integers.push(plain.clone());
        }
        if are_maps {
            lexer.flow.maps.push(plain);
        }
    }
    arguments.iter().for_each(|word| lexer.literals(word));
}
