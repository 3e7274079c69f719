//! Tickets: kept by their digest, and gone when used.

use async_trait::async_trait;

use super::SqlHub;
use super::statement::{Doing, json, moment, to_json};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Ticket, TicketLimits, Tickets};

#[async_trait]
impl Tickets for SqlHub {
    async fn keep_ticket(
        &self,
        digest: &str,
        ticket: &Ticket,
        limits: TicketLimits,
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "keep a ticket";
        // Casts, because Postgres has to know what a bare placeholder in a SELECT is.
        const KEEP: &str = "INSERT INTO hub_ticket (digest, good_until, body) \
            SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT) \
            WHERE (SELECT COUNT(*) FROM hub_ticket WHERE good_until > $4) < $5";
        let kept = sqlx::query(KEEP)
            .bind(digest)
            .bind(limits.until.as_micros())
            .bind(to_json(ticket))
            .bind(limits.now.as_micros())
            .bind(i64::from(limits.most))
            .execute(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        Ok(kept.rows_affected() > 0)
    }

    async fn take_ticket(&self, digest: &str, now: Timestamp) -> Result<Option<Ticket>, HubStoreError> {
        const DOING: &str = "take a ticket";
        let row = sqlx::query("DELETE FROM hub_ticket WHERE digest = $1 RETURNING good_until, body")
            .bind(digest)
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let until = moment(&row, "good_until").doing(DOING)?;
        let ticket = json(&row, "body").doing(DOING)?;
        Ok((until > now).then_some(ticket))
    }

    async fn forget_tickets(&self, now: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("DELETE FROM hub_ticket WHERE good_until <= $1")
            .bind(now.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("forget tickets that nobody used")
    }
}
