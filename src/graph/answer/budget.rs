//! How many nodes one answer may take, whatever its question promised.

use std::sync::atomic::{AtomicU32, Ordering};

use super::AnswerError;

/// Most nodes of one answer.
pub(super) const MAX_NODES: u32 = 20_000;

/// Counts nodes.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    /// One more node.
    pub(super) fn take(&self) -> Result<(), AnswerError> {
        match self.0.fetch_add(1, Ordering::Relaxed) < MAX_NODES {
            true => Ok(()),
            false => Err(AnswerError::TooLarge(MAX_NODES)),
        }
    }
}
