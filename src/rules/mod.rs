//! Push tests and rule evaluation: (push, project view) → plan plus the reasons. Pure and synchronous.
//!
//! [`compile`] makes a [`RuleSet`] of definitions; [`RuleSet::plan`] asks it about a push. Begin reading at
//! [`planning`], which walks the rules; [`evaluate`] decides one rule's test; [`goals`] turns what matched into goals.
//! Each push test is a file in [`push_tests`]; `when:` is in [`expression`].
//!
//! Everything that is asked is asked once per push: tests are shared by structure, listings and glob matches
//! are remembered in [`project`], and nothing of the project is touched before a test needs it.

mod compile;
mod display;
mod evaluate;
pub mod expression;
#[cfg(test)]
pub(crate) mod fixtures;
mod goals;
mod instances;
pub mod memory_view;
pub mod patterns;
mod planning;
mod predict;
pub mod project;
pub mod push_test;
pub mod push_tests;
mod rule_tests;
#[cfg(test)]
mod tests;
mod triggers;
pub mod view;
mod walk;

pub use compile::{RuleSet, compile};
pub use memory_view::MemoryView;
pub use planning::PlanningError;
pub use predict::{PredictedGoal, Prediction};
pub use push_test::PlanningFacts;
pub use push_tests::{GENERATED_TRAILER, PUSH_TESTS, descriptors};
pub use rule_tests::{Failure, Verified};
