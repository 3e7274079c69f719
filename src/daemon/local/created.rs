//! Repositories that generators make are watched from then on.

use std::path::PathBuf;

use super::LocalDaemon;
use crate::model::{Event, News};
use crate::ports::store::StoreError;

/// Entries of the log read at once.
const PAGE: u32 = 500;

impl LocalDaemon {
    /// Watches what is made, until told to stop.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn watch_what_is_made(&self) -> Result<(), StoreError> {
        let (daemon, store) = (self.clone(), self.engine().store().clone());
        let stop = self.tasks().stop_token();
        let mut cursor = store.last_cursor().await?;
        let mut changes = store.subscribe();
        self.tasks().spawn_forever("new repositories", async move {
            loop {
                changes.mark_unchanged();
                for entry in store.feed(cursor, PAGE).await.unwrap_or_default() {
                    cursor = entry.cursor;
                    if let News::Event { event } = &entry.news {
                        daemon.look_at_event(event).await;
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = changes.changed() => {}
                }
            }
        });
        Ok(())
    }

    /// Goals too can say that there is a new repository: that one is watched and by that not trusted (threat J2), and nothing
    /// is looked for in directories that are none.
    async fn look_at_event(&self, event: &Event) {
        let made = event.payload["repo"]["path"].as_str().map(PathBuf::from);
        let is_made = |path: &PathBuf| path.is_absolute() && path.join(".git").is_dir();
        let Some(path) = made.filter(|path| event.name == "RepoCreated" && is_made(path)) else {
            return;
        };
        if let Err(error) = self.watch_path(&path).await {
            tracing::warn!(path = %path.display(), error = %error, "a new repository is not watched");
        }
    }
}
