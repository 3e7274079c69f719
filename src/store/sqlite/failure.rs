//! What an error of the database means to the engine.

use std::sync::Arc;

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
    match primary_code(&error) {
        Some(code::PERM | code::READONLY | code::IOERR | code::FULL | code::CANTOPEN) => {
            StoreError::NotWritable(Box::new(error))
        }
        Some(code::CORRUPT | code::NOTADB) => corrupt("database", &error),
        _ if matches!(*error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            corrupt("row", &error)
        }
        _ => StoreError::Failed {
            doing,
            source: Box::new(error),
        },
    }
}

/// A stored thing that is not what it must be.
pub(super) fn corrupt(what: impl Into<String>, because: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::Corrupt {
        what: what.into(),
        because: because.to_string(),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
