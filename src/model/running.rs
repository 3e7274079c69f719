//! Keys that say how programs run: the same word means the same wherever programs are run.

use std::time::Duration;

use super::descriptor::{DAY, Field, ValueType};

/// The longest run time where none is written: what the field [`TIMEOUT`] says.
const USUAL_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a program may take to end by itself where nothing is written: what the field [`GRACE`] says.
const USUAL_GRACE: Duration = Duration::from_secs(30);

/// The longest run time, of what is written in milliseconds.
pub fn timeout(written: Option<u64>) -> Duration {
    written.map_or(USUAL_TIMEOUT, Duration::from_millis)
}

/// How long a program may take to end by itself, of what is written in milliseconds.
pub fn grace(written: Option<u64>) -> Duration {
    written.map_or(USUAL_GRACE, Duration::from_millis)
}

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
