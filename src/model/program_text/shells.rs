//! Shells, as they find their script: flags in clusters before and after `-c`, some with a value, then the script.

use super::{Role, Walk};

/// Shells in which `${NAME}` is a variable.
const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "pdksh", "lksh", "oksh", "loksh", "yash", "posh",
    "rbash", "hush",
];

/// Their long flags with a value.
const LONG_VALUED: &[&str] = &["--rcfile", "--init-file", "--emulate"];

pub(super) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// Shells in which `[ … -gt … ]` is arithmetic.
const COUNTING: &[&str] = &["zsh", "ksh", "mksh", "pdksh", "lksh", "oksh", "loksh"];

/// Whether a shell reads what `[` compares as numbers as arithmetic.
pub(super) fn counts_in_tests(name: &str) -> bool {
    COUNTING.contains(&name)
}

impl Walk<'_> {
    pub(super) fn shell(&mut self, name: &str, at: usize) {
        let mut index = at + 1;
        let (mut has_script, mut reads_input) = (false, false);
        while let Some(word) = self.argv.get(index).copied() {
            if matches!(word, "-" | "--") {
                index += 1;
                break;
            }
            let Some(taken) = taken_by_flags(word) else {
                break;
            };
            self.add(index, Role::Code, name, false);
            if names_option_inside(word) {
                // Shells differ in what they make of it.
                return self.rest_is_code(name, index + 1);
            }
            let has = |letter| word.starts_with('-') && !word.starts_with("--") && word.contains(letter);
            has_script |= has('c');
            reads_input |= has('s');
            index += taken;
        }
        let is_streamed = self.argv.get(index).is_none_or(|file| is_stream(file));
        self.reads_input |= !has_script && (reads_input || is_streamed);
        match (has_script, reads_input) {
            (true, _) => self.add_script(index, name),
            (false, false) => self.add(index, Role::Code, name, false),
            (false, true) => {}
        }
    }
}

/// Whether a file is whatever somebody has opened for a program: its standard input, or the output of a command.
pub(super) fn is_stream(file: &str) -> bool {
    file == "/dev/stdin" || file.starts_with("/dev/fd/") || file.starts_with("/proc/self/fd/")
}

/// How many arguments flags are with their values; `None` where there are none.
fn taken_by_flags(word: &str) -> Option<usize> {
    if word.starts_with("--") {
        return Some(1 + usize::from(LONG_VALUED.contains(&word)));
    }
    let letters = word.strip_prefix(['-', '+'])?;
    Some(
        1 + letters
            .chars()
            .filter(|letter| matches!(letter, 'o' | 'O'))
            .count(),
    )
}

/// `-oname`, which is one flag to some shells and several to others.
fn names_option_inside(word: &str) -> bool {
    let letters = word.trim_start_matches(['-', '+']);
    !word.starts_with("--") && letters.find('o').is_some_and(|at| at + 1 < letters.len())
}
