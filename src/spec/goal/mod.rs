//! Goals as people write them (semantics 7.3): what every goal has (`common`, `confirm`, `running`, `files`, `secrets`), and what makes it one kind
//! and not another (`entry`, `uses`). What others write says less (`referenced`, `strange_variables`).

mod asked;
mod common;
mod confirm;
mod entry;
mod files;
mod plan;
mod referenced;
mod running;
pub(crate) mod secrets;
mod strange_variables;
mod uses;

pub use common::COMMON_FIELDS;
pub(crate) use entry::{Context, GoalEntry, USE};
pub(crate) use referenced::{REF, beyond_containers, shown_beyond};
pub(crate) use strange_variables::refuse_variables;
