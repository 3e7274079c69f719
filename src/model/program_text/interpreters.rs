//! Programs that carry out code which an argument holds or names, and which no variable of a shell reaches.

use super::flags::{Flag, Flags, Shape};
use super::{Role, Walk};

/// One of them.
pub(super) struct Interpreter {
    names: &'static [&'static str],
    /// Letters whose value is code.
    code: &'static str,
    /// Letters whose value is loaded beside the code.
    loads: &'static str,
    /// Letters whose value is data.
    data: &'static str,
    /// Letters of code after which no further flags are read.
    last: &'static str,
    /// Long names whose value is code.
    long: &'static [&'static str],
    /// Whether the first argument is a computer, and those behind it are the code.
    is_remote: bool,
}

const PLAIN: Interpreter = Interpreter {
    names: &[],
    code: "e",
    loads: "",
    data: "",
    last: "",
    long: &[],
    is_remote: false,
};

static INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &["python", "pypy", "ipython", "micropython", "jython"],
        code: "cm",
        data: "WX",
        last: "cm",
        ..PLAIN
    },
    Interpreter {
        names: &["node", "nodejs", "bun", "tsx", "ts-node"],
        code: "ep",
        loads: "r",
        long: &["eval", "print"],
        ..PLAIN
    },
    Interpreter {
        names: &["perl"],
        code: "eE",
        loads: "MmI",
        data: "F",
        ..PLAIN
    },
    Interpreter {
        names: &["ruby", "jruby"],
        loads: "rICE",
        data: "F",
        ..PLAIN
    },
    Interpreter {
        names: &["php"],
        code: "rBREF",
        loads: "dcz",
        ..PLAIN
    },
    Interpreter {
        names: &["lua", "luajit", "texlua"],
        loads: "l",
        ..PLAIN
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        code: "ef",
        loads: "lEi",
        data: "Fv",
        long: &["source", "file"],
        ..PLAIN
    },
    Interpreter {
        names: &["sed", "gsed"],
        code: "ef",
        data: "l",
        long: &["expression", "file"],
        ..PLAIN
    },
    Interpreter {
        names: &["julia"],
        code: "eE",
        loads: "L",
        long: &["eval", "print"],
        ..PLAIN
    },
    Interpreter {
        names: &[
            "fish", "csh", "tcsh", "nu", "elvish", "xonsh", "expect", "guile", "racket",
        ],
        code: "ce",
        loads: "C",
        long: &["command", "commands", "init-command"],
        ..PLAIN
    },
    Interpreter {
        names: &[
            "osascript",
            "groovy",
            "scala",
            "elixir",
            "rscript",
            "clojure",
            "ghc",
            "raku",
        ],
        long: &["eval"],
        ..PLAIN
    },
    Interpreter {
        names: &["ssh", "autossh", "rsh"],
        code: "",
        loads: "oFES",
        data: "bBcDeIiJLlmOpQRWw",
        is_remote: true,
        ..PLAIN
    },
];

/// Programs all of whose arguments may be code.
const READ_ALL: &[&str] = &[
    "pwsh",
    "powershell",
    "deno",
    "mosh",
    "watch",
    "parallel",
    "eval",
    "erl",
    "cmd",
];

/// Programs with flags that look like those of code and are not.
const OTHER_FLAGS: &[&str] = &[
    "git",
    "tar",
    "wc",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "ping",
    "curl",
    "gcc",
    "g++",
    "cc",
    "c++",
    "clang",
    "cut",
    "head",
    "tail",
    "echo",
    "printf",
    "cat",
    "cmp",
    "sort",
    "uniq",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shasum",
    "md5sum",
    "gzip",
    "xz",
    "zstd",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "pip",
    "pytest",
    "mvn",
    "cargo",
    "make",
    "ls",
    "cp",
    "mv",
    "logger",
    "tee",
];

/// Flags behind which many programs expect code.
const FLAGS_OF_CODE: &[&str] = &[
    "-e",
    "--command",
    "--commands",
    "--eval",
    "--exec",
    "--execute",
    "--code",
    "--expression",
    "-command",
    "-eval",
];

/// Whether every argument of the program may be code.
pub(super) fn reads_all(name: &str) -> bool {
    READ_ALL.contains(&name)
}

/// Whether a program is known to mean something else by such flags.
pub(super) fn has_other_flags(name: &str) -> bool {
    OTHER_FLAGS.contains(&name)
}

/// Whether a program that nothing is known of may take what comes next for code, or what comes after `=`.
pub(super) fn is_flag_of_code(word: &str) -> bool {
    let is_cluster = |letters: &str| {
        letters.contains('c')
            && letters.len() <= 5
            && letters.chars().all(|letter| "ceuxlivn".contains(letter))
    };
    let name = word.split('=').next().unwrap_or(word).to_ascii_lowercase();
    FLAGS_OF_CODE.contains(&name.as_str()) || name.strip_prefix('-').is_some_and(is_cluster)
}

impl Interpreter {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        INTERPRETERS.iter().find(|one| one.names.contains(&name))
    }

    fn is_code(&self, flag: &Flag<'_>) -> bool {
        self.code.contains(flag.name) || self.long.contains(&flag.name)
    }

    fn is_data(&self, flag: &Flag<'_>) -> bool {
        flag.value_at.is_some() && self.data.contains(flag.name)
    }
}

impl Walk<'_> {
    pub(super) fn interpreted(&mut self, interpreter: &Interpreter, name: &str, at: usize) {
        let valued = [interpreter.code, interpreter.loads, interpreter.data].concat();
        let shape = Shape {
            valued: &valued,
            long_valued: interpreter.long,
            last: interpreter.last,
        };
        let flags = Flags::read(&self.argv, at + 1, shape);
        for flag in flags.all.iter().filter(|flag| !interpreter.is_data(flag)) {
            self.flag_of_code(interpreter, name, flag);
        }
        let has_code = flags.all.iter().any(|flag| interpreter.is_code(flag));
        let operand = self.argv.get(flags.end).copied().unwrap_or_default();
        let may_be_flag = operand.starts_with("${") && !flags.is_closed;
        if may_be_flag || !(has_code || interpreter.is_remote) {
            self.add(flags.end, Role::Code, name, false);
        }
        if interpreter.is_remote {
            self.rest_is_code(name, flags.end + 1);
        }
    }

    fn flag_of_code(&mut self, interpreter: &Interpreter, name: &str, flag: &Flag<'_>) {
        let is_code = interpreter.is_code(flag);
        self.add(flag.at, Role::Code, name, is_code);
        let Some(value_at) = flag.value_at.filter(|value_at| *value_at != flag.at) else {
            // `-pe`: to some the value of `p`, to others one more flag, with its value behind it.
            let word = self.argv[flag.at];
            let ends_in_code = !word.starts_with("--")
                && word.len() > 2
                && word.ends_with(|letter: char| interpreter.code.contains(letter));
            if ends_in_code && is_code {
                self.add(flag.at + 1, Role::Code, name, true);
            }
            return;
        };
        self.add(value_at, Role::Code, name, is_code);
    }
}
