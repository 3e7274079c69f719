//! Adapter: the machine's memory in a database.
//!
//! One append-only log of everything that happened, and projections of it written in the same transaction. Begin
//! with `migrations/sqlite/`, then read [`sqlite`]. Every database passes the tests in `contract`. The hub's memory is
//! another one, with schemas of its own: [`hub`].

#[cfg(test)]
mod contract;
pub mod hub;
pub mod sqlite;

use std::path::Path;
use std::sync::Arc;

use crate::ports::Store;
use crate::ports::store::StoreError;

pub use sqlite::SqliteStore;

/// Opens the store at `place`: the path of an SQLite file, which is made when it is missing.
///
/// # Errors
/// See [`SqliteStore::open`].
pub async fn open(place: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(SqliteStore::open(place).await?))
}
