//! Writing to repositories: what goals made on its way out (semantics 4.1, 4.6, 8.4). Never by force.
//!
//! Commits enter the mirror by [`take_in`] or are made there by [`make`]; from there they go over the network
//! ([`remote`]) or into a repository on this computer ([`local`]), whose work trees are somebody's work.

mod copy;
mod found;
mod local;
mod make;
mod remote;
mod take_in;
#[cfg(test)]
mod tests;
mod work_tree;

pub(crate) use found::{first_commit, found};
pub(crate) use local::{push_into, tags_in};
pub(crate) use make::{make_commit, make_tag, remake_commit, tree_of};
pub(crate) use remote::{push_over, tags_over};
pub(crate) use take_in::take_in;

use git2::Oid;

use crate::model::{CommitSha, TagName};
use crate::ports::scm::BranchUpdate;

use super::objects::oid_of;

/// One reference on its way: branch or tag.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// Full name.
    reference: String,
    /// Where it is expected to be; `None` when it must not exist.
    expected: Option<Oid>,
    /// Where it is to be.
    target: Oid,
    /// See [`BranchUpdate::moves_work_tree`].
    moves_work_tree: bool,
}

impl Update {
    pub(crate) fn of_branch(update: &BranchUpdate) -> Self {
        Self {
            reference: update.branch.full_ref(),
            expected: update.expected.as_ref().map(oid_of),
            target: oid_of(&update.target),
            moves_work_tree: update.moves_work_tree,
        }
    }

    pub(crate) fn of_tag(name: &TagName, object: &CommitSha) -> Self {
        Self {
            reference: name.full_ref(),
            expected: None,
            target: oid_of(object),
            moves_work_tree: false,
        }
    }
}
