//! The database: a file made private, a connection with the settings durability needs, and our schema.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use super::dialect::Dialect;
use super::failure::{Doing, corrupt};
use crate::ports::store::StoreError;
use crate::store::place::{Place, escaped};

/// All schemas of a file that this program knows, oldest first.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// All schemas of a Postgres database. One number is the same step in both.
pub(crate) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Where the steps that were taken are noted in Postgres: apart from those of a hub in the same database.
const POSTGRES_STEPS: &str = "_sdm_machine_migrations";

/// Readers beside the one writer of a file. Each has a thread and a page cache of its own, so they are few.
const READERS: u32 = 2;

/// Readers of a Postgres database.
const POSTGRES_READERS: u32 = 8;

/// How long a reader waits for its connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The oldest Postgres that can say what became of a transaction.
const OLDEST: i64 = 130_000;

/// For the connection that writes a file: full synchronisation, so that what was committed survives a loss of power; a page
/// cache of 1 MiB; and at most 16 MiB of write-ahead log that stay once a burst is over.
const FILE_SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -1024";

/// For those that read it.
const READER_SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -1024";

/// Whatever is asked has an index for it, and a planner that has only seen empty tables must not think otherwise. A replica
/// that stops in the middle of a transaction does not keep the others from writing.
const POSTGRES_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SET lock_timeout = '20s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s'; \
    SET client_min_messages = warning";

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
            Err(naming(
                &Place::File(path.to_owned()),
                corrupt("database", &because),
            ))
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

/// The connection that writes.
pub(super) async fn connect_writer(place: &Place) -> Result<AnyConnection, StoreError> {
    let connected = connect(place).await.doing("open the database");
    connected.map_err(|error| naming(place, error))
}

/// The same with the error of the database.
pub(super) async fn connect(place: &Place) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = options(&place.url())?.connect().await?;
    let settings = match place {
        Place::File(_) => FILE_SETTINGS,
        Place::Postgres(_) => POSTGRES_SETTINGS,
    };
    (&mut connection).execute(settings).await?;
    Ok(connection)
}

fn options(url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    Ok(url.parse::<AnyConnectOptions>()?.disable_statement_logging())
}

/// Connections for what only reads, opened when they are first needed.
pub(super) fn reader_pool(place: &Place) -> Result<AnyPool, StoreError> {
    let pool = AnyPoolOptions::new()
        .min_connections(0)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE);
    let (pool, url, settings) = match place {
        Place::File(path) => (
            pool.max_connections(READERS).test_before_acquire(false),
            format!("sqlite://{}?mode=ro", escaped(path)),
            READER_SETTINGS,
        ),
        Place::Postgres(_) => (
            pool.max_connections(POSTGRES_READERS),
            place.url(),
            POSTGRES_SETTINGS,
        ),
    };
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move { connection.execute(settings).await.map(|_| ()) })
    });
    Ok(pool.connect_lazy_with(options(&url).doing("open the database")?))
}

/// Whether the database is one that this program can work with.
pub(super) async fn check(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const DOING: &str = "ask which database it is";
    match Dialect::of(connection) {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let version: String = sqlx::query_scalar("SELECT current_setting('server_version_num')")
                .fetch_one(connection)
                .await
                .doing(DOING)?;
            match version.parse::<i64>() {
                Ok(version) if version >= OLDEST => Ok(()),
                Ok(_) | Err(_) => Err(StoreError::Unfit(format!(
                    "it is a Postgres of version {version} (13 or newer is needed)"
                ))),
            }
        }
    }
}

/// The steps of the schema for a database.
pub(super) fn steps(dialect: Dialect) -> Migrator {
    match dialect {
        Dialect::Sqlite => Migrator::with_migrations(MIGRATIONS.migrations.to_vec()),
        Dialect::Postgres => {
            let mut steps = Migrator::with_migrations(POSTGRES_MIGRATIONS.migrations.to_vec());
            steps.dangerous_set_table_name(POSTGRES_STEPS);
            steps
        }
    }
}

/// Brings the schema up to date, and refuses one that a newer program wrote before anything is changed.
pub(super) async fn migrate(connection: &mut AnyConnection, place: &Place) -> Result<(), StoreError> {
    let steps = steps(Dialect::of(connection));
    refuse_newer(connection, &steps)
        .await
        .map_err(|error| naming(place, error))?;
    // `run` takes any lender of connections, which the compiler cannot prove `Send` in here; this is the same without one.
    match steps.run_direct(None, &mut *connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(error)
            .doing("bring the database to the current schema")
            .map_err(|error| naming(place, error)),
        Err(other) => Err(naming(place, corrupt("schema", &other))),
    }
}

async fn refuse_newer(connection: &mut AnyConnection, steps: &Migrator) -> Result<(), StoreError> {
    let dialect = Dialect::of(connection);
    let has_schema: i64 = sqlx::query_scalar(dialect.has_table(&steps.table_name))
        .fetch_one(&mut *connection)
        .await
        .doing("read the schema of the database")?;
    if has_schema == 0 {
        return Ok(());
    }
    let applied = connection.list_applied_migrations(&steps.table_name).await;
    let applied = applied.map_err(|error| corrupt("schema", &error))?;
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let known = steps.iter().map(|migration| migration.version).max().unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

/// A broken file is named, with what to do about it.
fn naming(place: &Place, error: StoreError) -> StoreError {
    match (error, place) {
        (StoreError::Corrupt { because, .. }, Place::File(path)) => corrupt(
            format!("database {}", path.display()),
            &format!(
                "{because}; restore it from a backup, or move it away together with its -wal and -shm files to start empty"
            ),
        ),
        (error, Place::File(_) | Place::Postgres(_)) => error,
    }
}

/// Moves the write-ahead log into the file and leaves the log empty, so that a copy of the file has everything.
///
/// # Errors
/// Somebody reads or writes right now, or the file cannot be written.
pub(super) async fn fold_log(path: &Path) -> Result<(), StoreError> {
    const DOING: &str = "fold the write-ahead log into the database";
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(10))
        .disable_statement_logging();
    let mut connection = options.connect().await.doing(DOING)?;
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
pub(super) async fn close(connection: AnyConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the database could not be closed in good order"
        );
    }
}
