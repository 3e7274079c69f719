//! Marks of how far the log was read by those who act on it. A mark moves only from where its reader found it, in the
//! transaction that stores what follows from the reading.

use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use crate::model::Cursor;
use crate::ports::store::StoreError;

/// One mark: a table of a single row.
pub(super) struct Mark {
    /// Whose it is, in errors.
    pub(super) name: &'static str,
    pub(super) select: &'static str,
    pub(super) insert: &'static str,
    pub(super) update: &'static str,
    /// What reading it is called.
    pub(super) reading: &'static str,
    /// What moving it is called.
    pub(super) moving: &'static str,
}

impl Mark {
    /// Where it is; nowhere at first.
    pub(super) async fn read(&self, readers: &AnyPool) -> Result<Option<Cursor>, StoreError> {
        let cursor: Option<i64> = sqlx::query_scalar(self.select)
            .fetch_optional(readers)
            .await
            .doing(self.reading)?;
        cursor
            .map(|cursor| rows::count(self.name, cursor).map(Cursor))
            .transpose()
    }

    /// Moves it.
    ///
    /// # Errors
    /// It is not at `from` any more.
    pub(super) async fn move_on(
        &self,
        connection: &mut AnyConnection,
        from: Option<Cursor>,
        to: Cursor,
    ) -> Result<(), StoreError> {
        let query = match from {
            None => sqlx::query(self.insert).bind(rows::stored(to.0)),
            Some(from) => sqlx::query(self.update)
                .bind(rows::stored(to.0))
                .bind(rows::stored(from.0)),
        };
        let moved = query.execute(connection).await.doing(self.moving)?;
        match moved.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Conflict(self.name)),
        }
    }
}
