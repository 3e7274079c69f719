//! What was changed at the hub's computer, and by whom.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::statement::{Doing, moment};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::console::{ConsoleDeed, ConsoleDeeds};

/// Keeps what somebody does at the console, in the transaction that does it.
pub(super) async fn keep(connection: &mut AnyConnection, deeds: &[ConsoleDeed]) -> Result<(), sqlx::Error> {
    const KEEP: &str = "INSERT INTO hub_console_deed (id, operation, resource, said, who, done, told) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for deed in deeds {
        let keep = sqlx::query(KEEP)
            .bind(deed.id.as_str())
            .bind(deed.operation.as_str())
            .bind(deed.resource.as_str())
            .bind(deed.said.as_str())
            .bind(deed.who.as_str())
            .bind(deed.done.as_micros())
            .bind(i64::from(deed.is_told));
        keep.execute(&mut *connection).await?;
    }
    Ok(())
}

fn deed(row: &AnyRow) -> Result<ConsoleDeed, sqlx::Error> {
    Ok(ConsoleDeed {
        id: row.try_get("id")?,
        operation: row.try_get("operation")?,
        resource: row.try_get("resource")?,
        said: row.try_get("said")?,
        who: row.try_get("who")?,
        done: moment(row, "done")?,
        is_told: row.try_get::<i64, _>("told")? != 0,
    })
}

#[async_trait]
impl ConsoleDeeds for SqlHub {
    async fn console_deeds(&self, since: Timestamp) -> Result<Vec<ConsoleDeed>, HubStoreError> {
        const DOING: &str = "look what was done at the console";
        const LOOK: &str = "SELECT * FROM hub_console_deed WHERE told = 0 \
            UNION SELECT * FROM hub_console_deed WHERE told = 1 AND done >= $1 ORDER BY done, id";
        let rows = sqlx::query(LOOK)
            .bind(since.as_micros())
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        rows.iter().map(deed).collect::<Result<Vec<_>, _>>().doing(DOING)
    }

    async fn keep_console_deeds(&self, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError> {
        const DOING: &str = "keep what was done at the console";
        let mut transaction = self.transaction().await?;
        keep(&mut transaction, deeds).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }

    async fn console_deeds_told(&self, ids: &[String], forgotten: Timestamp) -> Result<(), HubStoreError> {
        const DOING: &str = "note what was written down that was done at the console";
        let mut transaction = self.transaction().await?;
        for id in ids {
            sqlx::query("UPDATE hub_console_deed SET told = 1 WHERE id = $1")
                .bind(id.as_str())
                .execute(&mut *transaction)
                .await
                .doing(DOING)?;
        }
        sqlx::query("DELETE FROM hub_console_deed WHERE told = 1 AND done < $1")
            .bind(forgotten.as_micros())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }
}
