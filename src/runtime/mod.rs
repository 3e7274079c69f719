//! What every process needs and no delivery knows of: time, identity, tasks, lifecycle, telemetry.

pub mod clock;
pub mod lifecycle;
pub mod tasks;
pub mod telemetry;
