//! What an error of the database means to the engine.

use std::sync::Arc;

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

use crate::ports::store::StoreError;

/// Primary result codes of SQLite, <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

/// Says what we were doing when the database failed.
pub(super) trait Doing<T> {
    /// The same with an error of the port.
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| store_error(doing, Arc::new(error)))
    }
}

/// One error may answer several writes, so it is shared.
pub(super) fn store_error(doing: &'static str, error: Arc<sqlx::Error>) -> StoreError {
    match meaning(&error) {
        Meaning::NotWritable => StoreError::NotWritable(Box::new(error)),
        Meaning::Broken => corrupt("database", &error),
        Meaning::NotOurs => corrupt("row", &error),
        Meaning::Unreachable => StoreError::Unreachable(Box::new(error)),
        Meaning::Other => StoreError::Failed {
            doing,
            source: Box::new(error),
        },
    }
}

/// What an error is about.
enum Meaning {
    /// Disk or rights.
    NotWritable,
    /// The file is damaged, or none of ours.
    Broken,
    /// A row is not as it must be.
    NotOurs,
    /// The server does not answer, or lets nobody in.
    Unreachable,
    /// Anything else.
    Other,
}

fn meaning(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Meaning::NotOurs,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => Meaning::Unreachable,
        sqlx::Error::Database(error) => match error.try_downcast_ref::<SqliteError>() {
            Some(error) => meaning_in_sqlite(error),
            None => meaning_in_postgres(&error.code().unwrap_or_default()),
        },
        _ => Meaning::Other,
    }
}

fn meaning_in_sqlite(error: &SqliteError) -> Meaning {
    let extended: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    match extended & 0xff {
        code::PERM | code::READONLY | code::IOERR | code::FULL | code::CANTOPEN => Meaning::NotWritable,
        code::CORRUPT | code::NOTADB => Meaning::Broken,
        _ => Meaning::Other,
    }
}

/// By the classes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>: connections (08), logins (28), an unknown
/// database (3D), an operator who ends it (57P), a disk that is full (53100), and a server that may only be read (25006).
fn meaning_in_postgres(code: &str) -> Meaning {
    match code {
        "53100" | "25006" => Meaning::NotWritable,
        _ if ["08", "28", "3D", "57P", "533"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Meaning::Unreachable
        }
        _ => Meaning::Other,
    }
}

/// A stored thing that is not what it must be.
pub(super) fn corrupt(what: impl Into<String>, because: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::Corrupt {
        what: what.into(),
        because: because.to_string(),
    }
}
