//! Settings and commands of git that name programs.

use super::flags::{Flags, Shape};
use super::{Role, Walk};

/// Flags before the command.
const BEFORE: Shape<'_> = Shape {
    valued: "cC",
    attached: "",
    bare: "pP",
    long_valued: &["git-dir", "work-tree", "namespace", "config-env", "exec-path"],
    pairs: &[],
    last: "",
    long_last: &[],
};

/// Settings that say nothing of what runs, by the beginnings of their names; of any other, others choose no value.
const HARMLESS: &[&str] = &[
    "user.",
    "author.",
    "committer.",
    "init.defaultbranch",
    "advice.",
    "color.",
    "commit.gpgsign",
    "tag.",
    "push.",
    "pull.",
    "fetch.",
    "branch.",
    "log.",
    "format.",
    "i18n.",
    "safe.",
    "versionsort.",
];

/// Flags of its commands behind which a program stands, or settings.
const PROGRAMS: &[&str] = &[
    "--exec",
    "--upload-pack",
    "--receive-pack",
    "--extcmd",
    "--open-files-in-pager",
    "--sendmail-cmd",
    "--to-cmd",
    "--cc-cmd",
    "--config",
    "--template",
];

/// Short ones, by command.
const SHORT: &[(&str, &str)] = &[
    ("clone", "-u"),
    ("clone", "-c"),
    ("rebase", "-x"),
    ("difftool", "-x"),
    ("grep", "-O"),
];

/// Whether a flag is one of those behind which a program stands, which git also takes when they are shortened.
fn is_of_program(flag: &str) -> bool {
    let is_shortened = flag.len() > 4 && flag.starts_with("--");
    PROGRAMS
        .iter()
        .any(|known| *known == flag || is_shortened && known.starts_with(flag))
}

impl Walk<'_> {
    pub(super) fn git(&mut self, at: usize) {
        let flags = Flags::read(&self.argv, at + 1, BEFORE);
        for flag in &flags.all {
            match (flag.name, flag.value_at) {
                ("c", Some(value)) if !self.is_harmless(value, flag.at == value) => {
                    self.add(value, Role::Code, "git", true);
                }
                ("config-env" | "exec-path", Some(value)) => self.add(value, Role::Code, "git", true),
                _ => {}
            }
        }
        let Some(command) = self.argv.get(flags.end).copied() else {
            return;
        };
        self.add(flags.end, Role::Code, "git", false);
        self.flags_of_command(command, flags.end + 1);
        match (command, self.argv.get(flags.end + 1).copied()) {
            ("config", _) => self.setting(flags.end + 1),
            ("submodule", Some("foreach")) | ("bisect", Some("run")) => {
                self.rest_is_code("git", flags.end + 2);
            }
            _ => {}
        }
    }

    fn flags_of_command(&mut self, command: &str, from: usize) {
        for index in from..self.argv.len() {
            let word = self.argv[index];
            let (flag, value) = match word.split_once('=') {
                Some((flag, _)) => (flag, index),
                None => (word, index + 1),
            };
            let is_filter = flag.starts_with("--") && flag.ends_with("-filter");
            if is_of_program(flag) || is_filter || SHORT.contains(&(command, flag)) {
                self.add(value, Role::Code, "git", true);
            }
            let is_attached =
                |(of, short): &(&str, &str)| *of == command && word.len() > 2 && word.starts_with(short);
            if SHORT.iter().any(is_attached) {
                self.add(index, Role::Code, "git", true);
            }
        }
    }

    /// `git config NAME VALUE`
    fn setting(&mut self, from: usize) {
        let mut words = from..self.argv.len();
        let name = words.find(|index| !self.argv[*index].starts_with('-'));
        if let Some(name) = name.filter(|name| !self.is_harmless(*name, false)) {
            self.rest_is_code("git", name);
        }
    }

    /// Whether an argument is, or begins with, the name of a setting that decides about no program.
    fn is_harmless(&self, at: usize, is_attached: bool) -> bool {
        let word = self.argv.get(at).copied().unwrap_or_default();
        let word = if is_attached { &word[2..] } else { word };
        let name = word.split('=').next().unwrap_or(word).to_ascii_lowercase();
        !name.contains("${")
            && (name.ends_with(".extraheader") || HARMLESS.iter().any(|front| name.starts_with(front)))
    }
}
