//! What waits for machines: claimed for a session, acknowledged by an answer, given back when the session ends.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::rows::{Lists, ManyRows, Row as Cells, lists};
use super::statement::{Doing, composed, marks, moment};
use super::{SqlHub, console};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{
    Claim, Deliveries, Delivery, DeliveryCounts, DeliveryKind, HubStoreError, NewDelivery, QueueLimits,
    Revived,
};

/// How long dead deliveries and the ids of what came stay.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);

/// Most sessions of one statement.
const CHUNK: usize = 500;

pub(super) const COLUMNS: &str = "id, workspace, registration, what, operation, correlation, payload, resource, position, attempts, expires, \
    created, patience, because, shown";

/// Of what was looked at and holds nothing that is not to be shown again.
const WHOLE: &str = "whole";

/// Of what has lost it.
const BLANK: &str = "blank";

const EVENT: &str = "event";
const COMMAND: &str = "command";

fn word(kind: DeliveryKind) -> &'static str {
    match kind {
        DeliveryKind::Event => EVENT,
        DeliveryKind::Command => COMMAND,
    }
}

fn kind(word: &str) -> DeliveryKind {
    match word == COMMAND {
        true => DeliveryKind::Command,
        false => DeliveryKind::Event,
    }
}

fn delivery(row: &AnyRow) -> Result<Delivery, sqlx::Error> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(Delivery {
        what: NewDelivery {
            id: row.try_get("id")?,
            workspace: row.try_get("workspace")?,
            registration: row.try_get("registration")?,
            kind: kind(&row.try_get::<String, _>("what")?),
            operation: row.try_get("operation")?,
            correlation: row.try_get("correlation")?,
            payload: row.try_get("payload")?,
            resource: row.try_get("resource")?,
            created: moment(row, "created")?,
            expires: moment(row, "expires")?,
            patience: patience(row)?,
        },
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        because: row.try_get("because")?,
        is_blank: row.try_get::<String, _>("shown")? == BLANK,
    })
}

fn patience(row: &AnyRow) -> Result<Duration, sqlx::Error> {
    let micros: i64 = row.try_get("patience")?;
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

/// Rows in the order in which they came.
pub(super) fn in_order(mut rows: Vec<AnyRow>) -> Result<Vec<Delivery>, sqlx::Error> {
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        let position: i64 = row.try_get("position")?;
        placed.push((position, delivery(&row)?));
    }
    placed.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.what.id.cmp(&b.what.id)));
    Ok(placed.into_iter().map(|(_, delivery)| delivery).collect())
}

fn counted(rows: &[AnyRow]) -> Result<DeliveryCounts, sqlx::Error> {
    let mut counts = DeliveryCounts::default();
    for row in rows {
        count(&mut counts, row)?;
    }
    Ok(counts)
}

/// Notes how many deliveries stand as a row says.
fn count(counts: &mut DeliveryCounts, row: &AnyRow) -> Result<(), sqlx::Error> {
    let number: i64 = row.try_get("number")?;
    let number = u64::try_from(number).unwrap_or(0);
    match row.try_get::<String, _>("state")?.as_str() {
        "waiting" => counts.waiting = number,
        "sent" => counts.sent = number,
        _ => counts.dead = number,
    }
    Ok(())
}

/// Lets deliveries wait.
pub(super) static WAIT: ManyRows = ManyRows::new(
    "INSERT INTO hub_delivery (workspace, id, registration, what, operation, correlation, payload, position, expires, created, \
     resource, patience, not_before, state, attempts, session, lease_until, because) \
     SELECT $1, v.*, 0, 'waiting', 0, '', 0, '' FROM",
    "WHERE v.column1 IS NOT NULL ON CONFLICT DO NOTHING",
);

/// A delivery as a row; `after` orders those of one moment.
pub(super) fn row_of(delivery: &NewDelivery, after: i64) -> Cells {
    vec![
        delivery.id.as_str().into(),
        delivery.registration.as_str().into(),
        word(delivery.kind).into(),
        delivery.operation.as_str().into(),
        delivery.correlation.as_str().into(),
        delivery.payload.as_str().into(),
        delivery.created.as_micros().saturating_add(after).into(),
        delivery.expires.as_micros().into(),
        delivery.created.as_micros().into(),
        delivery.resource.as_str().into(),
        i64::try_from(delivery.patience.as_micros())
            .unwrap_or(i64::MAX)
            .into(),
    ]
}

/// Lets a delivery wait.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    delivery: &NewDelivery,
) -> Result<(), HubStoreError> {
    WAIT.execute(connection, &delivery.workspace, vec![row_of(delivery, 0)])
        .await
        .doing("let a delivery wait")
}

/// What was sent goes back; `$1` is from when it waits, `$2` the most attempts.
pub(super) const GIVE_BACK: &str = "UPDATE hub_delivery SET \
    state = CASE WHEN attempts >= $2 THEN 'dead' ELSE 'waiting' END, \
    because = CASE WHEN attempts >= $2 THEN 'the machine was lost each time it had it' ELSE '' END, \
    session = '', lease_until = 0, not_before = $1 WHERE state = 'sent' AND ";

/// Is one of those that this finds, of which no other replica has any. Postgres must find them once, as an array: held against each row,
/// the question passes over what it has locked itself and so finds ever more.
pub(super) fn among(is_postgres: bool, found: &str) -> String {
    match is_postgres {
        true => format!("= ANY (ARRAY ({found} FOR UPDATE SKIP LOCKED))"),
        false => format!("IN ({found})"),
    }
}

/// Takes what waits for a registration, oldest first.
pub(super) async fn claim_one(
    connection: &mut AnyConnection,
    claim: &Claim,
    (now, lease_until): (Timestamp, Timestamp),
) -> Result<Vec<Delivery>, sqlx::Error> {
    const WAITING: &str = "SELECT id FROM hub_delivery WHERE registration = $3 AND state = 'waiting' AND not_before <= $4 \
        ORDER BY position LIMIT $5";
    let those = among(connection.backend_name() != "SQLite", WAITING);
    let statement = format!(
        "UPDATE hub_delivery SET state = 'sent', session = $1, lease_until = $2, attempts = attempts + 1, answer_by = $4 + patience \
         WHERE id {those} RETURNING {COLUMNS}"
    );
    let claimed = sqlx::query(composed(statement))
        .bind(claim.session.as_str())
        .bind(lease_until.as_micros())
        .bind(claim.registration.as_str())
        .bind(now.as_micros())
        .bind(i64::from(claim.limit))
        .fetch_all(connection)
        .await;
    claimed.and_then(in_order)
}

/// Ends what a machine has answered.
pub(super) async fn settle_one(
    connection: &mut AnyConnection,
    registration: &str,
    correlation: &str,
) -> Result<Option<Delivery>, sqlx::Error> {
    let statement = format!(
        "DELETE FROM hub_delivery WHERE registration = $1 AND correlation = $2 AND attempts > 0 RETURNING {COLUMNS}"
    );
    let settled = sqlx::query(composed(statement))
        .bind(registration)
        .bind(correlation)
        .fetch_all(connection)
        .await;
    Ok(in_order(settled?)?.into_iter().next())
}

/// Gives back what a session had; how many.
pub(super) async fn release_one(
    connection: &mut AnyConnection,
    session: &str,
    (not_before, limits): (Timestamp, QueueLimits),
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(composed(format!("{GIVE_BACK} session = $3")))
        .bind(not_before.as_micros())
        .bind(i64::from(limits.attempts))
        .bind(session)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

#[async_trait]
impl Deliveries for SqlHub {
    async fn enqueue(&self, delivery: &NewDelivery) -> Result<(), HubStoreError> {
        insert(&mut *self.writer().await?, delivery).await
    }

    async fn waited_for(&self) -> Result<Vec<String>, HubStoreError> {
        // From one registration to the next by the index, whatever waits for each.
        const ASK: &str = "WITH RECURSIVE waited (registration) AS ( \
            SELECT MIN(registration) FROM hub_delivery WHERE state = 'waiting' \
            UNION ALL SELECT (SELECT MIN(d.registration) FROM hub_delivery d \
                WHERE d.state = 'waiting' AND d.registration > waited.registration) \
            FROM waited WHERE waited.registration IS NOT NULL) \
            SELECT registration FROM waited WHERE registration IS NOT NULL";
        let rows = sqlx::query(ASK).fetch_all(&mut *self.reading().await?).await;
        let read = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        read.doing("see what waits")
    }

    async fn claim(
        &self,
        registration: &str,
        session: &str,
        limit: u32,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Delivery>, HubStoreError> {
        let claim = Claim {
            registration: registration.to_owned(),
            session: session.to_owned(),
            limit,
        };
        let claimed = claim_one(&mut *self.writer().await?, &claim, (now, lease_until)).await;
        claimed.doing("take what waits for a machine")
    }

    async fn unsaid(&self, session: &str, ids: &[&str]) -> Result<(), HubStoreError> {
        for chunk in ids.chunks(CHUNK) {
            let statement = format!(
                "UPDATE hub_delivery SET state = 'waiting', session = '', lease_until = 0, attempts = attempts - 1 \
                 WHERE session = $1 AND state = 'sent' AND id IN ({})",
                marks(2, chunk.len())
            );
            let query = sqlx::query(composed(statement)).bind(session);
            let query = chunk.iter().fold(query, |query, id| query.bind(*id));
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("let wait what was not said")?;
        }
        Ok(())
    }

    async fn renew(&self, sessions: &[String], lease_until: Timestamp) -> Result<(), HubStoreError> {
        for chunk in sessions.chunks(CHUNK) {
            let marks = marks(2, chunk.len());
            let statement = format!(
                "UPDATE hub_delivery SET lease_until = $1 WHERE session IN ({marks}) AND state = 'sent'"
            );
            let mut query = sqlx::query(composed(statement)).bind(lease_until.as_micros());
            for session in chunk {
                query = query.bind(session.as_str());
            }
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("prolong what machines have")?;
        }
        Ok(())
    }

    async fn settle(&self, registration: &str, correlation: &str) -> Result<Option<Delivery>, HubStoreError> {
        let settled = settle_one(&mut *self.writer().await?, registration, correlation).await;
        settled.doing("acknowledge a delivery")
    }

    async fn release(
        &self,
        session: &str,
        not_before: Timestamp,
        limits: QueueLimits,
    ) -> Result<u64, HubStoreError> {
        let released = release_one(&mut *self.writer().await?, session, (not_before, limits)).await;
        released.doing("take back what a machine had")
    }

    async fn tidy(&self, now: Timestamp, limits: QueueLimits) -> Result<(), HubStoreError> {
        self.give_back_expired(now, limits).await?;
        self.forget_old_deliveries(now.minus(KEPT)).await
    }

    async fn cut(&self, limits: QueueLimits) -> Result<(), HubStoreError> {
        self.end_what_is_too_much(limits).await?;
        self.forget_dead_beyond(limits).await
    }

    async fn counts(&self, registrations: &[&str]) -> Result<HashMap<String, DeliveryCounts>, HubStoreError> {
        static COUNT: Lists = Lists::new(
            "SELECT registration, state, COUNT(*) AS number FROM hub_delivery WHERE state IN ('waiting', 'sent', 'dead') \
             AND registration IN (",
            "",
            ") GROUP BY registration, state",
            1,
        );
        const DOING: &str = "count deliveries";
        let (mut counts, mut connection) = (HashMap::new(), self.reading().await?);
        for (statement, list) in lists(registrations, &COUNT) {
            let query = list
                .into_iter()
                .fold(sqlx::query(statement), |query, registration| {
                    query.bind(*registration)
                });
            for row in query.fetch_all(&mut *connection).await.doing(DOING)? {
                let registration: String = row.try_get("registration").doing(DOING)?;
                count(counts.entry(registration).or_default(), &row).doing(DOING)?;
            }
        }
        Ok(counts)
    }

    async fn totals(&self) -> Result<DeliveryCounts, HubStoreError> {
        const COUNT: &str = "SELECT state, COUNT(*) AS number FROM hub_delivery GROUP BY state";
        let rows = sqlx::query(COUNT).fetch_all(&mut *self.reading().await?).await;
        rows.and_then(|rows| counted(&rows)).doing("count deliveries")
    }

    async fn dead(&self, workspace: &str, limit: u32) -> Result<Vec<Delivery>, HubStoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM hub_delivery WHERE state = 'dead' AND workspace = $1 ORDER BY position DESC LIMIT $2"
        );
        let dead = sqlx::query(composed(statement))
            .bind(workspace)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await;
        let mut dead = dead.and_then(in_order).doing("list dead deliveries")?;
        dead.reverse();
        Ok(dead)
    }

    async fn dead_unlooked_at(&self, limit: u32) -> Result<Vec<Delivery>, HubStoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM hub_delivery WHERE state = 'dead' AND what = '{COMMAND}' AND shown = '' LIMIT $1"
        );
        let dead = sqlx::query(composed(statement))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await;
        dead.and_then(in_order).doing("list dead commands")
    }

    async fn looked_at_dead(&self, id: &str, left: Option<&str>) -> Result<(), HubStoreError> {
        const NOTE: &str = "UPDATE hub_delivery SET shown = $1, payload = CASE WHEN $2 = '' THEN payload ELSE $2 END \
            WHERE id = $3 AND state = 'dead'";
        let done = sqlx::query(NOTE)
            .bind(left.map_or(WHOLE, |_| BLANK))
            .bind(left.unwrap_or_default())
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await;
        done.map(|_| ()).doing("look at a dead command")
    }

    async fn revive(
        &self,
        id: &str,
        workspace: Option<&str>,
        (now, expires): (Timestamp, Timestamp),
        deeds: &[ConsoleDeed],
    ) -> Result<Revived, HubStoreError> {
        const DOING: &str = "revive a delivery";
        const LOOK: &str =
            "SELECT shown FROM hub_delivery WHERE id = $1 AND state = 'dead' AND ($2 = '' OR workspace = $2)";
        const REVIVE: &str = "UPDATE hub_delivery SET state = 'waiting', attempts = 0, because = '', shown = '', not_before = $1, \
            expires = $2 WHERE id = $3 AND state = 'dead' AND ($4 = '' OR workspace = $4)";
        let mut transaction = self.transaction().await?;
        let found = sqlx::query(LOOK)
            .bind(id)
            .bind(workspace.unwrap_or_default())
            .fetch_optional(&mut *transaction)
            .await
            .doing(DOING)?;
        let shown = found
            .map(|row| row.try_get::<String, _>(0))
            .transpose()
            .doing(DOING)?;
        match shown.as_deref() {
            None => return Ok(Revived::NotThere),
            Some(BLANK) => return Ok(Revived::Blank),
            Some(_) => {}
        }
        let done = sqlx::query(REVIVE)
            .bind(now.as_micros())
            .bind(expires.as_micros())
            .bind(id)
            .bind(workspace.unwrap_or_default())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        let is_done = done.rows_affected() > 0;
        if is_done {
            console::keep(&mut transaction, deeds).await.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(match is_done {
            true => Revived::Waits,
            false => Revived::NotThere,
        })
    }
}
