//! The audit log as a chain: each entry holds the hash of the one before it, so that nothing can be changed, cut out or put
//! in without a mark (security model 16, threat K3).
//!
//! [`Chain`] makes entries, [`Entry::to_line`] is how one is exported and what its hash is over, and [`verify`] reads an
//! export without the hub that wrote it. What the end of an export should be, an export cannot say of itself: compare the
//! head that [`Summary`] gives with the hub's, or with the first entry of the next export.

mod chain;
mod entry;
mod verify;

#[cfg(test)]
mod tests;

pub use chain::{Chain, Change, Details, Outcome};
pub use entry::{Entry, Hash};
pub use verify::{Broken, Given, LONGEST_LINE, Summary, verify};

/// Longest text of a field that strangers choose, in characters.
const LONGEST_TEXT: usize = 300;
