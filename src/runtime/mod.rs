//! What every process needs and no delivery knows of: time, identity, tasks, lifecycle, telemetry, errors, directories by their
//! handles, and that nobody looks into it.

pub mod backoff;
pub mod causes;
pub mod choice;
pub mod clock;
pub mod directory;
pub mod dumps;
pub mod entry_name;
pub mod lifecycle;
pub mod matching;
pub mod open_files;
pub mod tasks;
pub mod telemetry;
pub mod trace;
