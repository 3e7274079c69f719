//! What the process of a goal waits for and may use, whatever its kind.

use std::time::Duration;

use serde_json::Value;

use crate::model::definition::WaitRule;
use crate::model::descriptor::DAY;
use crate::model::limits::GoalLimits;
use crate::model::{Field, ValueType};

const WAIT_FIELDS: &[Field] = &[
    Field::new("run", ValueType::Argv, "the command; 0 means that it is time").required(),
    Field::new(
        "retries",
        ValueType::Integer { min: 1, max: 10_000 },
        "how often it may say no before the goal fails",
    )
    .default("1000"),
    Field::new("pause", ValueType::Duration, "between two tries")
        .default("1s")
        .within(1, DAY),
];

const LIMIT_FIELDS: &[Field] = &[
    Field::new(
        "processes",
        ValueType::Integer {
            min: 1,
            max: 4_000_000,
        },
        "processes and threads at once",
    ),
    Field::new("memory", ValueType::Size, "memory of all processes together").within(1 << 20, u64::MAX),
    Field::new(
        "open_files",
        ValueType::Integer {
            min: 16,
            max: 1_000_000,
        },
        "open files of each process",
    ),
    Field::new("file_size", ValueType::Size, "size of each file that is written"),
    Field::new(
        "disk",
        ValueType::Size,
        "bytes it may write in its working copy and its output",
    )
    .within(1, u64::MAX),
];

/// The key for [`wait_for`].
pub(super) const WAIT_FOR: Field = Field::new(
    "wait_for",
    ValueType::Fields(WAIT_FIELDS),
    "a command that is run until it ends with 0, before the work begins",
);

/// The key for [`limits`].
pub(super) const LIMITS: Field = Field::new(
    "limits",
    ValueType::Fields(LIMIT_FIELDS),
    "what its processes may use, instead of what is configured",
);

/// The wait rule of checked values.
pub(super) fn wait_for(value: &Value) -> WaitRule {
    let words = value.get("run").and_then(Value::as_array).into_iter().flatten();
    let number = |key: &str, default: u64| value.get(key).and_then(Value::as_u64).unwrap_or(default);
    WaitRule {
        run: words
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        retries: u32::try_from(number("retries", 1000)).unwrap_or(u32::MAX),
        pause: Duration::from_millis(number("pause", 1000)),
    }
}

/// The limits of checked values.
pub(super) fn limits(value: &Value) -> GoalLimits {
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    GoalLimits {
        processes: number("processes"),
        memory: number("memory"),
        open_files: number("open_files"),
        file_size: number("file_size"),
        disk: number("disk"),
        free_disk: None,
    }
}
