//! What becomes of deliveries that nobody takes or answers, and what is forgotten: so many rows in a transaction, so that whoever writes
//! meanwhile waits for few, however many there are.

use sqlx::Row;

use super::SqlHub;
use super::deliveries::{GIVE_BACK, among};
use super::statement::{Doing, composed};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, QueueLimits};

/// Rows of one transaction.
pub(super) const BATCH: u64 = 1_000;

/// Values of a statement.
pub(super) enum Value<'v> {
    /// A text.
    Text(&'v str),
    /// A number.
    Number(i64),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

/// Why what waits is given up when its time is over.
const NOT_THERE: &str = "CASE WHEN attempts > 0 THEN 'the machine was lost while it had it, and was not there again in time' \
    ELSE 'no machine was there in time' END";

impl SqlHub {
    /// Executes a statement that changes [`BATCH`] rows at most, until it changes fewer.
    pub(super) async fn in_batches(
        &self,
        statement: &str,
        values: &[Value<'_>],
        doing: &'static str,
    ) -> Result<(), HubStoreError> {
        loop {
            let mut query = sqlx::query(composed(statement.to_owned()));
            for value in values {
                query = match value {
                    Value::Text(text) => query.bind(*text),
                    Value::Number(number) => query.bind(*number),
                };
            }
            let done = query.execute(&mut *self.writer().await?).await.doing(doing)?;
            if done.rows_affected() < BATCH {
                return Ok(());
            }
            // The connection is somebody else's first.
            tokio::task::yield_now().await;
        }
    }

    /// Of these deliveries so many; of replicas each takes others.
    fn some(&self, condition: &str) -> String {
        let found = format!("SELECT id FROM hub_delivery WHERE {condition} LIMIT {BATCH}");
        format!("{condition} AND id {}", among(self.is_postgres(), &found))
    }

    /// What ran out of its lease goes back, and what nobody took or answered in time is given up.
    pub(super) async fn give_back_expired(
        &self,
        now: Timestamp,
        limits: QueueLimits,
    ) -> Result<(), HubStoreError> {
        const DOING: &str = "give back deliveries";
        let (now, attempts) = (now.as_micros(), i64::from(limits.attempts));
        let back = format!("{GIVE_BACK} {}", self.some("state = 'sent' AND lease_until < $1"));
        self.in_batches(&back, &[now.into(), attempts.into()], DOING)
            .await?;
        let waited = self.some("state = 'waiting' AND expires <= $1");
        // What an earlier program has sent does not say until when it is answered.
        let sent = self.some("state = 'sent' AND answer_by = 0 AND expires <= $1");
        for (over, because) in [(waited, NOT_THERE), (sent, "'no answer came in time'")] {
            let give_up = format!(
                "UPDATE hub_delivery SET state = 'dead', session = '', because = {because} WHERE {over}"
            );
            self.in_batches(&give_up, &[now.into()], DOING).await?;
        }
        Ok(())
    }

    /// What was given up, and the ids of what came, from before a moment.
    pub(super) async fn forget_old_deliveries(&self, before: Timestamp) -> Result<(), HubStoreError> {
        const DOING: &str = "forget old deliveries";
        let dead = format!(
            "DELETE FROM hub_delivery WHERE {}",
            self.some("state = 'dead' AND expires < $1")
        );
        let received = format!(
            "DELETE FROM hub_received WHERE (workspace, source, id) IN \
             (SELECT workspace, source, id FROM hub_received WHERE at < $1 LIMIT {BATCH})"
        );
        for statement in [dead, received] {
            self.in_batches(&statement, &[before.as_micros().into()], DOING)
                .await?;
        }
        Ok(())
    }

    /// Registrations of which more deliveries stand so than may, with their number.
    async fn full(&self, state: &str, most: i64) -> Result<Vec<(String, i64)>, HubStoreError> {
        const DOING: &str = "look for deliveries that are too many";
        const FULL: &str = "SELECT registration, COUNT(*) AS number FROM hub_delivery WHERE state = $1 \
            GROUP BY registration HAVING COUNT(*) > $2";
        // Whoever reads keeps nobody from writing.
        let full = sqlx::query(FULL)
            .bind(state)
            .bind(most)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read = full.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        read.collect::<Result<_, sqlx::Error>>().doing(DOING)
    }

    /// The oldest of what waits for one registration beyond the limit is given up.
    pub(super) async fn end_what_is_too_much(&self, limits: QueueLimits) -> Result<(), HubStoreError> {
        const DOING: &str = "give up deliveries that are too many";
        const END: &str = "UPDATE hub_delivery SET state = 'dead', because = 'too many were waiting' WHERE state = 'waiting' AND id IN \
            (SELECT id FROM hub_delivery WHERE registration = $1 AND state = 'waiting' ORDER BY position LIMIT $2)";
        let (most, batch) = (
            i64::from(limits.waiting),
            i64::try_from(BATCH).unwrap_or(i64::MAX),
        );
        for (registration, waiting) in self.full("waiting", most).await? {
            let mut left = waiting - most;
            while left > 0 {
                sqlx::query(END)
                    .bind(registration.as_str())
                    .bind(left.min(batch))
                    .execute(&mut *self.writer().await?)
                    .await
                    .doing(DOING)?;
                left -= batch;
            }
        }
        Ok(())
    }

    /// The oldest of what was given up of one registration beyond the limit is forgotten.
    pub(super) async fn forget_dead_beyond(&self, limits: QueueLimits) -> Result<(), HubStoreError> {
        const DOING: &str = "forget deliveries that were given up";
        let most = i64::from(limits.waiting);
        let cut = format!(
            "DELETE FROM hub_delivery WHERE state = 'dead' AND id IN (SELECT id FROM hub_delivery \
             WHERE state = 'dead' AND registration = $1 ORDER BY position DESC, id LIMIT {BATCH} OFFSET $2)"
        );
        for (registration, _) in self.full("dead", most).await? {
            let values = [registration.as_str().into(), most.into()];
            self.in_batches(&cut, &values, DOING).await?;
        }
        Ok(())
    }
}
