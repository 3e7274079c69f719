//! Commands as people write them (semantics 5.1): what they are called, what people say (`intent`), what they need to
//! know (`parameter`), and what they do: run a program (`run`), or be a goal on the head of repositories (`targets`). What
//! their placeholders can ask for is in `roots`.

mod entry;
mod intent;
mod lengths;
mod parameter;
mod roots;
mod run;
mod strange;
mod targets;

pub use entry::FIELDS;
pub(crate) use intent::FIELDS as INTENT_FIELDS;
pub use parameter::FIELDS as PARAMETER_FIELDS;
pub use targets::FIELDS as TARGET_FIELDS;

pub(crate) use roots::{Roots, astray};
pub use run::RUN_FIELDS;
