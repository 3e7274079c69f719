//! The event graph as a read model: what is in it, how it is asked, and what changed.
//!
//! The dialect is the original's (wire protocol 9, 10). A question in text becomes a [`Question`] ([`question`]) that is
//! checked against a [`Schema`] ([`schema`]); [`answer`] answers it from a [`GraphReader`](crate::ports::graph::GraphReader).
//! A subscription is the same question, asked of one node that has just changed.

pub mod answer;
mod introspection;
mod nesting;
pub mod question;
pub mod schema;

#[cfg(test)]
pub(crate) mod tests;

pub use question::{Question, QuestionError};
pub use schema::Schema;
