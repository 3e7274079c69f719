//! Goal files in; resolved definitions, or every problem of every file, out (semantics 7).
//!
//! [`load`] is the whole room: bytes become positioned YAML (`yaml`), keys are matched against the schema (`keys`),
//! values are checked by the types that descriptors give them (`value`), and what people wrote becomes rules (`rule`),
//! tests (`push_test`) and goals (`goal`). Nothing stops at the first problem; when there is an error, no definition
//! comes out at all, so that nobody acts on half a file.
//!
//! The room knows no push test and no goal kind: both come as descriptors in the [`Catalogue`].
//!
//! [`placeholder`] reads and fills in `${…}`; it is used here to check texts, and by whoever carries goals out.

mod argument_places;
mod arrange;
mod asked_names;
mod catalogue;
mod chooses;
mod command;
mod concurrency;
mod contradictions;
mod document;
mod facts;
mod first_of;
pub mod foreign;
mod goal;
pub(crate) mod keys;
mod listener;
mod load;
mod mentions;
mod named_test;
mod other_systems;
pub mod placeholder;
pub(crate) mod problems;
mod push_test;
mod reader;
mod reference;
mod rule;
mod rule_test;
pub mod schedule;
pub mod schema;
mod set_tags;
mod shape;
mod supplied;
mod triggering_goal;
mod value;
mod value_tests;
pub(crate) mod yaml;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use asked_names::unknown_values;
pub use catalogue::Catalogue;
pub use command::{FIELDS as COMMAND_FIELDS, PARAMETER_FIELDS, RUN_FIELDS, TARGET_FIELDS};
pub use goal::COMMON_FIELDS as COMMON_GOAL_FIELDS;
pub(crate) use goal::secrets;
pub use listener::FIELDS as LISTENER_FIELDS;
pub use load::{Loaded, SourceFile, load};
pub use problems::MAX_PROBLEMS;
pub use reference::{InvalidReference, PROGRAMS, Reference, Referenced};
pub use rule::FIELDS as RULE_FIELDS;
pub use rule_test::{
    EXAMPLE as TEST_EXAMPLE, EXPECT_FIELDS as TEST_EXPECT_FIELDS, FIELDS as TEST_FIELDS,
    PUSH_FIELDS as TEST_PUSH_FIELDS,
};
pub use shape::{Shape, Word};
pub use supplied::supplied_rules;
pub use triggering_goal::FIELDS as TEST_GOAL_FIELDS;
pub use value::{InvalidDuration, parse_duration};
