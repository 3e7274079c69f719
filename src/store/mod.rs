//! Adapter: the machine's memory in a database.
//!
//! One append-only log of everything that happened, and projections of it written in the same transaction. Begin
//! with `migrations/sqlite/`, then read [`machine`]. Every database passes the tests in `contract`. The hub's memory is
//! another one, with schemas of its own: [`hub`].

#[cfg(test)]
mod contract;
pub mod hub;
pub mod machine;
pub mod place;

pub use machine::{Identity, SqlStore};
pub use place::Place;
