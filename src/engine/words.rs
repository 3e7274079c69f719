//! Durations and errors in words.

use std::time::Duration;

pub use crate::runtime::causes::chain;

/// `90s`, `20m`, `2h`.
pub fn humane(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{}ms", duration.as_millis()),
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}
