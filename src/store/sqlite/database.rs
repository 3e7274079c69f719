//! The file: made private, opened with the settings durability needs, and brought to our schema.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::failure::{Doing, corrupt};
use crate::ports::store::StoreError;

/// All schemas this program knows, oldest first.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers beside the one writer. Each has a thread and a page cache of its own, so they are few.
const READERS: u32 = 2;

/// KiB of page cache for each connection.
const CACHE: &str = "-1024";

/// Bytes of write-ahead log that stay on disk once a burst is over.
const LOG_KEPT: &str = "16777216";

/// Makes the directory (0700) and the file (0600) where they are missing; a file others may read is closed to them.
pub(crate) fn prepare_file(path: &Path) -> Result<(), StoreError> {
    prepare_directory(path)?;
    // A file that is there is never opened here: closing it would drop SQLite's own locks on it in this process.
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => close_to_others(path),
        Err(error) => Err(not_writable(path, &error)),
    }
}

/// Refuses an empty file beside what a machine leaves that has worked: its content was lost, and with it the knowledge of what
/// was done already.
pub(super) fn refuse_emptied(path: &Path) -> Result<(), StoreError> {
    let is_empty = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let Some(directory) = directory.filter(|_| is_empty) else {
        return Ok(());
    };
    let entries = std::fs::read_dir(directory).map_err(|error| not_writable(directory, &error))?;
    let has_content = |found: &std::path::PathBuf| {
        std::fs::read_dir(found).is_ok_and(|mut entries| entries.next().is_some())
    };
    match entries.flatten().map(|entry| entry.path()).find(has_content) {
        Some(beside) => {
            let because = format!("it is empty although {} is not", beside.display());
            Err(naming(path, corrupt("database", &because)))
        }
        None => Ok(()),
    }
}

/// Makes the directory of a file (0700) where it is missing.
pub(crate) fn prepare_directory(path: &Path) -> Result<(), StoreError> {
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| not_writable(directory, &error))?;
    }
    Ok(())
}

/// Takes from others what they may do with a file.
pub(crate) fn close_to_others(path: &Path) -> Result<(), StoreError> {
    let found = std::fs::metadata(path).map_err(|error| not_writable(path, &error))?;
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let private = Permissions::from_mode(mode & 0o700);
    std::fs::set_permissions(path, private).map_err(|error| not_writable(path, &error))
}

fn not_writable(path: &Path, error: &std::io::Error) -> StoreError {
    let text = format!("{}: {error}", path.display());
    StoreError::NotWritable(Box::new(std::io::Error::new(error.kind(), text)))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", CACHE)
        .disable_statement_logging()
}

/// The connection that writes. Full synchronisation: what was committed survives a loss of power.
pub(super) async fn connect_writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let connected = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", LOG_KEPT)
        .connect()
        .await;
    connected
        .doing("open the database")
        .map_err(|error| naming(path, error))
}

/// Connections that can only read, opened when they are first needed.
pub(super) fn reader_pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .min_connections(0)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options(path).read_only(true))
}

/// Brings the schema up to date, and refuses one that a newer program wrote before anything is changed.
pub(super) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    refuse_newer(connection)
        .await
        .map_err(|error| naming(path, error))?;
    // `run` takes any lender of connections, which the compiler cannot prove `Send` in here; this is the same without one.
    match MIGRATIONS.run_direct(None, &mut *connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(error)
            .doing("bring the database to the current schema")
            .map_err(|error| naming(path, error)),
        Err(other) => Err(naming(path, corrupt("schema", &other))),
    }
}

async fn refuse_newer(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let has_schema: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations')",
    )
    .fetch_one(&mut *connection)
    .await
    .doing("read the schema of the database")?;
    if !has_schema {
        return Ok(());
    }
    let applied = connection.list_applied_migrations(&MIGRATIONS.table_name).await;
    let applied = applied.map_err(|error| corrupt("schema", &error))?;
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let known = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

/// A broken file is named, with what to do about it.
fn naming(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt { because, .. } => corrupt(
            format!("database {}", path.display()),
            &format!(
                "{because}; restore it from a backup, or move it away together with its -wal and -shm files to start empty"
            ),
        ),
        StoreError::Conflict(_)
        | StoreError::Newer { .. }
        | StoreError::NotWritable(_)
        | StoreError::Failed { .. } => error,
    }
}

/// Moves the write-ahead log into the file and leaves the log empty, so that a copy of the file has everything.
///
/// # Errors
/// Somebody reads or writes right now, or the file cannot be written.
pub(super) async fn fold_log(path: &Path) -> Result<(), StoreError> {
    const DOING: &str = "fold the write-ahead log into the database";
    let mut connection = options(path).connect().await.doing(DOING)?;
    let (is_busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut connection)
        .await
        .doing(DOING)?;
    connection.close().await.doing(DOING)?;
    match is_busy {
        0 => Ok(()),
        _ => Err(StoreError::Failed {
            doing: DOING,
            source: Box::new(std::io::Error::from(ErrorKind::ResourceBusy)),
        }),
    }
}

/// Ends the writing connection in good order, which folds the write-ahead log into the file.
pub(super) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the database could not be closed in good order"
        );
    }
}
