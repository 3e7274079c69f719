//! What an author may write instead, for whoever reads code.

/// What most programs leave as a way.
pub const BY_ARGUMENT: &str =
    "let the code take it from an argument of its own behind it, or from a variable set by `env`";
pub(super) const BY_VARIABLE: &str =
    "let it take that from a variable set by `env`, and quote the variable where it is used";
pub(super) const MARK_THE_END: &str = "put `--` before it: the program may take it for a flag";

/// Where a flag names a program, or settings that do.
pub(super) const WRITTEN_OUT: &str = "write it out: it names what this program runs, or where it finds that; give values by other arguments or by `env`";
/// Where a name says which of a project's own programs runs.
pub(super) const TASK: &str =
    "write out which of them it runs; give that values behind `--`, or by a variable set by `env`";
pub(super) const UNKNOWN: &str = "many programs carry out what stands behind such a flag, and this one is not known here: give it the value by `env`, or let a script of yours call it, `[./x.sh, VALUE]`";

/// What programs leave as a way whose code has no arguments, or others than those of an interpreter.
static OF_PROGRAMS: &[(&[&str], &str)] = &[
    (
        &["ssh", "autossh", "rsh", "sshpass", "mosh"],
        "the other computer's shell reads it as program text: in a script, send it on standard input, `printf '%s\\n' \"$1\" | ssh host 'read -r v; deploy \"$v\"'`, or quote it for a bash there, `ssh host \"deploy $(printf %q \"$1\")\"`",
    ),
    (
        &["sed", "gsed"],
        "sed has no place for data: use `perl -pe 's/V/$ENV{V}/'` or `awk` with `ENVIRON[\"V\"]`, and set `V` by `env`",
    ),
    (
        &["awk", "gawk", "mawk", "nawk"],
        "give it as a variable of the program, `-v name=VALUE`, or let it read `ENVIRON[\"V\"]` that `env` sets",
    ),
    (
        &["jq", "gojq", "jaq"],
        "give it as a variable of the filter: `--arg name VALUE`, and write `$name`",
    ),
    (
        &["yq"],
        "let the expression read it from the environment, `strenv(V)`, and set `V` by `env`",
    ),
    (
        &["psql"],
        "give it as a variable, `-v name=VALUE`, and write `:'name'` in a script on standard input",
    ),
    (
        &[
            "mysql",
            "mariadb",
            "sqlite",
            "clickhouse-client",
            "clickhouse",
            "redis-cli",
            "valkey-cli",
            "mongosh",
            "mongo",
            "cqlsh",
            "sqlcmd",
            "sqlplus",
            "duckdb",
            "ftp",
            "lftp",
            "terraform",
            "tofu",
        ],
        "write the statements in a script that quotes it, and give it there as an argument or by `env`",
    ),
    (
        &["find", "xargs", "entr", "watch", "parallel"],
        "let it run `sh -c '…' sh` with the value behind it, and write `\"$1\"` there",
    ),
    (
        &["perl files"],
        "perl runs a file whose name ends with `|`: give it the text on standard input, `perl … < file`",
    ),
    (&["git", "java", "javaw"], WRITTEN_OUT),
    (
        &["scp", "sftp"],
        "the other computer's shell reads the path: write it out, or send the file by `rsync`, or on the standard input of `ssh`",
    ),
    (
        &["ansible", "ansible-playbook"],
        "it carries out the templates in a value: let the playbook read it, `lookup('env', 'V')`, and set `V` by `env`",
    ),
    (
        &["su", "runuser"],
        "write the command between single quotes, and give the value behind it: `su USER -c 'deploy \"$1\"' -- sh VALUE`",
    ),
    (
        &["perl", "ruby"],
        "write the code between single quotes, and let it read an argument behind `--`, or a variable set by `env`: `$ENV{V}`, `ENV[\"V\"]`",
    ),
    (
        &["vim", "vi", "view", "ex", "less", "more"],
        "write `--` and `./` before the name of a file: what begins with `+` is a command to it",
    ),
];

/// The hint for who reads code.
pub(super) fn hint_for(reader: &str) -> &'static str {
    let mut rows = OF_PROGRAMS.iter();
    rows.find(|(readers, _)| readers.contains(&reader))
        .map_or(BY_ARGUMENT, |(_, hint)| hint)
}
