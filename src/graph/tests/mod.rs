//! Questions and answers over a whole graph in memory.

mod answers;
mod introspection;
mod memory;
mod questions;
mod schemas;
