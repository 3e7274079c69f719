//! SQLite: one file, one writer, a few readers.
//!
//! A write is a noun with its rows ready ([`writer::Write`]); a read is a function named after its question. The only
//! place that decides what a goal event means is the fold in the model: sets are stored as their plan and their
//! events, and read by folding them.

mod append;
mod changes;
mod completions;
#[cfg(test)]
mod crash_tests;
pub(crate) mod database;
mod errands;
mod facts;
mod failure;
mod feed;
mod fingerprints;
mod generated;
mod goal_sets;
mod goals;
mod images;
mod jobs;
mod kept;
mod leases;
mod marks;
mod plans;
mod preferences;
mod prune;
mod pushes;
mod queues;
mod repositories;
mod reviews;
mod rows;
mod store;
mod tags;
mod team;
mod team_logs;
#[cfg(test)]
mod tests;
mod timers;
mod triggers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;

use crate::ports::store::StoreError;
use crate::runtime::tasks::Tasks;
use changes::Changes;
use goal_sets::Remembered;
use writer::Writer;

/// The machine's memory in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// All writes go through here, in the order they are asked.
    writer: Writer,
    /// Where the file is.
    path: PathBuf,
    /// Connections that cannot write.
    readers: SqlitePool,
    /// Who waits for a change.
    changes: Arc<Changes>,
    /// Sets read or written lately; see there why it cannot be wrong.
    remembered: Remembered,
    /// The writer's task.
    tasks: Tasks,
}

impl SqliteStore {
    /// Opens the file at `path`, makes it (and its directory) where it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program wrote it, [`StoreError::Corrupt`] when it is not a sound database,
    /// [`StoreError::NotWritable`] when it cannot be made or written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        database::refuse_emptied(path)?;
        database::prepare_file(path)?;
        let mut connection = database::connect_writer(path).await?;
        database::migrate(&mut connection, path).await?;
        let (changes, tasks) = (Arc::new(Changes::new()), Tasks::new());
        Ok(Self {
            writer: Writer::start(connection, Arc::clone(&changes), &tasks),
            path: path.to_owned(),
            readers: database::reader_pool(path),
            changes,
            remembered: Remembered::default(),
            tasks,
        })
    }

    /// Ends in good order: what was asked is written, the file is complete without its write-ahead log. A store that is
    /// dropped instead loses nothing either; the next to open it reads the log.
    pub async fn close(self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.readers.close().await;
        drop(self.writer);
        if !self.tasks.shut_down(PATIENCE).await {
            tracing::warn!("the database is still being written; its log will be read at the next start");
        }
    }
}
