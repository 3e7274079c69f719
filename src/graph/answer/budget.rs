//! How much one answer may take, whatever its question promised (threat G4).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::AnswerError;

/// Most nodes of one answer.
pub(super) const MAX_NODES: u32 = 20_000;

/// Most nodes, or entries of an index, that are looked at for one question, by the database and here.
pub(super) const MAX_LOOKED_AT: u64 = 500_000;

/// A node that is brought here weighs as much as so many at which the database looks.
const BROUGHT: u64 = 10;

/// Counts nodes.
#[derive(Debug, Default)]
pub(super) struct Budget {
    nodes: AtomicU32,
    looked_at: AtomicU64,
}

impl Budget {
    /// One more node.
    pub(super) fn take(&self) -> Result<(), AnswerError> {
        match self.nodes.fetch_add(1, Ordering::Relaxed) < MAX_NODES {
            true => Ok(()),
            false => Err(AnswerError::TooLarge(MAX_NODES)),
        }
    }

    /// How much may still be looked at.
    pub(super) fn left(&self) -> u64 {
        MAX_LOOKED_AT.saturating_sub(self.looked_at.load(Ordering::Relaxed))
    }

    /// So many of a type are looked at by the database.
    pub(super) fn look_at(&self, kind: &str, count: u64) -> Result<(), AnswerError> {
        let before = self.looked_at.fetch_add(count, Ordering::Relaxed);
        match before.saturating_add(count) <= MAX_LOOKED_AT {
            true => Ok(()),
            false => Err(AnswerError::TooMuch {
                kind: kind.to_owned(),
                most: MAX_LOOKED_AT,
            }),
        }
    }

    /// So many of a type are brought here, to see whether they are meant.
    pub(super) fn bring(&self, kind: &str, count: usize) -> Result<(), AnswerError> {
        self.look_at(kind, BROUGHT.saturating_mul(count as u64))
    }
}
