//! Programs that carry out code which an argument holds or names, and which no variable of a shell reaches: one row for each.
//! Interpreters stand here; beside them [`consoles`], [`tasks`] and all other [`tools`].

mod consoles;
mod tasks;
mod tools;

use consoles::CONSOLES;
use tasks::TASKS;
use tools::TOOLS;

/// How a program reads what it is given.
pub(super) struct Reader {
    /// What it is called; with its first word where that says what it does.
    pub(super) names: &'static [&'static str],
    /// Letters whose value is code.
    pub(super) code: &'static str,
    /// Letters whose value is loaded beside the code.
    pub(super) loads: &'static str,
    /// Letters whose value is data.
    pub(super) data: &'static str,
    /// Letters whose value, which is data, is the rest of the word, where there is one.
    pub(super) attached: &'static str,
    /// Letters without a value.
    pub(super) bare: &'static str,
    /// Letters of code after which no further flags are read.
    pub(super) last: &'static str,
    /// Long names of code after which no further flags are read.
    pub(super) long_last: &'static [&'static str],
    /// Letters by which its arguments become files that it opens as commands where they look like one.
    pub(super) files: &'static str,
    /// Long names whose value is code.
    pub(super) long: &'static [&'static str],
    /// Long names whose value is loaded.
    pub(super) long_loads: &'static [&'static str],
    /// Long names whose value is data.
    pub(super) long_data: &'static [&'static str],
    /// Long names with two values, which are data.
    pub(super) pairs: &'static [&'static str],
    /// Long names behind which a program stands.
    pub(super) programs: &'static [&'static str],
    /// Which of its arguments that are no flags are code.
    pub(super) operands: Operands,
    /// Beginnings of words that set what it runs, whatever else such words set.
    pub(super) settings: &'static [&'static str],
    /// Whether it carries out what comes in on its standard input, where no flag gives code.
    pub(super) input: Input,
    /// Whether flags that are not listed say nothing of code.
    pub(super) is_known: bool,
}

/// What comes in on the standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Data.
    Data,
    /// Code.
    Code,
    /// Code, where no argument is given but flags.
    CodeAlone,
}

/// Which arguments are code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    /// None.
    Data,
    /// The first, unless a flag gave some.
    First,
    /// All but the first.
    Rest,
    /// All.
    All,
    /// All: they say what to make, or set variables of its rules.
    Targets,
    /// The first, which says what to run; what stands behind it is for that.
    FirstTarget,
    /// Those that another computer reads.
    Remote,
    /// Those that begin with what others say: what begins in some way is a command to it, or a name of one.
    Beginnings,
}

const INTERPRETER: Reader = Reader {
    names: &[],
    code: "e",
    loads: "",
    data: "",
    attached: "",
    bare: "",
    last: "",
    long_last: &[],
    files: "",
    long: &["eval"],
    long_loads: &[],
    long_data: &[],
    pairs: &[],
    programs: &[],
    operands: Operands::First,
    settings: &[],
    input: Input::Data,
    is_known: false,
};

pub(super) const TOOL: Reader = Reader {
    code: "",
    long: &[],
    operands: Operands::Data,
    is_known: true,
    ..INTERPRETER
};

const NODE: Reader = Reader {
    names: &["node", "nodejs"],
    code: "ep",
    loads: "rC",
    bare: "bchitv",
    long: &["eval", "print"],
    long_loads: &[
        "require",
        "import",
        "loader",
        "experimental-loader",
        "env-file",
        "env-file-if-exists",
        "openssl-config",
        "snapshot-blob",
        "build-snapshot",
        "conditions",
        "tsconfig",
        "preload",
        "config",
        "project",
        "compiler",
        "compiler-options",
    ],
    long_data: &[
        "input-type",
        "title",
        "stack-trace-limit",
        "inspect-port",
        "test-name-pattern",
        "test-reporter",
        "cwd",
        "port",
        "unhandled-rejections",
    ],
    ..INTERPRETER
};

static READERS: &[Reader] = &[
    Reader {
        names: &["python", "pypy", "ipython", "micropython", "jython"],
        code: "cm",
        data: "WX",
        bare: "bBdEhiIOPqsSuvVx",
        last: "cm",
        long: &[],
        long_data: &["check-hash-based-pycs"],
        ..INTERPRETER
    },
    NODE,
    Reader {
        names: &["bun", "tsx"],
        loads: "rc",
        ..NODE
    },
    Reader {
        names: &["ts-node", "ts-node-esm"],
        loads: "rCOPD",
        ..NODE
    },
    Reader {
        names: &[
            "deno run",
            "deno test",
            "deno bench",
            "deno serve",
            "deno compile",
            "deno install",
        ],
        loads: "cr",
        long: &[],
        long_loads: &["config", "import-map", "preload", "env-file", "location"],
        ..NODE
    },
    Reader {
        names: &["perl"],
        files: "np",
        code: "eE",
        loads: "MmI",
        attached: "iFxCDdTV",
        bare: "acfghlnpsStuUvwWX",
        ..INTERPRETER
    },
    Reader {
        names: &["ruby", "jruby"],
        loads: "rICE",
        attached: "iFKWxT",
        bare: "acdhlnpsSUvwy",
        long_loads: &[
            "disable",
            "enable",
            "encoding",
            "external-encoding",
            "internal-encoding",
            "require",
        ],
        ..INTERPRETER
    },
    Reader {
        names: &["php"],
        code: "rBREF",
        loads: "dczt",
        data: "S",
        bare: "aCefhilmnqsvw",
        long: &[
            "run",
            "process-begin",
            "process-code",
            "process-file",
            "process-end",
        ],
        ..INTERPRETER
    },
    Reader {
        names: &["lua", "luajit", "texlua"],
        loads: "l",
        bare: "ivEW",
        ..INTERPRETER
    },
    Reader {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        code: "ef",
        loads: "lEi",
        data: "Fv",
        attached: "dDopL",
        bare: "bcCghIkMnNOPrsStV",
        long: &["source", "file", "exec"],
        long_loads: &["include", "load"],
        long_data: &["assign", "field-separator"],
        ..INTERPRETER
    },
    Reader {
        names: &["sed", "gsed"],
        code: "ef",
        data: "l",
        attached: "i",
        bare: "Enrsuz",
        long: &["expression", "file"],
        long_data: &["line-length"],
        ..INTERPRETER
    },
    Reader {
        names: &["julia"],
        code: "eE",
        loads: "LJCH",
        data: "pt",
        bare: "iqhv",
        long: &["eval", "print"],
        long_loads: &[
            "load",
            "sysimage",
            "project",
            "home",
            "machine-file",
            "cpu-target",
        ],
        long_data: &["threads", "procs", "startup-file", "color", "optimize"],
        ..INTERPRETER
    },
    Reader {
        names: &["fish"],
        code: "cC",
        data: "dDo",
        bare: "ilnNPvh",
        long: &["command", "init-command"],
        ..INTERPRETER
    },
    Reader {
        names: &["nu"],
        code: "ce",
        loads: "I",
        data: "mt",
        bare: "hiln",
        long: &["commands", "execute"],
        long_loads: &["config", "env-config", "plugin-config", "plugins", "include-path"],
        long_data: &["table-mode", "threads", "log-level"],
        ..INTERPRETER
    },
    Reader {
        names: &["guile"],
        code: "ce",
        loads: "LCxls",
        bare: "qhv",
        long: &["eval"],
        long_loads: &["language", "use-srfi"],
        ..INTERPRETER
    },
    Reader {
        names: &["racket"],
        code: "efkrut",
        loads: "lpISXAGKNDMyW",
        bare: "bcdhijmnqvVx",
        long: &["eval", "load", "script", "require"],
        long_loads: &["lib", "planet", "collects", "addon", "config"],
        ..INTERPRETER
    },
    Reader {
        names: &["csh", "tcsh", "elvish", "xonsh", "expect"],
        code: "ce",
        loads: "CD",
        bare: "bdfhilnqstvVxX",
        long: &["command", "commands", "init-command"],
        long_loads: &["rc", "config", "db", "sock"],
        ..INTERPRETER
    },
    Reader {
        names: &["osascript"],
        loads: "l",
        data: "s",
        bare: "i",
        ..INTERPRETER
    },
    Reader {
        names: &["groovy", "scala"],
        loads: "D",
        data: "c",
        bare: "ahilnp",
        long_loads: &[
            "cp",
            "classpath",
            "class-path",
            "define",
            "basescript",
            "configscript",
        ],
        long_data: &["encoding"],
        ..INTERPRETER
    },
    Reader {
        names: &["elixir", "iex"],
        loads: "rS",
        bare: "hv",
        long: &["eval", "rpc-eval"],
        long_loads: &[
            "pa",
            "pz",
            "pr",
            "erl",
            "erl-config",
            "boot",
            "boot-var",
            "vm-args",
            "dot-iex",
        ],
        long_data: &["sname", "name", "cookie", "remsh"],
        ..INTERPRETER
    },
    Reader {
        names: &["clojure", "clj"],
        loads: "i",
        attached: "AMXTPJ",
        long_loads: &["Sdeps", "Scp", "init"],
        ..INTERPRETER
    },
    Reader {
        names: &["rscript", "ghc", "raku"],
        loads: "IMP",
        bare: "cnv",
        long_loads: &["default-packages"],
        ..INTERPRETER
    },
    Reader {
        names: &[
            "tclsh", "wish", "jimsh", "swipl", "sbcl", "clisp", "ecl", "octave", "gnuplot", "qjs", "maxima",
        ],
        code: "egxf",
        loads: "lisp",
        long: &["eval", "persist"],
        long_loads: &["load", "init", "script", "core"],
        ..INTERPRETER
    },
    Reader {
        names: &["ssh", "autossh", "rsh"],
        code: "",
        loads: "oFESI",
        data: "bBcDeiJLlmOpQRWw",
        bare: "46AaCfGgKkMNnqsTtVvXxYy",
        long: &[],
        operands: Operands::Rest,
        ..INTERPRETER
    },
    Reader {
        names: &["java", "javaw"],
        code: "m",
        loads: "p",
        attached: "D",
        last: "m",
        long: &["jar", "module"],
        long_loads: &[
            "cp",
            "classpath",
            "class-path",
            "module-path",
            "upgrade-module-path",
            "add-modules",
            "patch-module",
        ],
        long_last: &["jar", "module"],
        ..INTERPRETER
    },
];

impl Reader {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let mut all = READERS.iter().chain(TOOLS).chain(TASKS).chain(CONSOLES);
        all.find(|one| one.names.contains(&name))
    }
}
