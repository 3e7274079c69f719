//! Runs of machines.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::statement::{Doing, composed, marks};
use super::{SqlHub, resumptions};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Run, Runs};

/// Makes a run the one that counts; `false` while another one is alive.
pub(super) async fn claim_run(
    connection: &mut AnyConnection,
    run: &Run,
    (now, until): (Timestamp, Timestamp),
) -> Result<bool, sqlx::Error> {
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
        .execute(connection)
        .await?;
    Ok(claimed.rows_affected() > 0)
}

/// The run of a session is alive until a moment.
pub(super) async fn keep_run(
    connection: &mut AnyConnection,
    (run, session): (&Run, &str),
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    const KEEP: &str =
        "UPDATE hub_instance SET session = $1, alive_until = $2 WHERE owner = $3 AND id = $4 AND run = $5";
    let query = sqlx::query(KEEP).bind(session).bind(until.as_micros());
    query
        .bind(run.owner.as_str())
        .bind(run.instance.as_str())
        .bind(run.id.as_str())
        .execute(connection)
        .await
        .map(|_| ())
}

/// A session has ended, and its run is not alive by it any more.
pub(super) async fn end_run(
    connection: &mut AnyConnection,
    session: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE hub_instance SET alive_until = $1 WHERE session = $2 AND alive_until > $1")
        .bind(now.as_micros())
        .bind(session)
        .execute(connection)
        .await
        .map(|_| ())
}

#[async_trait]
impl Runs for SqlHub {
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

    async fn forget_runs(&self, before: Timestamp) -> Result<(), HubStoreError> {
        const DOING: &str = "forget runs";
        let mut connection = self.writer().await?;
        let done = sqlx::query("DELETE FROM hub_instance WHERE alive_until < $1")
            .bind(before.as_micros())
            .execute(&mut *connection)
            .await
            .doing(DOING)?;
        match done.rows_affected() {
            0 => Ok(()),
            _ => resumptions::forget(&mut connection).await.doing(DOING),
        }
    }
}
