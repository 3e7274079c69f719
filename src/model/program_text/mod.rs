//! Where an argument vector holds program text: which of its arguments decide what runs, seen through the programs that only
//! run others (threats D8, D9). What is data to one program may be a program to the next.

mod flags;
mod interpreters;
mod shells;
mod wrappers;

use interpreters::Interpreter;
use wrappers::Wrapper;

/// What an argument is to the programs that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The name of a program.
    Program,
    /// The script of a shell, which has the variables of the environment.
    Script,
    /// Other code, the name of a file with code, or an option that may bring some.
    Code,
}

/// An argument that decides what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramText {
    /// Which argument.
    pub index: usize,
    /// What it is.
    pub role: Role,
    /// The program that reads it, without its directory.
    pub reader: String,
    /// Whether a flag says so; otherwise its place does.
    is_flagged: bool,
}

/// All arguments that decide what runs; placeholders in them are not filled in.
pub fn program_texts(argv: &[impl AsRef<str>]) -> Vec<ProgramText> {
    let mut walk = Walk {
        argv: argv.iter().map(AsRef::as_ref).collect(),
        found: Vec::new(),
        keeps_environment: true,
    };
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
}

impl Walk<'_> {
    /// The program at a place, and what it runs.
    fn program(&mut self, at: usize) {
        let Some(word) = self.argv.get(at) else {
            return;
        };
        let name = plain_name(word);
        self.add(at, Role::Program, &name, false);
        if let Some(wrapper) = Wrapper::named(&name) {
            self.wrapped(wrapper, &name, at);
        } else if shells::is_shell(&name) {
            self.shell(&name, at);
        } else if let Some(interpreter) = Interpreter::named(&name) {
            self.interpreted(interpreter, &name, at);
        } else if interpreters::reads_all(&name) {
            self.rest_is_code(&name, at + 1);
        } else {
            self.unknown(&name, at);
        }
    }

    fn add(&mut self, index: usize, role: Role, reader: &str, is_flagged: bool) {
        if index < self.argv.len() {
            self.found.push(ProgramText {
                index,
                role,
                reader: reader.to_owned(),
                is_flagged,
            });
        }
    }

    fn rest_is_code(&mut self, reader: &str, from: usize) {
        for index in from..self.argv.len() {
            self.add(index, Role::Code, reader, true);
        }
    }

    /// A program that nothing is known of: what follows a flag as shells have one, and what runs code inside of it.
    fn unknown(&mut self, name: &str, at: usize) {
        for index in at + 1..self.argv.len() {
            let word = self.argv[index];
            if interpreters::is_flag_of_code(word) && !interpreters::has_other_flags(name) {
                let is_whole = !word.contains('=');
                self.add(index + usize::from(is_whole), Role::Code, name, true);
            }
            let inner = plain_name(word);
            if shells::is_shell(&inner) || Interpreter::named(&inner).is_some() {
                self.inside(index);
            }
        }
    }

    /// Code that a program inside another one's arguments is given by a flag; whether it has our variables is not known.
    fn inside(&mut self, at: usize) {
        let mut inner = Walk {
            argv: self.argv.clone(),
            found: Vec::new(),
            keeps_environment: false,
        };
        inner.program(at);
        let flagged = inner.found.into_iter().filter(|text| text.is_flagged);
        self.found.extend(flagged);
    }
}

/// The name of a program without its directory, version and case.
fn plain_name(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    if plain.is_empty() { name } else { plain }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arguments in their roles but for the programs, as they are written.
    fn texts(line: &[&str]) -> Vec<(Role, String)> {
        let mut found: Vec<_> = program_texts(line)
            .into_iter()
            .filter(|text| text.role != Role::Program && line[text.index].contains('$'))
            .map(|text| (text.role, line[text.index].to_owned()))
            .collect();
        found.dedup();
        found
    }

    #[test]
    fn ym_23_the_script_of_a_shell_is_found_behind_its_flags_and_its_wrappers() {
        for line in [
            &["sh", "-c", "$"][..],
            &["bash", "-ceu", "$"],
            &["/bin/bash", "-euc", "$", "data"],
            &["bash", "-o", "pipefail", "-c", "$"],
            &["bash", "-euo", "pipefail", "-c", "$"],
            &["sh", "-c", "-e", "$"],
            &["bash", "--norc", "--rcfile", "x", "-c", "--", "$"],
            &["mksh", "-c", "$"],
            &["busybox", "sh", "-c", "$"],
            &["env", "-u", "C", "A=b", "bash", "-c", "$"],
            &["timeout", "-k", "5", "5", "sh", "-c", "$"],
            &["nice", "-n", "5", "ionice", "-c2", "setsid", "sh", "-c", "$"],
            &["stdbuf", "-oL", "nohup", "bash", "-c", "$"],
            &["flock", "-n", "/tmp/x", "-c", "$"],
            &["flock", "/tmp/x", "sh", "-c", "$"],
            &["xargs", "-n", "1", "sh", "-c", "$"],
        ] {
            assert_eq!(texts(line), [(Role::Script, "$".to_owned())], "{line:?}");
        }
    }

    #[test]
    fn ym_23_code_that_no_variable_reaches_is_found() {
        for line in [
            &["python3", "-c", "$"][..],
            &["python3.11", "-Ic", "$"],
            &["python3", "-cprint($)"],
            &["nice", "node", "-e", "$"],
            &["node", "-pe", "$"],
            &["node", "--eval=$"],
            &["perl", "-lane", "$"],
            &["perl", "-M$", "x.pl"],
            &["ruby", "-e", "$"],
            &["php", "-r", "$"],
            &["lua5.4", "-e", "$"],
            &["awk", "-F", ":", "$"],
            &["sed", "-i", "$", "file"],
            &["pwsh", "-NoProfile", "-Command", "x", "$"],
            &["ssh", "-p", "22", "host", "$"],
            &["sudo", "-u", "x", "sh", "-c", "$"],
            &["env", "-i", "sh", "-c", "$"],
            &["env", "-S", "sh -c $"],
            &["fish", "-c", "$"],
            &["docker", "run", "image", "sh", "-c", "$"],
            &["find", ".", "-exec", "sh", "-c", "$", ";"],
            &["su", "x", "-c", "$"],
            &["some-runner", "-c", "$"],
            &["bash", "$.sh"],
            &["sh", "${!x}", "-c", "data"],
        ] {
            let found = texts(line);
            assert!(
                found.len() == 1 && found[0].0 == Role::Code,
                "{line:?}: {found:?}"
            );
        }
    }

    #[test]
    fn ym_23_data_stays_data() {
        for line in [
            &["make", "$"][..],
            &["sh", "-c", "x", "$"],
            &["bash", "script.sh", "$"],
            &["python3", "-c", "x", "$"],
            &["python3", "x.py", "-c", "$"],
            &["python3", "-m", "x", "$"],
            &["perl", "-e", "x", "--", "${y}"],
            &["awk", "-v", "x=$", "{print x}"],
            &["timeout", "5", "make", "$"],
            &["git", "-c", "user.name=$", "commit"],
            &["docker", "run", "-e", "X=$", "python", "x.py", "$"],
            &["grep", "-e", "$"],
            &["echo", "-e", "$"],
        ] {
            assert!(texts(line).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn d9_the_program_behind_a_wrapper_is_one() {
        let programs = |line: &[&str]| -> Vec<usize> {
            let texts = program_texts(line).into_iter();
            texts
                .filter(|text| text.role == Role::Program)
                .map(|text| text.index)
                .collect()
        };
        assert_eq!(programs(&["timeout", "5", "$", "x"]), [0, 2]);
        assert_eq!(programs(&["sudo", "-u", "x", "A=b", "nice", "make"]), [0, 4, 5]);
        assert_eq!(programs(&["make", "timeout", "5"]), [0]);
    }
}
