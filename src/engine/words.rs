//! Durations and errors in words.

pub use crate::model::time::humane;
pub use crate::runtime::causes::chain;
