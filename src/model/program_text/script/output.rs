//! What commands in place of words say: what they are given, in another form, or something of their own.

use super::commands;
use super::word::Word;
use crate::model::program_text::{Role, Walk, plain_name};

/// What a command is called that quotes what it is given for a shell.
pub(super) const QUOTED: &str = "printf %q";

/// What a command is called that may hand on all that it is given.
pub(super) const ANYTHING: &str = "echo";

/// What a command is called that lets only digits through.
pub(super) const DIGITS: &str = "0-9";

/// Commands that hand on what they are given, or a part of it.
const HAND_ON: &[&str] = &[
    "", "echo", "printf", "cat", "sed", "gsed", "awk", "gawk", "mawk", "tr", "cut", "head", "tail", "sort",
    "uniq", "rev", "tac", "paste", "grep", "egrep", "fgrep", "rg", "basename", "dirname", "realpath",
    "readlink", "jq", "yq", "perl", "python", "ruby", "node", "php", "xargs", "tee", "fold", "fmt", "column",
    "base64", "xxd", "envsubst", "expr", "sh", "bash", "dash", "zsh", "ksh", "eval", "read", "fi", "done",
    "}", "esac", "case", "for", "select", "function", "which", "command", "type", "ls", "find", "mktemp",
    "yes",
];

/// Whether the output of a command may be what it was given.
pub(super) fn hands_on(command: &str) -> bool {
    HAND_ON.contains(&command)
}

/// Commands that hand on some lines of their input, each as it is or a part of it.
const SELECTING: &[&str] = &["head", "tail", "sort", "uniq", "tac", "cat", "cut"];

/// Whether a command says no more than what comes in.
pub(super) fn selects_lines(words: &[Word]) -> bool {
    let words = commands::without_front(words);
    let is_selecting = words
        .first()
        .is_some_and(|first| SELECTING.contains(&first.text.as_str()));
    let mut arguments = words.iter().skip(1);
    is_selecting
        && arguments.all(|word| !word.is_filled() && (word.text.starts_with('-') || is_count(&word.text)))
}

/// Whether a word is a number that a flag takes.
fn is_count(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A command without programs before it that only run it.
fn behind_wrappers(words: &[Word]) -> &[Word] {
    let mut walk = Walk::along(words.iter().map(|word| word.text.as_str()).collect());
    walk.program(0);
    let programs = walk.found.iter().filter(|text| text.role == Role::Program);
    &words[programs.map(|text| text.index).max().unwrap_or(0)..]
}

/// What a command is called, for what it says.
pub(super) fn name_of(words: &[Word]) -> String {
    let words = behind_wrappers(commands::without_front(words));
    let Some(first) = words.first() else {
        return ANYTHING.to_owned();
    };
    let name = plain_name(&first.text);
    let arguments = &words[1..];
    let has = |wanted: &dyn Fn(&str) -> bool| arguments.iter().any(|word| wanted(&word.text));
    let letters = |text: &str, letters: &str| {
        text.starts_with('-') && letters.chars().all(|letter| text.contains(letter))
    };
    let is_number = |format: &str| {
        let digits = format.trim_end_matches("\\n").strip_prefix('%');
        let digits = digits.and_then(|rest| rest.strip_suffix(['d', 'u', 'i']));
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_digits = match name.as_str() {
        "tr" => has(&|text| letters(text, "cd") || letters(text, "Cd")) && has(&is_digits),
        "grep" | "egrep" | "fgrep" if has(&|text| letters(text, "c") && !text.starts_with("--")) => true,
        "grep" | "egrep" => has(&|text| letters(text, "o")) && has(&is_digits),
        "sed" => has(&|text| matches!(text, "s/[^0-9]//g" | "s/[^0-9]*//g")),
        "printf" => arguments.first().is_some_and(|word| is_number(&word.text)),
        _ => false,
    };
    let is_quoting = name == "printf"
        && arguments
            .first()
            .is_some_and(|word| matches!(word.text.trim(), "%q" | "%q\\n"));
    match (is_digits, is_quoting) {
        (true, _) => DIGITS.to_owned(),
        (false, true) => QUOTED.to_owned(),
        (false, false) => name,
    }
}

/// Whether a pattern or a set matches digits and nothing else.
pub(super) fn is_digits(text: &str) -> bool {
    let classless = text.replace("[:digit:]", "0-9").replace("\\d", "0-9");
    classless.contains("0-9") && classless.chars().all(|c| "0123456789[]()-+*?^$\\{},".contains(c))
}

/// Whether a pattern matches what is no number, so that somebody asks for that.
pub(super) fn asks_for_others(text: &str) -> bool {
    let plain = text.replace("[:digit:]", "0-9");
    let mut classes = plain
        .split(['['])
        .skip(1)
        .filter_map(|class| class.split(']').next());
    classes.any(|class| {
        let others = class.strip_prefix(['!', '^']);
        others.is_some_and(|others| {
            others.starts_with("0-9") && !others.contains(|c: char| c.is_ascii_alphabetic())
        })
    })
}

/// Whether all of it matches one character that is no digit.
pub(super) fn is_class_of_others(text: &str) -> bool {
    ["[!0-9]", "[^0-9]", "[![:digit:]]", "[^[:digit:]]"].contains(&text)
}
