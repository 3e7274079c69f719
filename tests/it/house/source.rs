//! Rust source as the house rules see it: without comments and literals, with the functions and paths in it.
//!
//! This is a reader for well-formed code that rustfmt has been over, not a parser: it knows comments, literals, braces
//! and `mod name {`, which is what the questions in `house.rs` need.

use std::path::{Path, PathBuf};

/// One source file.
pub(super) struct Source {
    /// Path below the directory it was read from, with `/`.
    pub(super) name: String,
    /// As written.
    pub(super) text: String,
    /// With the insides of literals blanked; every line keeps its number.
    pub(super) prose: String,
    /// With comments and the insides of literals blanked; every line keeps its number.
    pub(super) code: String,
}

/// One function with a body.
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// Line of the `fn`, from 1.
    pub(super) line: usize,
    /// Lines from the `fn` to the closing brace.
    pub(super) lines: usize,
}

/// A path that starts at the root of the crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RootPath {
    /// First name below the root: a room, or an item of `lib.rs`.
    pub(super) first: String,
    /// Line, from 1.
    pub(super) line: usize,
}

impl Source {
    /// Reads text as the file called `name`.
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            prose: blank(text, &|inside| {
                !matches!(inside, Inside::Text | Inside::RawText(_))
            }),
            code: blank(text, &|inside| matches!(inside, Inside::Code)),
        }
    }

    /// The module path of the file below its crate: `model/goal_set/act.rs` is `[model, goal_set, act]`.
    pub(super) fn module(&self) -> Vec<&str> {
        let stem = self.name.strip_suffix(".rs").unwrap_or(&self.name);
        let mut parts: Vec<&str> = stem.split('/').collect();
        if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
            parts.pop();
        }
        parts
    }

    /// Functions outside test modules, in order.
    pub(super) fn functions(&self) -> Vec<Function> {
        let tokens = tokens(&self.code);
        let modules = inline_modules(&tokens);
        let mut found = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            if token.text != "fn" || modules[at].contains(&"tests") {
                continue;
            }
            let Some(name) = tokens.get(at + 1).filter(|next| is_word(next.text)) else {
                continue;
            };
            if let Some(end) = body_end(&tokens[at..]) {
                found.push(Function {
                    name: name.text.to_owned(),
                    line: token.line,
                    lines: end - token.line + 1,
                });
            }
        }
        found
    }

    /// Every path through `crate::…` or as many `super::` as lead to the root, groups opened.
    pub(super) fn root_paths(&self) -> Vec<RootPath> {
        let tokens = tokens(&self.code);
        let modules = inline_modules(&tokens);
        let depth = self.module().len();
        let mut found = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let behind = match token.text {
                "crate" => Some(&tokens[at + 1..]),
                "super" if !is_continued(&tokens, at) => climb(&tokens[at..], depth + modules[at].len()),
                _ => None,
            };
            found.extend(behind.map(first_names).unwrap_or_default());
        }
        found
    }
}

/// All `.rs` files below `root`, sorted by name.
pub(super) fn read_sources(root: &Path) -> Vec<Source> {
    let mut files: Vec<PathBuf> = files_below(root);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let read = |file: &PathBuf| {
        let name = relative(root, file);
        let text = std::fs::read_to_string(file).expect("source files are readable UTF-8");
        Source::new(&name, &text)
    };
    files.iter().map(read).collect()
}

/// All files below `root`, sorted.
pub(super) fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("directories of the repository are readable") {
            let path = entry.expect("directory entries are readable").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// `file` below `root`, with `/`.
pub(super) fn relative(root: &Path, file: &Path) -> String {
    let below = file
        .strip_prefix(root)
        .expect("the file was found below the root");
    below.to_string_lossy().replace('\\', "/")
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Words, `::` and single punctuation characters.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if is_word_character(first) => rest
                    .find(|character| !is_word_character(character))
                    .unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            found.push(Token {
                text: &rest[..length],
                line: index + 1,
            });
            rest = rest[length..].trim_start();
        }
    }
    found
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_word(text: &str) -> bool {
    text.chars().all(is_word_character)
}

/// For every token the names of the inline modules around it.
fn inline_modules<'a>(tokens: &[Token<'a>]) -> Vec<Vec<&'a str>> {
    let mut braces: Vec<Option<&'a str>> = Vec::new();
    let mut around = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => braces.push((at >= 2 && tokens[at - 2].text == "mod").then(|| tokens[at - 1].text)),
            "}" => {
                braces.pop();
            }
            _ => {}
        }
        around.push(braces.iter().copied().flatten().collect());
    }
    around
}

/// Last line of the function that starts at the first token; `None` when it has no body.
fn body_end(tokens: &[Token<'_>]) -> Option<usize> {
    let mut nested = 0_usize;
    let mut open = 0_usize;
    for token in tokens {
        match token.text {
            "(" | "[" => nested += 1,
            ")" | "]" => nested = nested.saturating_sub(1),
            ";" if nested == 0 && open == 0 => return None,
            "{" => open += 1,
            "}" if open == 1 => return Some(token.line),
            "}" => open = open.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Whether the `super` at this place continues a path, so that another `super` was counted before it.
fn is_continued(tokens: &[Token<'_>], at: usize) -> bool {
    at > 0 && tokens[at - 1].text == "::"
}

/// What follows `super::super::…` when that reaches the root from a module at this depth.
fn climb<'a, 't>(tokens: &'t [Token<'a>], depth: usize) -> Option<&'t [Token<'a>]> {
    let mut steps = 0;
    while tokens.get(steps * 2).is_some_and(|token| token.text == "super")
        && tokens.get(steps * 2 + 1).is_some_and(|token| token.text == "::")
    {
        steps += 1;
    }
    (steps >= depth && steps > 0).then(|| &tokens[steps * 2 - 1..])
}

/// The names directly behind `::`: one, or each at the top of a group.
fn first_names(behind: &[Token<'_>]) -> Vec<RootPath> {
    let name = |token: &Token<'_>| RootPath {
        first: token.text.to_owned(),
        line: token.line,
    };
    match behind {
        [colons, group, rest @ ..] if colons.text == "::" && group.text == "{" => {
            group_heads(rest).map(name).collect()
        }
        [colons, single, ..] if colons.text == "::" => vec![name(single)],
        _ => Vec::new(),
    }
}

/// The first token of every element of the group whose inside starts here.
fn group_heads<'a, 't>(inside: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    let mut depth = 1_usize;
    let mut fresh = true;
    inside
        .iter()
        .map_while(move |token| {
            let is_head = fresh && depth == 1 && is_word(token.text);
            fresh = depth == 1 && token.text == ",";
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            (depth > 0).then_some(is_head.then_some(token))
        })
        .flatten()
}

/// What the reader of [`blank`] is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    BlockComment(usize),
    Text,
    RawText(usize),
}

/// The same text with what is not kept replaced by spaces; character literals never are kept.
fn blank(text: &str, is_kept: &dyn Fn(Inside) -> bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut blanked = String::with_capacity(text.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < characters.len() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        let (next, taken) = step(inside, &characters[at..], before);
        // More than one character from code to code is a character literal, which may hold a brace or a quote.
        let is_literal = matches!((inside, next), (Inside::Code, Inside::Code)) && taken > 1;
        let is_kept = is_kept(inside) && is_kept(next) && !is_literal;
        let shown = |&character: &char| {
            if is_kept || character == '\n' {
                character
            } else {
                ' '
            }
        };
        blanked.extend(characters[at..at + taken].iter().map(shown));
        inside = next;
        at += taken;
    }
    blanked
}

/// What we are inside of after the next characters, and how many those are.
fn step(inside: Inside, rest: &[char], before: Option<char>) -> (Inside, usize) {
    let starts = |text: &str| text.chars().enumerate().all(|(at, c)| rest.get(at) == Some(&c));
    match inside {
        Inside::Code => step_in_code(rest, before),
        Inside::LineComment if rest[0] == '\n' => (Inside::Code, 1),
        Inside::BlockComment(depth) if starts("/*") => (Inside::BlockComment(depth + 1), 2),
        Inside::BlockComment(1) if starts("*/") => (Inside::Code, 2),
        Inside::BlockComment(depth) if starts("*/") => (Inside::BlockComment(depth - 1), 2),
        Inside::Text if rest[0] == '\\' => (Inside::Text, rest.len().min(2)),
        Inside::Text if rest[0] == '"' => (Inside::Code, 1),
        Inside::RawText(hashes) if starts(&format!("\"{}", "#".repeat(hashes))) => (Inside::Code, hashes + 1),
        Inside::LineComment | Inside::BlockComment(_) | Inside::Text | Inside::RawText(_) => (inside, 1),
    }
}

fn step_in_code(rest: &[char], before: Option<char>) -> (Inside, usize) {
    match rest {
        ['/', '/', ..] => (Inside::LineComment, 2),
        ['/', '*', ..] => (Inside::BlockComment(1), 2),
        ['"', ..] => (Inside::Text, 1),
        ['r', '"' | '#', ..] if !before.is_some_and(|c| is_word_character(c) && c != 'b') => raw_text(rest),
        ['\'', '\\', _, tail @ ..] => {
            let end = tail.iter().position(|&c| c == '\'').map_or(0, |end| end + 1);
            (Inside::Code, 3 + end)
        }
        ['\'', _, '\'', ..] => (Inside::Code, 3),
        _ => (Inside::Code, 1),
    }
}

/// A raw string, or a raw identifier, which is code.
fn raw_text(rest: &[char]) -> (Inside, usize) {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    match rest.get(hashes + 1) {
        Some('"') => (Inside::RawText(hashes), hashes + 2),
        _ => (Inside::Code, 1),
    }
}
