//! The hub's memory in SQLite or Postgres: one schema (`migrations/hub/`) and one set of statements for both.
//!
//! Statements keep to what both understand; where they differ, [`SqlHub::is_postgres`] says which. Begin with
//! [`work`], where the graph changes, then [`deliveries`].

mod answers;
mod authorizations;
mod carried;
mod chats;
mod console;
mod copying;
mod crowds;
mod deliveries;
mod extensions;
mod fields;
mod forges;
mod handed;
mod hints;
mod history;
mod in_place;
mod indexed;
mod keys;
mod life;
mod logins;
mod logs;
#[cfg(test)]
mod migration_tests;
mod missed;
mod nodes;
mod pending;
mod people;
mod plan;
mod registrations;
mod resumptions;
mod retention;
mod rights;
mod rows;
mod runs;
mod said;
mod search;
mod secrets;
mod sign_ins;
mod statement;
mod statistics;
mod tickets;
mod tidying;
mod type_owners;
mod work;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{Migrate, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Connection as _, Executor, Row};

use super::machine::database::prepare_file;
pub use super::place::Place;
use crate::model::Timestamp;
use crate::ports::graph::GraphReader;
use crate::ports::hub::{HubGraph, HubStoreError, HubWork};
use crate::ports::told_forges::ToldForges;
pub use copying::is_damaged;
use copying::{explained, try_out};
use in_place::InPlace;
pub use life::Revoked;
use nodes::Reader;
use statement::{Doing, composed, marks, moment};
use work::SqlWork;

/// All schemas of a hub that this program knows, oldest first.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/hub");

/// What only SQLite needs, numbered among the others.
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/hub-sqlite");

/// What only Postgres needs.
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/hub-postgres");

/// All steps of one database.
fn migrations(is_postgres: bool) -> Migrator {
    let own = match is_postgres {
        true => &POSTGRES_MIGRATIONS,
        false => &SQLITE_MIGRATIONS,
    };
    let mut all = MIGRATIONS.migrations.to_vec();
    all.extend_from_slice(&own.migrations);
    Migrator::with_migrations(all)
}

/// Connections that read an SQLite file beside the one that writes.
const READERS: u32 = 4;

/// Connections to Postgres.
const POSTGRES_CONNECTIONS: u32 = 16;

/// Ids that are looked for in one statement.
const IDS_AT_ONCE: usize = 100;

/// How long a connection may have rested before it is tried once more: to try it takes as long as to ask it something.
const RESTED: Duration = Duration::from_secs(1);

/// How long somebody waits for a connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// The hub's memory. Clones share it.
#[derive(Debug, Clone)]
pub struct SqlHub {
    writers: AnyPool,
    readers: AnyPool,
    /// The URL, when it is Postgres.
    postgres: Option<SecretString>,
    /// The file, when it is one.
    file: Option<Arc<InPlace>>,
}

impl SqlHub {
    /// Opens the memory at a place and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be reached or made, or a newer program wrote it.
    pub async fn open(place: &Place) -> Result<Self, HubStoreError> {
        install_default_drivers();
        let hub = match place {
            Place::File(path) => Self::open_file(path).await?,
            Place::Postgres(url) => Self::open_postgres(url.expose_secret()).await?,
        };
        hub.migrate().await?;
        let file = match place {
            Place::File(path) => Some(Arc::new(InPlace::of(path).doing("look at the hub's database")?)),
            Place::Postgres(_) => None,
        };
        Ok(Self { file, ..hub })
    }

    async fn open_file(path: &Path) -> Result<Self, HubStoreError> {
        const DOING: &str = "open the hub's database";
        prepare_file(path).doing(DOING)?;
        let url = Place::File(path.to_owned()).url();
        try_out(&url).await.doing(DOING)?;
        let options = seldom_tried(AnyPoolOptions::new())
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None);
        let writers = options.clone().max_connections(1);
        let writers = writers.after_connect(|connection, _| {
            // Full synchronisation is the default: what was committed survives a loss of power. What a statement of many rows would
            // need to go back by itself stays in memory. A long journal writes pages that change often into the file once; it keeps its
            // length (12,000 pages are 49 MB), because what is written over takes half as long to make sure of as what is written behind.
            const SETTINGS: &str = "PRAGMA busy_timeout = 15000; PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; \
                PRAGMA wal_autocheckpoint = 12000; PRAGMA cache_size = -12000; PRAGMA temp_store = MEMORY";
            Box::pin(async move { connection.execute(SETTINGS).await.map(|_| ()) })
        });
        // A transaction that the database itself has rolled back, as on a full disk, is counted for ever: nothing could begin any more.
        let writers = writers.after_release(|connection, _| {
            Box::pin(async move {
                // One that was dropped is rolled back with the next thing that is asked; most were ended.
                if connection.is_in_transaction() {
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        });
        let readers = options
            .min_connections(0)
            .max_connections(READERS)
            .after_connect(|connection, _| {
                const SETTINGS: &str = "PRAGMA busy_timeout = 15000; PRAGMA query_only = 1";
                Box::pin(async move { connection.execute(SETTINGS).await.map(|_| ()) })
            });
        Ok(Self {
            writers: explained(writers.connect(&url).await, &url).await.doing(DOING)?,
            readers: readers.connect_lazy(&url).doing(DOING)?,
            postgres: None,
            file: None,
        })
    }

    async fn open_postgres(url: &str) -> Result<Self, HubStoreError> {
        let pool = seldom_tried(AnyPoolOptions::new())
            .acquire_timeout(PATIENCE)
            .max_connections(POSTGRES_CONNECTIONS)
            .after_connect(|connection, _| {
                // Whatever is asked has an index for it. A planner that has only seen empty tables must not think otherwise.
                const SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
                    SET jit = off";
                Box::pin(async move { connection.execute(SETTINGS).await.map(|_| ()) })
            })
            .connect(url)
            .await;
        let pool = explained(pool, url).await.doing("reach the hub's database")?;
        Ok(Self {
            writers: pool.clone(),
            readers: pool,
            postgres: Some(url.into()),
            file: None,
        })
    }

    async fn migrate(&self) -> Result<(), HubStoreError> {
        const DOING: &str = "bring the hub's database to the current schema";
        let mut connection = self.writers.acquire().await.doing(DOING)?;
        connection
            .ensure_migrations_table(&MIGRATIONS.table_name)
            .await
            .doing(DOING)?;
        migrations(self.is_postgres())
            .run_direct(None, &mut *connection, false)
            .await
            .doing(DOING)
    }

    /// A connection for what changes something outside of a unit of work.
    async fn writer(&self) -> Result<PoolConnection<Any>, HubStoreError> {
        self.is_in_place()?;
        self.writers.acquire().await.doing("reach the hub's database")
    }

    /// Whether what is written now is there after the next start.
    fn is_in_place(&self) -> Result<(), HubStoreError> {
        let checked = self.file.as_ref().map_or(Ok(()), |file| file.check());
        checked.doing("write into the hub's database")
    }

    /// A connection for what only reads.
    async fn reading(&self) -> Result<PoolConnection<Any>, HubStoreError> {
        self.readers.acquire().await.doing("reach the hub's database")
    }

    /// Begins a transaction that writes.
    async fn transaction(&self) -> Result<sqlx::Transaction<'static, Any>, HubStoreError> {
        self.is_in_place()?;
        let begun = match self.is_postgres() {
            true => self.writers.begin().await,
            // A transaction that begins by reading could find at its first write that another process was faster.
            false => self.writers.begin_with("BEGIN IMMEDIATE").await,
        };
        begun.doing("begin to write into the hub's database")
    }

    /// Whether it is a Postgres database, which has programs of its own for copies.
    pub fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Ends in good order.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Connections that are tried only when they have rested before somebody gets them.
fn seldom_tried(options: AnyPoolOptions) -> AnyPoolOptions {
    options
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for >= RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

#[async_trait]
impl HubGraph for SqlHub {
    async fn begin(&self, workspace: &str) -> Result<Box<dyn HubWork>, HubStoreError> {
        let transaction = self.transaction().await?;
        Ok(Box::new(SqlWork::begin(transaction, workspace).await?))
    }

    async fn changes(&self, workspace: &str) -> Result<i64, HubStoreError> {
        const DOING: &str = "look for changes of the graph";
        let row = sqlx::query("SELECT changes FROM hub_workspace WHERE id = $1")
            .bind(workspace)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        row.map_or(Ok(0), |row| row.try_get(0).doing(DOING))
    }

    async fn received(
        &self,
        workspace: &str,
        source: &str,
        ids: &[&str],
    ) -> Result<HashMap<String, Timestamp>, HubStoreError> {
        const DOING: &str = "look for what came";
        let mut received = HashMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let statement = format!(
                "SELECT id, at FROM hub_received WHERE workspace = $1 AND source = $2 AND id IN ({})",
                marks(3, ids.len())
            );
            let mut query = sqlx::query(composed(statement)).bind(workspace).bind(source);
            for id in ids {
                query = query.bind(*id);
            }
            let rows = query.fetch_all(&mut *self.reading().await?).await.doing(DOING)?;
            for row in rows {
                received.insert(row.try_get("id").doing(DOING)?, moment(&row, "at").doing(DOING)?);
            }
        }
        Ok(received)
    }

    async fn workspaces(&self) -> Result<Vec<String>, HubStoreError> {
        const DOING: &str = "list workspaces";
        let rows = sqlx::query("SELECT id FROM hub_workspace ORDER BY id")
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        rows.iter().map(|row| row.try_get(0).doing(DOING)).collect()
    }

    async fn told_forges(&self) -> Result<ToldForges, HubStoreError> {
        forges::told(&mut *self.reading().await?)
            .await
            .doing(forges::LIST)
    }

    fn reader(&self, workspace: &str) -> Box<dyn GraphReader> {
        Box::new(Reader {
            pool: self.readers.clone(),
            workspace: workspace.to_owned(),
        })
    }

    async fn ping(&self) -> Result<(), HubStoreError> {
        self.is_in_place()?;
        let mut connection = self.reading().await?;
        let answered = sqlx::query("SELECT 1").execute(&mut *connection).await;
        answered.map(|_| ()).doing("ask the hub's database")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i8_a_transaction_that_the_database_has_rolled_back_itself_keeps_nobody_from_writing() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::File(directory.path().join("hub.db"));
        let hub = SqlHub::open(&place).await.unwrap();
        let mut transaction = hub.transaction().await.unwrap();
        // As SQLite does when the disk is full.
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.unwrap();
        assert!(transaction.commit().await.is_err());
        let transaction = hub.transaction().await.unwrap();
        transaction.commit().await.unwrap();
        hub.close().await;
    }

    #[tokio::test]
    async fn k5_what_a_newer_program_wrote_is_refused_and_unchanged() {
        const NEWER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
            VALUES (999999, 'of a newer program', TRUE, X'00', 0)";
        let directory = tempfile::tempdir().unwrap();
        let place = Place::File(directory.path().join("hub.db"));
        let hub = SqlHub::open(&place).await.unwrap();
        sqlx::query(NEWER)
            .execute(&mut *hub.writer().await.unwrap())
            .await
            .unwrap();
        hub.close().await;
        let before = std::fs::read(directory.path().join("hub.db")).unwrap();
        assert!(SqlHub::open(&place).await.is_err());
        let after = std::fs::read(directory.path().join("hub.db")).unwrap();
        assert!(before == after, "nothing of it was touched");
    }
}
