//! Who may report on which attempt.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::Timestamp;
use crate::ports::AttemptRef;
use crate::ports::store::{Lease, LeaseChanges, StoreError};

pub(super) async fn leases(readers: &AnyPool) -> Result<Vec<Lease>, StoreError> {
    let found = sqlx::query("SELECT * FROM leases ORDER BY expires_at")
        .fetch_all(readers)
        .await
        .doing("read leases")?;
    found.iter().map(lease).collect()
}

fn lease(row: &AnyRow) -> Result<Lease, StoreError> {
    const WHAT: &str = "lease";
    let read = |column| row.try_get::<String, _>(column).doing("read a lease");
    let attempt = AttemptRef {
        goal_set: rows::goal_set_id(WHAT, &read("goal_set")?)?,
        goal: rows::goal_key(WHAT, &read("unique_name")?, &read("environment")?)?,
        attempt: rows::small(WHAT, row.try_get("attempt").doing("read a lease")?)?,
        epoch: row
            .try_get::<i64, _>("epoch")
            .doing("read a lease")?
            .cast_unsigned(),
    };
    Ok(Lease {
        attempt,
        workspace: row.try_get("workspace").doing("read a lease")?,
        expires_at: Timestamp::from_micros(row.try_get("expires_at").doing("read a lease")?),
    })
}

/// What an append does to leases, in its transaction.
pub(super) async fn change(
    connection: &mut AnyConnection,
    changes: &LeaseChanges,
    replica: &str,
) -> Result<(), StoreError> {
    for attempt in &changes.drop {
        let dropped = sqlx::query(
            "DELETE FROM leases
             WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND attempt = $4 AND epoch = $5",
        );
        bind(dropped, attempt)
            .execute(&mut *connection)
            .await
            .doing("drop a lease")?;
    }
    for lease in &changes.take {
        let taken = sqlx::query(
            "INSERT INTO leases (goal_set, unique_name, environment, attempt, epoch, workspace, expires_at, replica)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (goal_set, unique_name, environment, attempt, epoch)
             DO UPDATE SET workspace = excluded.workspace, expires_at = excluded.expires_at, replica = excluded.replica",
        );
        bind(taken, &lease.attempt)
            .bind(lease.workspace.clone())
            .bind(lease.expires_at.as_micros())
            .bind(replica.to_owned())
            .execute(&mut *connection)
            .await
            .doing("take a lease")?;
        if !replica.is_empty() {
            note_place(connection, &lease.attempt, replica).await?;
        }
    }
    Ok(())
}

/// Remembers where an attempt is made, also when its lease is gone.
async fn note_place(
    connection: &mut AnyConnection,
    attempt: &AttemptRef,
    replica: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempt_places (goal_set, unique_name, environment, attempt, replica)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (goal_set, unique_name, environment, attempt) DO UPDATE SET replica = excluded.replica",
    )
    .bind(attempt.goal_set.to_string())
    .bind(attempt.goal.unique_name.as_str())
    .bind(&attempt.goal.environment)
    .bind(i64::from(attempt.attempt))
    .bind(replica)
    .execute(connection)
    .await
    .doing("note where an attempt is made")?;
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Query<'q>, attempt: &AttemptRef) -> Query<'q> {
    query
        .bind(attempt.goal_set.to_string())
        .bind(attempt.goal.unique_name.as_str().to_owned())
        .bind(attempt.goal.environment.clone())
        .bind(i64::from(attempt.attempt))
        .bind(attempt.epoch.cast_signed())
}

/// A heartbeat.
pub(super) struct RenewLease {
    pub(super) attempt: AttemptRef,
    pub(super) expires_at: Timestamp,
}

#[async_trait]
impl Write for RenewLease {
    type Answer = bool;
    const DOING: &'static str = "renew a lease";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let key = &self.attempt;
        let renewed = sqlx::query(
            "UPDATE leases SET expires_at = $6
             WHERE goal_set = $1 AND unique_name = $2 AND environment = $3 AND attempt = $4 AND epoch = $5",
        );
        let renewed = bind(renewed, key)
            .bind(self.expires_at.as_micros())
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(renewed.rows_affected() == 1))
    }
}
