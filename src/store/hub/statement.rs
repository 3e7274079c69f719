//! What statements share: placeholders, moments, lists as JSON, and how failures are told.

use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;

/// Says what was being done when something failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, HubStoreError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, HubStoreError> {
        self.map_err(|source| HubStoreError {
            doing,
            source: Box::new(source),
        })
    }
}

/// `$from, $from+1, …`: `count` of them.
pub(super) fn marks(from: usize, count: usize) -> String {
    let marks: Vec<String> = (from..from + count).map(|number| format!("${number}")).collect();
    marks.join(", ")
}

/// A statement that was put together here: of our own words and placeholders, never of anybody's values.
pub(super) fn composed(statement: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(statement)
}

/// Forgets what has expired in a table, then adds to it, in a statement that may find no room; whether there was room.
pub(super) async fn added_after_expired(
    connection: &mut AnyConnection,
    table: &'static str,
    add: Query<'_, Any, AnyArguments>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    sqlx::query(composed(format!("DELETE FROM {table} WHERE expires <= $1")))
        .bind(now.as_micros())
        .execute(&mut *connection)
        .await?;
    Ok(add.execute(connection).await?.rows_affected() > 0)
}

/// A moment in a row; zero stands for none.
pub(super) fn moment(row: &AnyRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    Ok(Timestamp::from_micros(row.try_get(column)?))
}

/// A moment that may be absent.
pub(super) fn moment_or_none(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    let micros: i64 = row.try_get(column)?;
    Ok((micros != 0).then(|| Timestamp::from_micros(micros)))
}

/// A text that stands for none when it is empty.
pub(super) fn text_or_none(row: &AnyRow, column: &str) -> Result<Option<String>, sqlx::Error> {
    let text: String = row.try_get(column)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// JSON in a row.
pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    })
}

/// Something of ours as JSON.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what we keep as JSON has text keys only")
}
