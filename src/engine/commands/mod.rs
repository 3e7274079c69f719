//! Commands: finding the one that is meant, checking what it is given, and turning it into an errand or a job.
//!
//! [`registry`] finds, [`bind`] checks, [`ask`] decides where it runs; [`jobs`] carries a command to its repositories,
//! one goal set each, so that logs, cancel, retry and approval are those of goals.

pub mod ask;
pub mod bind;
pub mod goal;
mod jobs;
pub mod registry;
mod unmatched;
