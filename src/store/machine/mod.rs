//! The machine's memory in SQLite or Postgres: one set of statements for both, and a schema for each (`migrations/sqlite/`,
//! `migrations/postgres/`).
//!
//! A write is a noun with its rows ready ([`writer::Write`]); a read is a function named after its question. Where the two
//! databases differ, [`dialect`] says how. There is one writer at a time: SQLite has one process, and replicas that share a
//! Postgres take turns ([`session`]), so that the log grows in one order everywhere. The only place that decides what a goal
//! event means is the fold in the model: sets are stored as their plan and their events, and read by folding them.

mod append;
mod changes;
mod checks;
mod completions;
mod composed;
#[cfg(test)]
mod crash_tests;
pub(crate) mod database;
mod dialect;
mod errands;
mod facts;
mod failure;
mod feed;
mod fingerprints;
mod generated;
mod goal_sets;
mod goals;
mod hints;
mod images;
mod jobs;
mod kept;
mod leases;
mod marks;
mod owner;
mod plans;
#[cfg(test)]
mod postgres_tests;
mod preferences;
mod prune;
mod pushes;
mod queues;
mod replicas;
mod repositories;
mod reviews;
mod rows;
mod session;
mod statuses;
mod store;
mod tags;
mod team;
mod team_logs;
#[cfg(test)]
mod tests;
mod timers;
mod triggers;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::install_default_drivers;

use super::place::Place;
use crate::ports::store::StoreError;
use crate::runtime::tasks::Tasks;
use changes::Changes;
use dialect::Dialect;
use goal_sets::Remembered;
use session::Session;
use writer::Writer;

/// Who opens a memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the machine.
    pub machine: String,
    /// Which replica of it; empty for a machine that is alone.
    pub replica: String,
}

/// The machine's memory.
#[derive(Debug)]
pub struct SqlStore {
    /// All writes go through here, in the order they are asked.
    writer: Writer,
    /// Where the memory is.
    place: Place,
    /// Which replica of the machine this is; empty when it is alone.
    replica: String,
    /// Which database that is.
    dialect: Dialect,
    /// Connections for what only reads.
    readers: AnyPool,
    /// Who waits for a change.
    changes: Arc<Changes>,
    /// Sets read or written lately; see there why it cannot be wrong.
    remembered: Remembered,
    /// The writer's task, and the one that hears of other replicas.
    tasks: Tasks,
}

impl SqlStore {
    /// Opens the memory of the machine of this name, makes it where it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program wrote it, [`StoreError::Corrupt`] when it is not a sound database,
    /// [`StoreError::NotWritable`] when it cannot be made or written, [`StoreError::Unreachable`] when there is no answer, and
    /// [`StoreError::Unfit`] when it is not one for this machine.
    pub async fn open(place: &Place, identity: &Identity) -> Result<Self, StoreError> {
        install_default_drivers();
        match place {
            Place::File(path) => {
                database::refuse_emptied(path)?;
                database::prepare_file(path)?;
            }
            Place::Postgres(_) => {}
        }
        let mut connection = database::connect_writer(place).await?;
        database::check(&mut connection).await?;
        database::migrate(&mut connection, place).await?;
        owner::claim(&mut connection, &identity.machine).await?;
        Self::over(place, identity, connection).await
    }

    /// Opens the file at a path; its directory is made where it is missing.
    ///
    /// # Errors
    /// As [`SqlStore::open`].
    pub async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Self::open(&Place::File(path.to_owned()), &Identity::default()).await
    }

    async fn over(
        place: &Place,
        identity: &Identity,
        connection: sqlx::AnyConnection,
    ) -> Result<Self, StoreError> {
        let (changes, tasks) = (Arc::new(Changes::new()), Tasks::new());
        let dialect = Dialect::of(&connection);
        let session = Session::new(place.clone(), connection).await?;
        if let Place::Postgres(url) = place {
            hints::hear(url.clone(), session.backend(), &changes, &tasks);
        }
        Ok(Self {
            writer: Writer::start(session, Arc::clone(&changes), &tasks),
            place: place.clone(),
            replica: identity.replica.clone(),
            dialect,
            readers: database::reader_pool(place)?,
            changes,
            remembered: Remembered::default(),
            tasks,
        })
    }

    /// Ends in good order: what was asked is written, a file is complete without its write-ahead log. A store that is
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
