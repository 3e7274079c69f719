//! The executor against real processes: this crate's own binary as supervisor.

mod life;
mod limits;
mod output;
mod portable;
mod steps;
mod support;
