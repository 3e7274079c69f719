//! Whose memory a shared database is: that of one machine, by its name, however many replicas it has.

use sqlx::AnyConnection;

use super::dialect::Dialect;
use super::failure::Doing;
use crate::ports::store::StoreError;

const DOING: &str = "look whose database it is";

/// Notes the name of the machine in an empty database.
///
/// # Errors
/// The database is that of another machine.
pub(super) async fn claim(connection: &mut AnyConnection, machine: &str) -> Result<(), StoreError> {
    match Dialect::of(connection) {
        Dialect::Sqlite => return Ok(()),
        Dialect::Postgres => {}
    }
    sqlx::query("INSERT INTO machine (only_one, name) VALUES (1, $1) ON CONFLICT DO NOTHING")
        .bind(machine)
        .execute(&mut *connection)
        .await
        .doing(DOING)?;
    let owner: String = sqlx::query_scalar("SELECT name FROM machine")
        .fetch_one(connection)
        .await
        .doing(DOING)?;
    match owner == machine {
        true => Ok(()),
        false => Err(StoreError::Unfit(format!(
            "it is that of the machine `{owner}`, and this one is `{machine}`"
        ))),
    }
}
