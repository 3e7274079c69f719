//! Runs of machines.

use async_trait::async_trait;

use super::SqlHub;
use super::statement::{Doing, composed, marks};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Run, Runs};

#[async_trait]
impl Runs for SqlHub {
    async fn claim_run(&self, run: &Run, now: Timestamp, until: Timestamp) -> Result<bool, HubStoreError> {
        // One statement, so that of two who come at once one is refused.
        const CLAIM: &str = "INSERT INTO hub_instance (owner, id, run, session, alive_until) VALUES ($1, $2, $3, '', $4) \
            ON CONFLICT (owner, id) DO UPDATE SET run = excluded.run, alive_until = excluded.alive_until \
            WHERE hub_instance.run = excluded.run OR hub_instance.alive_until <= $5";
        let claimed = sqlx::query(CLAIM)
            .bind(run.owner.as_str())
            .bind(run.instance.as_str())
            .bind(run.id.as_str())
            .bind(until.as_micros())
            .bind(now.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .doing("note which run of a machine counts")?;
        Ok(claimed.rows_affected() > 0)
    }

    async fn keep_run(&self, run: &Run, session: &str, until: Timestamp) -> Result<(), HubStoreError> {
        const KEEP: &str = "UPDATE hub_instance SET session = $1, alive_until = $2 WHERE owner = $3 AND id = $4 AND run = $5";
        sqlx::query(KEEP)
            .bind(session)
            .bind(until.as_micros())
            .bind(run.owner.as_str())
            .bind(run.instance.as_str())
            .bind(run.id.as_str())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note that a run is alive")
    }

    async fn keep_runs(&self, sessions: &[String], until: Timestamp) -> Result<(), HubStoreError> {
        for chunk in sessions.chunks(500) {
            let statement = format!(
                "UPDATE hub_instance SET alive_until = $1 WHERE session IN ({})",
                marks(2, chunk.len())
            );
            let mut query = sqlx::query(composed(statement)).bind(until.as_micros());
            for session in chunk {
                query = query.bind(session.as_str());
            }
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("note that runs are alive")?;
        }
        Ok(())
    }

    async fn end_run(&self, session: &str, now: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("UPDATE hub_instance SET alive_until = $1 WHERE session = $2 AND alive_until > $1")
            .bind(now.as_micros())
            .bind(session)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note that a run is gone")
    }

    async fn forget_runs(&self, before: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("DELETE FROM hub_instance WHERE alive_until < $1")
            .bind(before.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("forget runs")
    }
}
