//! Keys that say how programs run: the same word means the same wherever programs are run.

use super::descriptor::{DAY, Field, ValueType};

/// Longest run time.
pub const TIMEOUT: Field = Field::new("timeout", ValueType::Duration, "longest run time")
    .default("10m")
    .within(1, u64::MAX);

/// How long a program may take to end by itself.
pub const GRACE: Field = Field::new(
    "grace",
    ValueType::Duration,
    "between the request to end and the kill",
)
.default("30s")
.within(0, DAY);

/// Variables of the author.
pub const ENV: Field = Field::new(
    "env",
    ValueType::Environment,
    "further variables; placeholders allowed",
)
.aliases(&["environment_variables"]);

/// Where several programs run.
pub const DIRECTORY: Field = Field::new(
    "directory",
    ValueType::Path,
    "where they run, below the root of the working copy",
);

/// Programs that are shells.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "fish"];

/// Which argument is the script of a shell: the one after `-c` (also in a cluster such as `-ec`).
pub fn script_of_shell(argv: &[impl AsRef<str>]) -> Option<usize> {
    let word = |argument: &str| SHELLS.contains(&argument);
    let program = argv.first()?.as_ref().rsplit('/').next()?;
    let runs_shell =
        word(program) || (program == "env" && argv.iter().any(|argument| word(argument.as_ref())));
    if !runs_shell {
        return None;
    }
    let is_command_flag =
        |argument: &str| argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c');
    argv.iter()
        .position(|argument| is_command_flag(argument.as_ref()))
        .map(|flag| flag + 1)
        .filter(|index| *index < argv.len())
}
