//! Workspaces: working copies of a mirror's commits, pooled, each lent to one attempt of a goal.
//!
//! What is pushed is hostile and so is what runs in a workspace (threats B1–B6, I3, I6). Three ideas keep it harmless:
//!
//! - **Handles, not paths.** Everything is written, looked at and removed relative to directory handles beneath the pool's
//!   root, links never followed ([`crate::runtime::directory`], [`removal`]).
//! - **A repository of its own.** A workspace's `.git` is a small repository that borrows the mirror's objects. It is made
//!   when the workspace is lent and thrown away when it comes back, so that hooks, configuration, branches and commits left
//!   by a goal neither reach the mirror nor the next goal ([`git_dir`]).
//! - **Files are known by their stamps.** Size, times and inode of every file we wrote are kept beside the tree. What does not
//!   match after use is removed, and written anew when the workspace is lent again ([`cleaning`], [`checkout`]).
//!
//! Begin with [`Pool`]. On disk, beneath the pool's root: `<mirror>-<id>/` holds one workspace: `tree/` (what is lent),
//! `record` (the stamps) and `state`; `attic-*/` holds what is being removed, `retired/` what could not be.

mod checkout;
mod cleaning;
mod git_dir;
mod pool;
mod record;
mod removal;
mod slot;
#[cfg(test)]
mod tests;

pub use checkout::CheckoutLimits;
pub use pool::{Pool, PoolSettings};
