//! What a hub delivered, and how far the log was reported to it.

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlStore;
use super::dialect::Dialect;
use super::failure::Doing;
use super::writer::{Done, Write};
use super::{rows, team_logs};
use crate::model::{Cursor, Timestamp};
use crate::ports::TeamStore;
use crate::ports::store::StoreError;
use crate::ports::team::{Delivery, HeadOfLine, Waiting};
use crate::ports::team_logs::LogOnItsWay;

/// Most deliveries of one answer.
const PAGE: u32 = 1_000;

/// Not dealt with; answered; the hub has the answer.
const OPEN: i64 = 0;
const SETTLED: i64 = 1;
const ANSWERED: i64 = 2;

#[async_trait]
impl TeamStore for SqlStore {
    async fn begin_reporting(&self, hub: &str) -> Result<Cursor, StoreError> {
        self.writer.write(BeginReporting(hub.to_owned())).await
    }

    async fn reported(
        &self,
        hub: &str,
        (from, to): (Cursor, Cursor),
        logs: &[LogOnItsWay],
    ) -> Result<bool, StoreError> {
        let (hub, logs) = (hub.to_owned(), logs.to_vec());
        self.writer.write(Reported { hub, from, to, logs }).await
    }

    async fn rewind_reports(&self, hub: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
        let hub = hub.to_owned();
        self.writer.write(Rewind { hub, since }).await
    }

    async fn stop_reporting(&self) -> Result<(), StoreError> {
        self.writer.write(StopReporting).await
    }

    async fn take_in(&self, delivery: &Delivery, line: Option<&str>) -> Result<bool, StoreError> {
        let (delivery, replica) = (delivery.clone(), self.replica.clone());
        let line = line.map(str::to_owned);
        self.writer
            .write(TakeIn {
                delivery,
                line,
                replica,
            })
            .await
    }

    async fn open_deliveries(&self, after: u64, limit: u32) -> Result<Vec<(u64, Delivery)>, StoreError> {
        let found: Vec<(i64, String)> = sqlx::query_as(
            "SELECT sequence, body FROM deliveries
             WHERE state = 0 AND line IS NULL AND replica = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(&self.replica)
        .bind(rows::stored(after))
        .bind(i64::from(limit.min(PAGE)))
        .fetch_all(&self.readers)
        .await
        .doing("read deliveries")?;
        let parsed = |(place, body): (i64, String)| {
            let place = rows::count("place of a delivery", place)?;
            Ok((place, rows::from_json("delivery", &body)?))
        };
        found.into_iter().map(parsed).collect()
    }

    async fn heads_of_lines(&self, after: u64, limit: u32) -> Result<Vec<HeadOfLine>, StoreError> {
        let found: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT sequence, line, key FROM deliveries WHERE sequence > $2 AND sequence IN (
                 SELECT min(sequence) FROM deliveries
                 WHERE state = 0 AND line IS NOT NULL AND replica = $1 GROUP BY line)
             ORDER BY sequence LIMIT $3",
        )
        .bind(&self.replica)
        .bind(rows::stored(after))
        .bind(i64::from(limit.min(PAGE)))
        .fetch_all(&self.readers)
        .await
        .doing("read what is first in line")?;
        let parsed = |(place, line, key): (i64, String, String)| {
            let place = rows::count("place of a delivery", place)?;
            Ok(HeadOfLine { place, line, key })
        };
        found.into_iter().map(parsed).collect()
    }

    async fn open_delivery(&self, key: &str) -> Result<Option<Delivery>, StoreError> {
        let body: Option<String> =
            sqlx::query_scalar("SELECT body FROM deliveries WHERE key = $1 AND state = 0")
                .bind(key)
                .fetch_optional(&self.readers)
                .await
                .doing("read a delivery")?;
        body.map(|body| rows::from_json("delivery", &body)).transpose()
    }

    async fn open_correlations(&self) -> Result<Vec<String>, StoreError> {
        const DOING: &str = "see what is in hand";
        let mut connection = self.readers.acquire().await.doing(DOING)?;
        sqlx::query_scalar(Dialect::of(&connection).open_correlations())
            .bind(&self.replica)
            .fetch_all(&mut *connection)
            .await
            .doing(DOING)
    }

    async fn settle(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.writer.write(Settle(delivery.clone())).await
    }

    async fn unanswered(&self, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM deliveries WHERE state = $1 AND replica = $3 ORDER BY sequence LIMIT $2",
        )
        .bind(SETTLED)
        .bind(i64::from(limit.min(PAGE)))
        .bind(&self.replica)
        .fetch_all(&self.readers)
        .await
        .doing("read deliveries")?;
        bodies
            .iter()
            .map(|body| rows::from_json("delivery", body))
            .collect()
    }

    async fn answered(&self, keys: &[String]) -> Result<(), StoreError> {
        self.writer.write(Answered(keys.to_vec())).await
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        let (reports, oldest): (i64, Option<i64>) = sqlx::query_as(
            "SELECT count(*), min(at) FROM events
             WHERE kind = 'goal' AND cursor > (SELECT min(cursor) FROM reported)",
        )
        .fetch_one(&self.readers)
        .await
        .doing("count what is not reported")?;
        let (deliveries, answers): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1) FROM deliveries WHERE state < 2",
        )
        .fetch_one(&self.readers)
        .await
        .doing("count deliveries")?;
        Ok(Waiting {
            reports: rows::count("reports", reports)?,
            oldest_report: oldest.map(Timestamp::from_micros),
            deliveries: rows::count("deliveries", deliveries)?,
            answers: rows::count("answers", answers)?,
        })
    }
}

/// A hub that is told from now on.
struct BeginReporting(String);

#[async_trait]
impl Write for BeginReporting {
    type Answer = Cursor;
    const DOING: &'static str = "begin to report";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Cursor>, StoreError> {
        let others = sqlx::query("DELETE FROM reported WHERE hub <> $1")
            .bind(&self.0)
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        if others.rows_affected() > 0 {
            team_logs::end(connection).await?;
        }
        let last: i64 = sqlx::query_scalar(Dialect::of(connection).last_cursor())
            .fetch_one(&mut *connection)
            .await
            .doing(Self::DOING)?;
        sqlx::query(
            "INSERT INTO reported (hub, cursor, first) VALUES ($1, $2, $2) ON CONFLICT (hub) DO NOTHING",
        )
        .bind(&self.0)
        .bind(last)
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        let cursor: i64 = sqlx::query_scalar("SELECT cursor FROM reported WHERE hub = $1")
            .bind(&self.0)
            .fetch_one(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(Cursor(rows::count("mark of the reports", cursor)?)))
    }
}

/// A mark that moves forward from where its reader found it.
struct Reported {
    hub: String,
    from: Cursor,
    to: Cursor,
    logs: Vec<LogOnItsWay>,
}

#[async_trait]
impl Write for Reported {
    type Answer = bool;
    const DOING: &'static str = "note what was reported";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let moved = sqlx::query("UPDATE reported SET cursor = $1 WHERE hub = $2 AND cursor = $3")
            .bind(rows::stored(self.to.0))
            .bind(&self.hub)
            .bind(rows::stored(self.from.0))
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        if moved.rows_affected() == 0 {
            return Ok(Done::Quiet(false));
        }
        team_logs::begin(connection, &self.logs).await?;
        match self.logs.is_empty() {
            true => Ok(Done::Quiet(true)),
            false => Ok(Done::News(true)),
        }
    }
}

/// A mark that goes back.
struct Rewind {
    hub: String,
    since: Option<Timestamp>,
}

#[async_trait]
impl Write for Rewind {
    type Answer = ();
    const DOING: &'static str = "go back to what a hub is to be told again";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        const BACK: &str = "UPDATE reported SET cursor = CASE WHEN first > $1 THEN first ELSE $1 END
            WHERE hub = $2 AND cursor > $1";
        let before: Option<i64> = sqlx::query_scalar("SELECT min(cursor) - 1 FROM events WHERE at >= $1")
            .bind(self.since.map_or(i64::MIN, Timestamp::as_micros))
            .fetch_one(&mut *connection)
            .await
            .doing(Self::DOING)?;
        let Some(before) = before else {
            return Ok(Done::Quiet(()));
        };
        sqlx::query(BACK)
            .bind(before)
            .bind(&self.hub)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::News(()))
    }
}

struct StopReporting;

#[async_trait]
impl Write for StopReporting {
    type Answer = ();
    const DOING: &'static str = "stop to report";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("DELETE FROM reported")
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
        team_logs::end(connection).await?;
        Ok(Done::Quiet(()))
    }
}

/// A delivery, and who deals with it.
struct TakeIn {
    delivery: Delivery,
    line: Option<String>,
    replica: String,
}

#[async_trait]
impl Write for TakeIn {
    type Answer = bool;
    const DOING: &'static str = "take a delivery in";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO deliveries (key, state, at, body, replica, line) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(&self.delivery.key)
        .bind(OPEN)
        .bind(self.delivery.at.as_micros())
        .bind(rows::to_json(&self.delivery))
        .bind(&self.replica)
        .bind(&self.line)
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        if inserted.rows_affected() == 1 {
            return Ok(Done::News(true));
        }
        // A hub that asks again has no answer, whatever we thought, and asks this replica.
        sqlx::query("UPDATE deliveries SET state = $1, replica = $4 WHERE key = $2 AND state IN ($1, $3)")
            .bind(SETTLED)
            .bind(&self.delivery.key)
            .bind(ANSWERED)
            .bind(&self.replica)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::News(false))
    }
}

/// A delivery with its answer.
struct Settle(Delivery);

#[async_trait]
impl Write for Settle {
    type Answer = ();
    const DOING: &'static str = "write an answer";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("UPDATE deliveries SET state = $1, body = $2 WHERE key = $3 AND state = $4")
            .bind(SETTLED)
            .bind(rows::to_json(&self.0))
            .bind(&self.0.key)
            .bind(OPEN)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::News(()))
    }
}

struct Answered(Vec<String>);

#[async_trait]
impl Write for Answered {
    type Answer = ();
    const DOING: &'static str = "note that an answer was taken";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        for key in &self.0 {
            sqlx::query("UPDATE deliveries SET state = $1 WHERE key = $2 AND state = $3")
                .bind(ANSWERED)
                .bind(key)
                .bind(SETTLED)
                .execute(&mut *connection)
                .await
                .doing(Self::DOING)?;
        }
        Ok(Done::Quiet(()))
    }
}

/// Removes deliveries that are over since a moment.
pub(super) async fn forget(connection: &mut AnyConnection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM deliveries WHERE state = $1 AND at < $2")
        .bind(ANSWERED)
        .bind(before.as_micros())
        .execute(connection)
        .await
        .doing("forget deliveries")?;
    Ok(())
}
