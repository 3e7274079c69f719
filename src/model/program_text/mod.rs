//! Where an argument vector holds program text: which of its arguments decide what runs, seen through the programs that only
//! run others (threats D8, D9). What is data to one program may be a program to the next.

mod containers;
mod flags;
mod git;
mod hints;
mod readers;
mod reading;
mod script;
mod shells;
mod taking;
mod unknown;
mod wrappers;

#[cfg(test)]
mod tests;

use readers::Reader;
use wrappers::Wrapper;

use hints::{BY_VARIABLE, MARK_THE_END, hint_for};

pub use hints::BY_ARGUMENT;
pub use script::{Beginning, Looks, Nested, Outside, Risk, Script, Source, is_flag};

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
    /// Whether it is the script of a shell, whatever variables that has.
    pub is_script: bool,
    /// Whether no flags are read behind it: all that stands there is for the code that this is.
    pub ends_flags: bool,
    /// Whether a flag says so; otherwise its place does.
    is_flagged: bool,
}

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

/// Which of some arguments a program would take for a flag, if it began with `-`; it is trusted that flags of which nothing is known
/// take what comes next for their value.
pub fn taken_for_flags(words: &[&str], texts: &[ProgramText]) -> impl Iterator<Item = usize> {
    let takers = taking::Takers::of(words, texts, true);
    (1..words.len()).filter(move |index| takers.program_of(*index).is_some())
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
    /// How many programs it has come by.
    depth: usize,
}

impl<'a> Walk<'a> {
    fn along(argv: Vec<&'a str>) -> Self {
        Self {
            argv,
            found: Vec::new(),
            keeps_environment: true,
            is_in_image: false,
            reads_input: false,
            depth: 0,
        }
    }

    /// The program at a place, and what it runs.
    fn program(&mut self, at: usize) {
        let Some(word) = self.argv.get(at).copied() else {
            return;
        };
        let name = plain_name(word);
        self.add(at, Role::Program, &name, false);
        self.depth += 1;
        match self.depth > unknown::MOST_INSIDE {
            true => self.rest_is_code(&name, at + 1),
            false => self.named(&name, at),
        }
    }

    /// What a program that is called so does with what stands behind a place.
    fn named(&mut self, name: &str, at: usize) {
        let with_word = self.with_words(name, at, 1);
        let with_words = self.with_words(name, at, 2);
        if let Some(wrapper) = Wrapper::named(&with_words) {
            self.wrapped(wrapper, name, at + 2);
        } else if let Some(wrapper) = Wrapper::named(&with_word) {
            self.wrapped(wrapper, name, at + 1);
        } else if let Some(wrapper) = Wrapper::named(name) {
            self.wrapped(wrapper, name, at);
        } else if shells::is_shell(name) {
            self.shell(name, at);
        } else if let Some(reader) = Reader::named(&with_words) {
            self.read_by(reader, name, at + 2);
        } else if let Some(reader) = Reader::named(&with_word) {
            self.read_by(reader, name, at + 1);
        } else if unknown::reads_all(name) || unknown::reads_all(&with_word) {
            self.reads_input |= match name {
                "at" | "batch" => true,
                "parallel" => !self.argv[at + 1..].iter().any(|word| names_program(word)),
                _ => false,
            };
            self.rest_is_code(name, at + 1);
        } else if let Some(reader) = Reader::named(name) {
            self.read_by(reader, name, at);
        } else if name == "git" {
            self.git(at);
        } else {
            self.unknown(name, at);
        }
    }

    /// The name of a program with the words behind it.
    fn with_words(&self, name: &str, at: usize, count: usize) -> String {
        match self.argv.get(at + 1..=at + count) {
            Some(words) => format!("{name} {}", words.join(" ")),
            None => String::new(),
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
                hint: hint_for(reader),
                is_script: false,
                ends_flags: false,
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

    /// The script of a shell: no flags are read behind it.
    fn add_script(&mut self, index: usize, reader: &str) {
        let before = self.found.len();
        self.add(index, self.role_of_script(), reader, true);
        for text in &mut self.found[before..] {
            text.is_script = true;
            text.ends_flags = true;
        }
    }

    fn rest_is_code(&mut self, reader: &str, from: usize) {
        for index in from..self.argv.len() {
            self.add(index, Role::Code, reader, true);
        }
    }
}

/// Whether a word is neither a flag nor a number that a flag takes.
fn names_program(word: &str) -> bool {
    !word.starts_with('-') && !word.bytes().all(|byte| byte.is_ascii_digit())
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
