//! How far back was looked for webhooks that did not arrive.

use async_trait::async_trait;

use super::SqlHub;
use super::statement::{Doing, moment, text_or_none};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, LookBack, LookBacks};

#[async_trait]
impl LookBacks for SqlHub {
    async fn take_up(
        &self,
        hook: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<LookBack>, HubStoreError> {
        const DOING: &str = "take up a look for missed webhooks";
        const TAKE: &str = "INSERT INTO hub_missed (hook, mark, top, place, held_until) VALUES ($1, 0, 0, '', $2) \
            ON CONFLICT (hook) DO UPDATE SET held_until = excluded.held_until WHERE hub_missed.held_until <= $3 \
            RETURNING mark, top, place";
        let row = sqlx::query(TAKE)
            .bind(hook)
            .bind(until.as_micros())
            .bind(now.as_micros())
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(LookBack {
            mark: moment(&row, "mark").doing(DOING)?,
            top: moment(&row, "top").doing(DOING)?,
            place: text_or_none(&row, "place").doing(DOING)?,
        }))
    }

    async fn look_on(&self, hook: &str, look: &LookBack, until: Timestamp) -> Result<(), HubStoreError> {
        const NOTE: &str =
            "UPDATE hub_missed SET mark = $1, top = $2, place = $3, held_until = $4 WHERE hook = $5";
        sqlx::query(NOTE)
            .bind(look.mark.as_micros())
            .bind(look.top.as_micros())
            .bind(look.place.as_deref().unwrap_or_default())
            .bind(until.as_micros())
            .bind(hook)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note how far missed webhooks were looked for")
    }
}
