//! The connection that writes, and how a transaction on it begins and ends.
//!
//! In Postgres a lock of the whole database is taken first, so that replicas write one after the other and the log has one order:
//! whoever has read it up to a cursor misses nothing. What a lost connection interrupts is written again on the next one; when
//! only the answer to the commit was lost, the database is asked what became of the transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use tokio::time::Instant;

use super::database;
use super::dialect::Dialect;
use super::failure::Doing;
use super::hints::CHANNEL;
use super::writer::Waiting;
use crate::ports::store::StoreError;
use crate::store::place::Place;

/// The lock under which one replica writes.
const LOCK: i64 = 0x7364_6d5f_6c6f_6721;

/// How long writes wait for a database that does not answer before they fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one try may take.
const ROUND: Duration = Duration::from_secs(30);

/// Pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The connection, and the way to the next one.
pub(super) struct Session {
    place: Place,
    dialect: Dialect,
    connection: Option<AnyConnection>,
    /// The number of the server's process at the other end, by which our own hints are known.
    backend: Arc<AtomicI64>,
    /// A transaction of which it is not known whether it was committed.
    unknown: Option<String>,
}

impl Session {
    pub(super) async fn new(place: Place, mut connection: AnyConnection) -> Result<Self, StoreError> {
        let backend = Arc::new(AtomicI64::new(0));
        note_backend(&mut connection, &backend)
            .await
            .doing("open the database")?;
        Ok(Self {
            place,
            dialect: Dialect::of(&connection),
            connection: Some(connection),
            backend,
            unknown: None,
        })
    }

    /// The server's process that writes for us; it changes with the connection.
    pub(super) fn backend(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.backend)
    }

    /// One transaction. An error means that nothing of it was written, as far as the database could still say so.
    pub(super) async fn write(&mut self, batch: &mut [Box<dyn Waiting>]) -> Result<(), sqlx::Error> {
        match self.dialect {
            Dialect::Sqlite => self.write_to_file(batch).await,
            Dialect::Postgres => self.write_patiently(batch).await,
        }
    }

    async fn write_to_file(&mut self, batch: &mut [Box<dyn Waiting>]) -> Result<(), sqlx::Error> {
        let connection = self.connected().await?;
        let written = write_together(connection, batch).await;
        if written.is_err() {
            roll_back(connection).await;
        }
        written
    }

    /// Until it is written, or the database was away for too long.
    async fn write_patiently(&mut self, batch: &mut [Box<dyn Waiting>]) -> Result<(), sqlx::Error> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = tokio::time::timeout(ROUND, self.write_shared(batch)).await;
            let error = match tried.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.connection = None;
            if begun.elapsed() >= PATIENCE {
                self.unknown = None;
                return Err(error);
            }
            if pause == FIRST_PAUSE {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database was lost; writes wait for it"
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn write_shared(&mut self, batch: &mut [Box<dyn Waiting>]) -> Result<(), sqlx::Error> {
        if self.was_committed().await? {
            return Ok(());
        }
        let connection = self.connected().await?;
        let transaction = begin_shared(connection).await?;
        write_each(connection, batch).await?;
        if batch.iter().any(|write| write.is_news()) {
            sqlx::query("SELECT pg_notify($1, '')")
                .bind(CHANNEL)
                .execute(&mut *connection)
                .await?;
        }
        self.unknown = Some(transaction);
        let connection = self.connected().await?;
        run(connection, "COMMIT").await?;
        self.unknown = None;
        Ok(())
    }

    /// Whether the transaction of the last try was committed after all.
    async fn was_committed(&mut self) -> Result<bool, sqlx::Error> {
        let Some(transaction) = self.unknown.clone() else {
            return Ok(false);
        };
        let connection = self.connected().await?;
        let became: Option<String> = sqlx::query_scalar("SELECT pg_xact_status(CAST($1 AS xid8))")
            .bind(transaction)
            .fetch_one(connection)
            .await?;
        match became.as_deref() {
            Some("in progress") => Err(sqlx::Error::PoolTimedOut),
            Some(state) => {
                let is_committed = state == "committed";
                self.unknown = None;
                Ok(is_committed)
            }
            None => {
                self.unknown = None;
                Ok(false)
            }
        }
    }

    async fn connected(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = database::connect(&self.place).await?;
                note_backend(&mut connection, &self.backend).await?;
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Ends in good order.
    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            database::close(connection).await;
        }
    }
}

async fn note_backend(connection: &mut AnyConnection, backend: &AtomicI64) -> Result<(), sqlx::Error> {
    match Dialect::of(connection) {
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            let number: i64 = sqlx::query_scalar("SELECT CAST(pg_backend_pid() AS BIGINT)")
                .fetch_one(connection)
                .await?;
            backend.store(number, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Begins when no other replica writes; the number of the transaction.
async fn begin_shared(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    let begin = format!(
        "BEGIN; SELECT CAST(pg_current_xact_id() AS TEXT) FROM pg_advisory_xact_lock({LOCK}) AS locked; SAVEPOINT one_write"
    );
    let begun = sqlx::raw_sql(AssertSqlSafe(begin)).fetch_all(connection).await?;
    let row = begun.first().ok_or(sqlx::Error::RowNotFound)?;
    row.try_get(0)
}

/// One transaction on a file.
async fn write_together(
    connection: &mut AnyConnection,
    batch: &mut [Box<dyn Waiting>],
) -> Result<(), sqlx::Error> {
    begin(connection).await?;
    write_each(connection, batch).await?;
    run(connection, "COMMIT").await
}

/// Each with a savepoint of its own.
async fn write_each(
    connection: &mut AnyConnection,
    batch: &mut [Box<dyn Waiting>],
) -> Result<(), sqlx::Error> {
    const NEXT: &str = "RELEASE SAVEPOINT one_write; SAVEPOINT one_write";
    for (index, write) in batch.iter_mut().enumerate() {
        if index > 0 {
            run(connection, NEXT).await?;
        }
        if !write.write(connection).await {
            run(connection, "ROLLBACK TO SAVEPOINT one_write").await?;
        }
    }
    Ok(())
}

/// A transaction left open by a failure that could not be rolled back then is rolled back now.
async fn begin(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT one_write";
    match run(connection, BEGIN).await {
        Ok(()) => Ok(()),
        Err(_) => {
            roll_back(connection).await;
            run(connection, BEGIN).await
        }
    }
}

/// Every statement is a message to the database and back, so those without a decision between them go as one.
async fn run(connection: &mut AnyConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    let done = match Dialect::of(connection) {
        Dialect::Sqlite => sqlx::query(statement).execute(connection).await,
        Dialect::Postgres => sqlx::raw_sql(statement).execute(connection).await,
    };
    done.map(|_| ())
}

/// SQLite may have rolled back by itself; then there is nothing to do and it says so.
async fn roll_back(connection: &mut AnyConnection) {
    if let Err(error) = run(connection, "ROLLBACK").await {
        tracing::debug!(error = &error as &dyn std::error::Error, "nothing to roll back");
    }
}
