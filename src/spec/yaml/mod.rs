//! YAML as people write it, with the place of every value.
//!
//! Bytes become [`text::Source`] (size, UTF-8, no NUL), the scanner's events become [`Node`]s ([`parse`]), scalars are
//! read by the YAML 1.2 core schema ([`scalar`]), and merge keys and duplicate keys are dealt with as each map closes
//! ([`merge`]). Aliases share their node; what they would expand to is counted, so that a small file cannot become a
//! large one.

mod merge;
mod node;
mod parse;
mod scalar;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use node::{Content, Entry, Node};
pub(crate) use parse::{documents, value};
pub(crate) use scalar::{Meaning, Scalar};
