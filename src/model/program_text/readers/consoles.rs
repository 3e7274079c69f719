//! Programs that people talk to: databases, debuggers and editors, which carry out the statements that a flag, an argument or their
//! standard input gives. Of flags that are not listed here nothing is code.

use super::{Input, Operands, Reader, TOOL};

pub(super) static CONSOLES: &[Reader] = &[
    Reader {
        names: &["sqlite"],
        input: Input::Code,
        long: &["cmd"],
        long_loads: &["init"],
        long_data: &["separator", "newline", "nullvalue", "vfs", "maxsize"],
        operands: Operands::Rest,
        ..TOOL
    },
    Reader {
        names: &["psql"],
        input: Input::Code,
        code: "c",
        loads: "f",
        data: "dFhLopPRTUv",
        long: &["command"],
        long_loads: &["file"],
        ..TOOL
    },
    Reader {
        names: &["clickhouse-client", "clickhouse"],
        input: Input::Code,
        code: "q",
        long: &["query", "queries-file"],
        ..TOOL
    },
    Reader {
        names: &["mysql", "mariadb", "mysqldump"],
        input: Input::Code,
        code: "e",
        data: "uhPDSr",
        attached: "p",
        long: &["execute", "init-command", "pager"],
        long_loads: &["defaults-file", "defaults-extra-file", "plugin-dir"],
        ..TOOL
    },
    Reader {
        names: &["redis-cli eval", "valkey-cli eval"],
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &["redis-cli", "valkey-cli"],
        input: Input::CodeAlone,
        data: "hpasurdDniIt",
        long: &["eval"],
        long_data: &["user", "pass", "cacert", "cert", "key", "sni"],
        ..TOOL
    },
    Reader {
        names: &["mongosh", "mongo"],
        input: Input::Code,
        data: "hup",
        long: &["eval"],
        long_loads: &["file"],
        long_data: &["host", "port", "username", "password", "authenticationDatabase"],
        ..TOOL
    },
    Reader {
        names: &["cqlsh"],
        input: Input::Code,
        code: "e",
        loads: "f",
        data: "upk",
        long: &["execute"],
        long_loads: &["file"],
        ..TOOL
    },
    Reader {
        names: &["sqlcmd", "bcp"],
        input: Input::Code,
        code: "QqX",
        loads: "i",
        data: "SUPdov",
        ..TOOL
    },
    Reader {
        names: &[
            "sqlplus", "isql", "duckdb", "trino", "presto", "beeline", "snowsql",
        ],
        input: Input::Code,
        code: "ceqf",
        long: &["execute", "command", "cmd", "file", "query", "init"],
        ..TOOL
    },
    Reader {
        names: &["bq query"],
        input: Input::Code,
        operands: Operands::First,
        ..TOOL
    },
    Reader {
        names: &[
            "terraform console",
            "tofu console",
            "ftp",
            "lftp",
            "telnet",
            "smbclient",
            "irb",
            "pry",
            "ghci",
            "jshell",
            "groovysh",
            "dotnet-script",
            "ocaml",
            "utop",
        ],
        input: Input::Code,
        code: "ce",
        ..TOOL
    },
    Reader {
        names: &["r"],
        input: Input::Code,
        code: "ef",
        long: &["file", "args"],
        ..TOOL
    },
    Reader {
        names: &["m4"],
        input: Input::CodeAlone,
        data: "DUIBFgHLlostT",
        operands: Operands::All,
        ..TOOL
    },
    Reader {
        names: &["gdb", "lldb"],
        input: Input::Code,
        code: "xosOSQk",
        long: &[
            "ex",
            "ix",
            "iex",
            "eval-command",
            "init-eval-command",
            "command",
            "init-command",
            "one-line",
        ],
        ..TOOL
    },
    Reader {
        names: &["dc", "ed"],
        code: "e",
        loads: "f",
        long: &["expression"],
        long_loads: &["file"],
        input: Input::Code,
        ..TOOL
    },
    Reader {
        names: &["crontab"],
        data: "u",
        input: Input::Code,
        ..TOOL
    },
    Reader {
        names: &["vim", "nvim", "vi", "view", "emacs"],
        operands: Operands::Beginnings,
        code: "cSsuU",
        long: &["cmd", "eval", "execute", "funcall", "load"],
        ..TOOL
    },
    Reader {
        names: &["ex"],
        input: Input::Code,
        operands: Operands::Beginnings,
        code: "cSsuU",
        long: &["cmd", "eval", "execute", "funcall", "load"],
        ..TOOL
    },
];
