//! Questions and answers over a whole graph in memory.

mod answers;
mod memory;
mod questions;
mod schemas;
