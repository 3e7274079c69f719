//! Questions and answers over a whole graph in memory.

mod answers;
mod introspection;
pub(crate) mod memory;
mod pages;
mod questions;
mod schemas;
