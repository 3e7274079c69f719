//! When each timer fired last.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::feed::Entry;
use super::writer::{Done, Write};
use crate::model::Timestamp;
use crate::ports::store::StoreError;

pub(super) async fn all(readers: &AnyPool) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let found: Vec<(String, i64)> = sqlx::query_as("SELECT name, fired_at FROM timers")
        .fetch_all(readers)
        .await
        .doing("read the timers")?;
    let read = |(name, at): (String, i64)| (name, Timestamp::from_micros(at));
    Ok(found.into_iter().map(read).collect())
}

/// A timer that fires, or is seen first when it has no event.
pub(super) struct FireTimer {
    pub(super) name: String,
    pub(super) last: Option<Timestamp>,
    pub(super) at: Timestamp,
    pub(super) event: Option<Entry>,
}

#[async_trait]
impl Write for FireTimer {
    type Answer = bool;
    const DOING: &'static str = "move a timer";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let query = match self.last {
            None => sqlx::query("INSERT INTO timers (fired_at, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
            Some(_) => sqlx::query("UPDATE timers SET fired_at = $1 WHERE name = $2 AND fired_at = $3"),
        };
        let mut query = query.bind(self.at.as_micros()).bind(&self.name);
        if let Some(last) = self.last {
            query = query.bind(last.as_micros());
        }
        let moved = query.execute(&mut *connection).await.doing(Self::DOING)?;
        if moved.rows_affected() == 0 {
            return Ok(Done::Quiet(false));
        }
        match &self.event {
            None => Ok(Done::Quiet(true)),
            Some(event) => {
                event.insert(connection).await?;
                Ok(Done::News(true))
            }
        }
    }
}

pub(super) struct ForgetTimer(pub(super) String);

#[async_trait]
impl Write for ForgetTimer {
    type Answer = ();
    const DOING: &'static str = "forget a timer";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("DELETE FROM timers WHERE name = $1")
            .bind(&self.0)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}
