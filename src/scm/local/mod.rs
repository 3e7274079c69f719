//! Local mode: git hooks that say when to look, and the addresses people clone from.

pub mod clone;
pub mod discover;
pub mod hook_section;
pub mod hooks;
#[cfg(test)]
mod tests;
