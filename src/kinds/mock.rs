//! Mock execution (semantics 3.11, EX-08): time passes instead of a goal's work.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The verb of the step that takes the place of the work.
pub const VERB: &str = "mock";

/// What that step is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// How long it takes.
    pub duration: Duration,
    /// The code it ends with.
    pub code: u8,
}
