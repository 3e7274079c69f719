//! Replicas that share the database, and whose what is.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use uuid::Uuid;

use super::SqlStore;
use super::failure::{Doing, corrupt};
use super::rows;
use super::writer::{Done, Write};
use crate::model::{ErrandId, JobId, Timestamp};
use crate::ports::AttemptRef;
use crate::ports::replicas::{Beats, ReplicaStore, Standing};
use crate::ports::store::StoreError;

const READING: &str = "read what other replicas do";

#[async_trait]
impl ReplicaStore for SqlStore {
    async fn beat(&self, at: Timestamp) -> Result<Vec<Beats>, StoreError> {
        if self.replica.is_empty() {
            return Ok(Vec::new());
        }
        let replica = self.replica.clone();
        self.writer.write(Beat { replica, at }).await
    }

    async fn bury(&self, other: &Beats) -> Result<bool, StoreError> {
        let (heir, other) = (self.replica.clone(), other.clone());
        self.writer.write(Bury { heir, other }).await
    }

    async fn standings(&self) -> Result<Vec<(AttemptRef, Standing)>, StoreError> {
        let found = sqlx::query(
            "SELECT l.goal_set, l.unique_name, l.environment, l.attempt, l.epoch, l.replica,
                    (SELECT count(*) FROM replicas r WHERE r.id = l.replica) AS there
             FROM leases l",
        )
        .fetch_all(&self.readers)
        .await
        .doing(READING)?;
        found
            .iter()
            .map(|row| Ok((attempt(row)?, self.standing(row)?)))
            .collect()
    }

    async fn adopt(&self, attempt: &AttemptRef) -> Result<bool, StoreError> {
        let (heir, attempt) = (self.replica.clone(), attempt.clone());
        self.writer.write(Adopt { heir, attempt }).await
    }

    async fn errands_elsewhere(&self) -> Result<Vec<(ErrandId, Standing)>, StoreError> {
        let found = sqlx::query(
            "SELECT e.id, e.replica, (SELECT count(*) FROM replicas r WHERE r.id = e.replica) AS there
             FROM errands e WHERE e.open = 1 AND e.replica <> $1",
        )
        .bind(&self.replica)
        .fetch_all(&self.readers)
        .await
        .doing(READING)?;
        let read = |row: &AnyRow| {
            let id: String = row.try_get("id").doing(READING)?;
            let id = Uuid::parse_str(&id).map_err(|error| corrupt("errand", &error))?;
            Ok((ErrandId(id), self.standing(row)?))
        };
        found.iter().map(read).collect()
    }

    async fn is_job_elsewhere(&self, job: JobId) -> Result<bool, StoreError> {
        let found = sqlx::query(
            "SELECT 1 FROM jobs j JOIN replicas r ON r.id = j.replica WHERE j.id = $1 AND j.replica <> $2",
        )
        .bind(job.0.to_string())
        .bind(&self.replica)
        .fetch_optional(&self.readers)
        .await
        .doing(READING)?;
        Ok(found.is_some())
    }
}

impl SqlStore {
    fn standing(&self, row: &AnyRow) -> Result<Standing, StoreError> {
        let replica: String = row.try_get("replica").doing(READING)?;
        let there: i64 = row.try_get("there").doing(READING)?;
        Ok(match (replica == self.replica, there) {
            (true, _) => Standing::Own,
            (false, 0) => Standing::Lost,
            (false, _) => Standing::Elsewhere,
        })
    }
}

fn attempt(row: &AnyRow) -> Result<AttemptRef, StoreError> {
    const WHAT: &str = "lease";
    let text = |column| row.try_get::<String, _>(column).doing(READING);
    Ok(AttemptRef {
        goal_set: rows::goal_set_id(WHAT, &text("goal_set")?)?,
        goal: rows::goal_key(WHAT, &text("unique_name")?, &text("environment")?)?,
        attempt: rows::small(WHAT, row.try_get("attempt").doing(READING)?)?,
        epoch: row.try_get::<i64, _>("epoch").doing(READING)?.cast_unsigned(),
    })
}

/// A replica is there.
struct Beat {
    replica: String,
    at: Timestamp,
}

#[async_trait]
impl Write for Beat {
    type Answer = Vec<Beats>;
    const DOING: &'static str = "say that this replica is there";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Vec<Beats>>, StoreError> {
        sqlx::query(
            "INSERT INTO replicas (id, beats, beat_at) VALUES ($1, 1, $2)
             ON CONFLICT (id) DO UPDATE SET beats = replicas.beats + 1, beat_at = excluded.beat_at",
        )
        .bind(&self.replica)
        .bind(self.at.as_micros())
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        let others: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT id, beats, beat_at FROM replicas WHERE id <> $1 ORDER BY id")
                .bind(&self.replica)
                .fetch_all(connection)
                .await
                .doing(Self::DOING)?;
        let beats = |(replica, count, at): (String, i64, i64)| {
            Ok(Beats {
                replica,
                count: rows::count("beats of a replica", count)?,
                at: Timestamp::from_micros(at),
            })
        };
        let others: Result<Vec<Beats>, StoreError> = others.into_iter().map(beats).collect();
        Ok(Done::Quiet(others?))
    }
}

/// A lease gets another holder.
struct Adopt {
    heir: String,
    attempt: AttemptRef,
}

#[async_trait]
impl Write for Adopt {
    type Answer = bool;
    const DOING: &'static str = "take over what a replica did that has gone";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let adopted = sqlx::query(
            "UPDATE leases SET replica = $1
             WHERE goal_set = $2 AND unique_name = $3 AND environment = $4 AND attempt = $5 AND epoch = $6
               AND NOT EXISTS (SELECT 1 FROM replicas WHERE replicas.id = leases.replica)",
        )
        .bind(&self.heir)
        .bind(self.attempt.goal_set.to_string())
        .bind(self.attempt.goal.unique_name.as_str())
        .bind(&self.attempt.goal.environment)
        .bind(i64::from(self.attempt.attempt))
        .bind(self.attempt.epoch.cast_signed())
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(match adopted.rows_affected() {
            0 => Done::Quiet(false),
            _ => Done::News(true),
        })
    }
}

/// A replica has gone.
struct Bury {
    heir: String,
    other: Beats,
}

#[async_trait]
impl Write for Bury {
    type Answer = bool;
    const DOING: &'static str = "forget a replica that has gone";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let gone = sqlx::query("DELETE FROM replicas WHERE id = $1 AND beats = $2")
            .bind(&self.other.replica)
            .bind(rows::stored(self.other.count))
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        if gone.rows_affected() == 0 {
            return Ok(Done::Quiet(false));
        }
        sqlx::query("UPDATE deliveries SET replica = $1 WHERE replica = $2 AND state < 2")
            .bind(&self.heir)
            .bind(&self.other.replica)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::News(true))
    }
}
