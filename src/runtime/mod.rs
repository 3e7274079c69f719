//! What every process needs and no delivery knows of: time, identity, tasks, lifecycle, telemetry, errors, and
//! directories by their handles.

pub mod causes;
pub mod clock;
pub mod directory;
pub mod entry_name;
pub mod lifecycle;
pub mod open_files;
pub mod tasks;
pub mod telemetry;
pub mod trace;
