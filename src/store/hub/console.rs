//! What was changed at the hub's computer, and by whom.

use async_trait::async_trait;
use sqlx::Row;

use super::SqlHub;
use super::statement::{Doing, moment};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::console::{ConsoleDeed, ConsoleDeeds};

#[async_trait]
impl ConsoleDeeds for SqlHub {
    async fn keep_console_deed(&self, deed: &ConsoleDeed, forgotten: Timestamp) -> Result<(), HubStoreError> {
        const DOING: &str = "keep who changed something";
        const KEEP: &str = "INSERT INTO hub_console_deed (operation, said, who, done) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (operation, said) DO UPDATE SET who = excluded.who, done = excluded.done";
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM hub_console_deed WHERE done < $1")
            .bind(forgotten.as_micros())
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        sqlx::query(KEEP)
            .bind(deed.operation.as_str())
            .bind(deed.said.as_str())
            .bind(deed.who.as_str())
            .bind(deed.done.as_micros())
            .execute(&mut *writer)
            .await
            .map(|_| ())
            .doing(DOING)
    }

    async fn console_deeds(&self, since: Timestamp) -> Result<Vec<ConsoleDeed>, HubStoreError> {
        const DOING: &str = "look who changed something";
        let rows = sqlx::query("SELECT operation, said, who, done FROM hub_console_deed WHERE done >= $1")
            .bind(since.as_micros())
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read = rows.iter().map(|row| {
            Ok(ConsoleDeed {
                operation: row.try_get("operation")?,
                said: row.try_get("said")?,
                who: row.try_get("who")?,
                done: moment(row, "done")?,
            })
        });
        read.collect::<Result<Vec<_>, sqlx::Error>>().doing(DOING)
    }
}
