//! Adapter: processes that outlive the daemon, each with a supervisor of its own.
//!
//! One attempt is one directory. [`ProcessExecutor`] makes it and starts `sdm supervise <directory>`, which runs the
//! command, keeps its log and writes its outcome; everything the daemon wants to know it reads from that directory, so a
//! daemon that was restarted knows as much as one that was not. Begin reading in [`attempt`] (what lies in the
//! directory), then [`process`] (the daemon's side) and [`supervisor`] (the other side).
//!
//! What is only there on Linux (the process table under `/proc`, subreapers, signals as a descriptor) stands in
//! `process_table` and `supervisor::system`, with what is done elsewhere.

pub mod attempt;
mod bell;
pub mod containers;
mod earlier;
mod fence;
mod launch;
pub mod log;
mod news;
mod order;
mod pace;
pub mod process;
mod process_table;
pub mod sandbox;
pub mod supervisor;
mod watch;

pub use process::ProcessExecutor;
pub use supervisor::supervise_when_asked;
