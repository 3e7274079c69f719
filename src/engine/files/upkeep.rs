//! Archives are kept within the space they may take, and those that nobody knows are removed.

use std::collections::HashSet;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::words::chain;
use crate::kinds::KindError;
use crate::model::push::Trust;

use super::before::failed;

/// How long an archive may be unknown to the store: one that was just taken is recorded a moment later.
const UNKNOWN: Duration = Duration::from_secs(3600);

impl Engine {
    /// Removes archives until the rest fits, those first that were not used for the longest time. What an attempt reads was lent
    /// to it and stays.
    pub(in crate::engine) async fn keep_files_within_bounds(&self) {
        if let Err(error) = self.evict().await {
            tracing::warn!(error = %chain(&error), "archives of goals could not be kept within bounds");
        }
    }

    /// The same, and removes archives of which nothing is recorded.
    pub async fn tidy_files(&self) {
        self.keep_files_within_bounds().await;
        if let Err(error) = self.remove_unknown().await {
            tracing::warn!(error = %chain(&error), "archives that nobody knows could not be removed");
        }
    }

    async fn evict(&self) -> Result<(), KindError> {
        let archives = self.parts.store.archives().await?;
        let mut total: u64 = archives.iter().map(|archive| archive.size).sum();
        for archive in archives {
            if total <= self.settings.cache_limit {
                break;
            }
            self.remove_archive(archive.trust, &archive.digest).await?;
            total = total.saturating_sub(archive.size);
            tracing::debug!(archive = %archive.digest, bytes = archive.size, "removed an archive to make room");
        }
        Ok(())
    }

    async fn remove_archive(&self, trust: Trust, digest: &str) -> Result<(), KindError> {
        // Forgotten first: what is not there must not be found.
        self.parts.store.forget_archive(trust, digest).await?;
        let removed = self.parts.archives.remove(trust, digest).await;
        removed.map_err(failed("remove an archive"))
    }

    async fn remove_unknown(&self) -> Result<(), KindError> {
        let before = self.parts.clock.now().minus(UNKNOWN);
        let there = self.parts.archives.all(before).await;
        let there = there.map_err(failed("list the archives"))?;
        let known = self.parts.store.archives().await?;
        let known: HashSet<(Trust, String)> = known
            .into_iter()
            .map(|archive| (archive.trust, archive.digest))
            .collect();
        for (trust, digest) in there.into_iter().filter(|archive| !known.contains(archive)) {
            let removed = self.parts.archives.remove(trust, &digest).await;
            removed.map_err(failed("remove an archive"))?;
        }
        Ok(())
    }
}
