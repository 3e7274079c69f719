//! Push tests, one file each, and the table that registers them.
//!
//! A new test is a file with a [`Registration`] and one line in [`PUSH_TESTS`].

mod arguments;
mod branch;
mod changed;
mod changes;
mod default_branch;
mod first_push;
mod forced_push;
mod generated_commit;
mod goal;
mod has_commit;
mod has_file;
mod has_file_containing;
mod has_file_with_extension;
mod local_mode;
mod material_change;
mod named_seed_repo;
mod non_empty;
mod only_changed;
mod public_repo;
mod pull_request;
mod release_commit;
mod repo;
mod repository_goals;
#[cfg(test)]
mod tests;
mod version_file;
mod when;

pub use generated_commit::GENERATED_TRAILER;
pub(super) use goal::nested;

use super::push_test::Registration;
use crate::model::Descriptor;

/// Every push test, in the order of the reference page.
pub static PUSH_TESTS: &[&Registration] = &[
    &default_branch::REGISTRATION,
    &branch::REGISTRATION,
    &repo::REGISTRATION,
    &has_commit::REGISTRATION,
    &has_file::REGISTRATION,
    &has_file_containing::REGISTRATION,
    &has_file_with_extension::REGISTRATION,
    &non_empty::REGISTRATION,
    &material_change::REGISTRATION,
    &changed::REGISTRATION,
    &only_changed::REGISTRATION,
    &when::REGISTRATION,
    &goal::REGISTRATION,
    &first_push::REGISTRATION,
    &forced_push::REGISTRATION,
    &generated_commit::REGISTRATION,
    &release_commit::REGISTRATION,
    &version_file::REGISTRATION,
    &repository_goals::REGISTRATION,
    &named_seed_repo::REGISTRATION,
    &public_repo::REGISTRATION,
    &pull_request::REGISTRATION,
    &local_mode::REGISTRATION,
];

/// The descriptors of every push test.
pub fn descriptors() -> Vec<&'static Descriptor> {
    PUSH_TESTS
        .iter()
        .map(|registration| &registration.descriptor)
        .collect()
}

/// The test known by a name or alias.
pub fn named(name: &str) -> Option<&'static Registration> {
    PUSH_TESTS.iter().copied().find(|registration| {
        let descriptor = &registration.descriptor;
        descriptor.name == name || descriptor.aliases.contains(&name)
    })
}
