//! Where an argument vector holds program text: which of its arguments decide what runs, seen through the programs that only
//! run others (threats D8, D9). What is data to one program may be a program to the next.

mod containers;
mod flags;
mod git;
mod readers;
mod reading;
mod script;
mod shells;
mod unknown;
mod wrappers;

#[cfg(test)]
mod tests;

use readers::Reader;
use wrappers::Wrapper;

pub use script::{Nested, nested_texts};

/// What an argument is to the programs that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The name of a program.
    Program,
    /// The script of a shell, which has the variables of the environment.
    Script,
    /// What a program that builds is to make: its rules carry out code by that name, as an author has written them.
    Target,
    /// Other code, the name of a file with code, or an option that may bring some.
    Code,
    /// A variable that decides what programs load, with its value.
    Variable,
    /// What a shell leaves as it is written: the text of a placeholder would stay there.
    Literal,
}

/// An argument that decides what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramText {
    /// Which argument.
    pub index: usize,
    /// What it is.
    pub role: Role,
    /// The program that reads it, without its directory; of a variable, its name.
    pub reader: String,
    /// What an author may do who wants to say there what others say.
    pub hint: &'static str,
    /// Whether a flag says so; otherwise its place does.
    is_flagged: bool,
}

impl ProgramText {
    /// Whether it is code that a flag gives: what stands behind it is for that code.
    pub fn is_flagged_code(&self) -> bool {
        self.is_flagged && matches!(self.role, Role::Script | Role::Code)
    }
}

const BY_ARGUMENT: &str =
    "let the code take it from an argument of its own behind it, or from a variable set by `env`";
const BY_VARIABLE: &str =
    "let it take that from a variable set by `env`, and quote the variable where it is used";
const MARK_THE_END: &str = "put `--` before it: the program may take it for a flag";
const ON_INPUT: &str =
    "the other computer's shell reads it as program text: give it on standard input, or write it out";

/// All arguments that decide what runs; placeholders in them are not filled in.
pub fn program_texts(argv: &[impl AsRef<str>]) -> Vec<ProgramText> {
    let mut walk = Walk::along(argv.iter().map(AsRef::as_ref).collect());
    walk.program(0);
    walk.found
}

/// All arguments for the entry point of an image that decide what runs, whatever it is: nothing, what only runs others, or a
/// program.
pub fn texts_for_image(args: &[impl AsRef<str>]) -> Vec<ProgramText> {
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let mut alone = Walk::along(args.clone());
    alone.program(0);
    let mut found = alone.found;
    found.retain(|text| text.index > 0 || text.role != Role::Program);
    let mut behind = Walk::along([&["<image>"], &args[..]].concat());
    behind.is_in_image = true;
    behind.program(0);
    for text in behind.found.into_iter().filter(|text| text.index > 0) {
        let index = text.index - 1;
        let is_script = found
            .iter()
            .any(|one| one.index == index && one.role == Role::Script);
        if !is_script {
            found.push(ProgramText { index, ..text });
        }
    }
    found
}

/// As [`program_texts`], of an entry point of an image and its arguments: what nothing is known of hands its environment on.
pub fn texts_in_image(argv: &[impl AsRef<str>]) -> Vec<ProgramText> {
    let mut walk = Walk::along(argv.iter().map(AsRef::as_ref).collect());
    walk.is_in_image = true;
    walk.program(0);
    walk.found
}

/// Which argument is the script of a shell that has the variables of the environment.
pub fn script_of_shell(argv: &[impl AsRef<str>]) -> Option<usize> {
    let mut texts = program_texts(argv).into_iter();
    texts.find_map(|text| (text.role == Role::Script).then_some(text.index))
}

/// The way from one program to the next.
struct Walk<'a> {
    argv: Vec<&'a str>,
    found: Vec<ProgramText>,
    /// Whether what runs has the variables that the first program was given.
    keeps_environment: bool,
    /// Whether programs that nothing is known of hand them on.
    is_in_image: bool,
    /// Whether a program takes its code from its standard input.
    reads_input: bool,
}

impl<'a> Walk<'a> {
    fn along(argv: Vec<&'a str>) -> Self {
        Self {
            argv,
            found: Vec::new(),
            keeps_environment: true,
            is_in_image: false,
            reads_input: false,
        }
    }

    /// The program at a place, and what it runs.
    fn program(&mut self, at: usize) {
        let Some(word) = self.argv.get(at).copied() else {
            return;
        };
        let name = plain_name(word);
        self.add(at, Role::Program, &name, false);
        self.named(&name, at);
    }

    /// What a program that is called so does with what stands behind a place.
    fn named(&mut self, name: &str, at: usize) {
        let with_word = match self.argv.get(at + 1) {
            Some(word) => format!("{name} {word}"),
            None => String::new(),
        };
        if let Some(wrapper) = Wrapper::named(&with_word) {
            self.wrapped(wrapper, name, at + 1);
        } else if let Some(wrapper) = Wrapper::named(name) {
            self.wrapped(wrapper, name, at);
        } else if shells::is_shell(name) {
            self.shell(name, at);
        } else if let Some(reader) = Reader::named(&with_word) {
            self.read_by(reader, name, at + 1);
        } else if let Some(reader) = Reader::named(name) {
            self.read_by(reader, name, at);
        } else if unknown::reads_all(name) || unknown::reads_all(&with_word) {
            self.rest_is_code(name, at + 1);
        } else if name == "git" {
            self.git(at);
        } else {
            self.unknown(name, at);
        }
    }

    fn role_of_script(&self) -> Role {
        match self.keeps_environment {
            true => Role::Script,
            false => Role::Code,
        }
    }

    fn add(&mut self, index: usize, role: Role, reader: &str, is_flagged: bool) {
        if index < self.argv.len() {
            self.found.push(ProgramText {
                index,
                role,
                reader: reader.to_owned(),
                hint: BY_ARGUMENT,
                is_flagged,
            });
        }
    }

    fn add_with_hint(&mut self, index: usize, reader: &str, hint: &'static str) {
        self.add_as(Role::Code, index, reader, hint);
    }

    fn add_as(&mut self, role: Role, index: usize, reader: &str, hint: &'static str) {
        let before = self.found.len();
        self.add(index, role, reader, true);
        for text in &mut self.found[before..] {
            text.hint = hint;
        }
    }

    fn rest_is_code(&mut self, reader: &str, from: usize) {
        for index in from..self.argv.len() {
            self.add(index, Role::Code, reader, true);
        }
    }
}

/// An image without its tag and digest.
fn image_name(word: &str) -> &str {
    let name = word.split('@').next().unwrap_or(word);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[last..].find(':') {
        Some(colon) => &name[..last + colon],
        None => name,
    }
}

/// The name of a program without its directory, version and case.
fn plain_name(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    if plain.len() < 2 { name } else { plain }.to_owned()
}
