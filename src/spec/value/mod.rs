//! Values of goal files against the types that descriptors give them.
//!
//! [`Checker::value`] turns a node into the canonical JSON that [`ValueType`](crate::model::ValueType) promises, and
//! collects every problem on the way. What it returns is only as complete as the value was right: `None` always comes
//! with a problem.

mod bounds;
mod cache_key;
mod check;
mod duration;
mod fields;
mod outside;
mod path;
mod pattern;
mod scalars;
mod size;
mod unfilled;
mod variables;

#[cfg(test)]
mod tests;

pub(crate) use check::Checker;
pub use duration::{InvalidDuration, parse_duration};
pub(super) use size::size_pattern;
