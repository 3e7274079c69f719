//! Tickets: kept by their digest, and gone when used.

use async_trait::async_trait;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::statement::{Doing, json, moment, to_json};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Ticket, Tickets};

/// How many tickets wait to be used.
pub(super) async fn waiting(connection: &mut AnyConnection, now: Timestamp) -> Result<i64, sqlx::Error> {
    sqlx::query("SELECT COUNT(*) FROM hub_ticket WHERE good_until > $1")
        .bind(now.as_micros())
        .fetch_one(connection)
        .await?
        .try_get(0)
}

/// Keeps a ticket, however many wait.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    (digest, ticket): (&str, &Ticket),
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO hub_ticket (digest, good_until, body) VALUES ($1, $2, $3)")
        .bind(digest)
        .bind(until.as_micros())
        .bind(to_json(ticket))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes a ticket, with the moment until which it is good.
pub(super) async fn take(
    connection: &mut AnyConnection,
    digest: &str,
) -> Result<Option<(Timestamp, Ticket)>, sqlx::Error> {
    let row = sqlx::query("DELETE FROM hub_ticket WHERE digest = $1 RETURNING good_until, body")
        .bind(digest)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((moment(&row, "good_until")?, json(&row, "body")?)))
        .transpose()
}

#[async_trait]
impl Tickets for SqlHub {
    async fn forget_tickets(&self, now: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("DELETE FROM hub_ticket WHERE good_until <= $1")
            .bind(now.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("forget tickets that nobody used")
    }
}
