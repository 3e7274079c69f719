//! What machines have been sent: taken over, at work on, or not answered in time.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlHub;
use super::deliveries::{COLUMNS, in_order};
use super::statement::{Doing, composed, marks};
use crate::model::Timestamp;
use crate::ports::hub::{Answers, Delivery, HubStoreError, QueueLimits};

/// Most correlations of one statement.
const CHUNK: usize = 500;

/// A machine has taken a delivery over; `false` when it was not sent this event.
pub(super) async fn taken_over(
    connection: &mut AnyConnection,
    (registration, correlation): (&str, &str),
    (now, lease_until): (Timestamp, Timestamp),
) -> Result<bool, sqlx::Error> {
    // It has arrived, so the attempts before it do not count any more.
    const TAKE: &str = "UPDATE hub_delivery SET state = 'sent', session = '', attempts = 1, lease_until = $1, \
        answer_by = $2 + patience WHERE registration = $3 AND correlation = $4 AND what = 'event' AND attempts > 0 \
        AND state IN ('sent', 'waiting')";
    let done = sqlx::query(TAKE)
        .bind(lease_until.as_micros())
        .bind(now.as_micros())
        .bind(registration)
        .bind(correlation)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

#[async_trait]
impl Answers for SqlHub {
    async fn at_work(
        &self,
        registrations: &[String],
        correlations: &[String],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<(), HubStoreError> {
        for chunk in correlations.chunks(CHUNK) {
            let statement = format!(
                "UPDATE hub_delivery SET lease_until = $1, answer_by = $2 + patience WHERE state = 'sent' \
                 AND correlation IN ({}) AND registration IN ({})",
                marks(3, chunk.len()),
                marks(3 + chunk.len(), registrations.len())
            );
            let query = sqlx::query(composed(statement))
                .bind(lease_until.as_micros())
                .bind(now.as_micros());
            let values = chunk.iter().chain(registrations);
            let query = values.fold(query, |query, value| query.bind(value.as_str()));
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("note that a machine is at work")?;
        }
        Ok(())
    }

    async fn overdue_deliveries(&self, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, HubStoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM hub_delivery WHERE state = 'sent' AND answer_by > 0 AND answer_by <= $1 \
             ORDER BY answer_by LIMIT $2"
        );
        let rows = sqlx::query(composed(statement))
            .bind(now.as_micros())
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await;
        rows.and_then(in_order).doing("look for missing answers")
    }

    async fn come_again(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
        limits: QueueLimits,
    ) -> Result<(), HubStoreError> {
        const AGAIN: &str = "UPDATE hub_delivery SET session = '', lease_until = 0, not_before = $1, \
            expires = CASE WHEN expires < $2 THEN $2 ELSE expires END, \
            state = CASE WHEN attempts >= $3 THEN 'dead' ELSE 'waiting' END, \
            because = CASE WHEN attempts >= $3 THEN 'no answer came in time, however often it was sent' ELSE '' END \
            WHERE id = $4 AND state = 'sent' AND answer_by <= $1";
        sqlx::query(AGAIN)
            .bind(now.as_micros())
            .bind(expires.as_micros())
            .bind(i64::from(limits.attempts))
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("let a delivery wait again")
    }

    async fn give_up(&self, id: &str, until: Timestamp, because: &str) -> Result<(), HubStoreError> {
        const GIVE_UP: &str = "UPDATE hub_delivery SET state = 'dead', session = '', because = $1 \
            WHERE id = $2 AND state = 'sent' AND answer_by <= $3";
        sqlx::query(GIVE_UP)
            .bind(because)
            .bind(id)
            .bind(until.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("give a delivery up")
    }
}
