//! Placeholders in texts: `${path}`, `${path:default}`, `${!path}` (semantics 7.6).
//!
//! A text is read once into a [`Template`] and filled in as often as wanted. What is filled in is never looked at
//! again: a branch called `${parameters.token}` or a commit message with `$(rm -rf x)` arrives as exactly that.
//!
//! - A path is letters, digits, `_`, `-` and `.`; what it leads to is the caller's business.
//! - A default is everything up to the matching `}`, with placeholders of its own.
//! - `${!path}` is optional: unresolved, it removes the whole value it stands in.
//! - `$${` stands for a literal `${`. `$VAR` and `$(…)` mean nothing here and are left to the shell.
//! - A path that no fact has is said when the file is read ([`Template::objection`]).
//! - Missing and empty are different: the empty text, `0` and `false` are values; `null` is not.

mod asked;
mod chosen;
mod elsewhere;
mod facts;
mod known;
mod parse;
mod pieces;
mod resolve;
mod shell_default;
mod written;

#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use chosen::{chooses_program, depends_on_push, may_be_foreign, name_of_image};
pub use facts::{Asker, FACTS, Fact, fact_at};
pub use known::{Objection, is_fact};
pub use parse::{PlaceholderError, PlaceholderProblem, Template};
pub use pieces::Piece;
pub use resolve::{Resolved, resolve_all};
pub use written::Written;
