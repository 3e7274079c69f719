//! Machines that registered, in the order in which they did.

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::statement::{Doing, composed, marks, moment};
use super::{SqlHub, console};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{HubStoreError, RegistrationChanges, Registrations, SentAway, StoredRegistration};
use crate::wire::hub::{Metadata, PolicyName, Registration};

const COLUMNS: &str = "id, workspace, name, version, policy, body, principal, position, alive_until";
const SENT_AWAY: &str = "id, workspace, name, version, owner, at";
const DURABLE: &str = "durable";

fn word(policy: PolicyName) -> &'static str {
    match policy {
        PolicyName::Ephemeral => "ephemeral",
        PolicyName::Durable => DURABLE,
    }
}

fn registration(row: &AnyRow) -> Result<StoredRegistration, sqlx::Error> {
    Ok(StoredRegistration {
        id: row.try_get("id")?,
        workspace: row.try_get("workspace")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        policy: match row.try_get::<String, _>("policy")? == DURABLE {
            true => PolicyName::Durable,
            false => PolicyName::Ephemeral,
        },
        body: row.try_get("body")?,
        principal: row.try_get("principal")?,
        position: row.try_get("position")?,
        alive_until: moment(row, "alive_until")?,
    })
}

/// Counts changes, and says the number of the last; the counter's row is held until the end, so that changes follow one another.
async fn next_changes(connection: &mut AnyConnection, count: usize) -> Result<i64, sqlx::Error> {
    const NEXT: &str =
        "UPDATE hub_counter SET value = value + $1 WHERE name = 'registrations' RETURNING value";
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(NEXT)
        .bind(count)
        .fetch_one(connection)
        .await?
        .try_get(0)
}

/// Somebody who wants to register, with the owner of the key.
pub(super) struct Asked<'a> {
    pub(super) registration: &'a StoredRegistration,
    pub(super) owner: &'a str,
}

/// Numbers for the changes of those who register, of whom nobody else does from here to the end: what is seen now is true until then
/// (threat G2). Nobody need look at all machines because some have come back as they were: then there is no change.
pub(super) async fn places_for(
    connection: &mut AnyConnection,
    asked: &[Asked<'_>],
) -> Result<Range<i64>, sqlx::Error> {
    for Asked { registration, .. } in asked {
        let before = known(connection, registration).await?;
        if before.is_none_or(|before| !is_same(&before, registration)) {
            let count = asked.len();
            let last = next_changes(connection, count).await?;
            return Ok(last + 1 - i64::try_from(count).unwrap_or(i64::MAX)..last + 1);
        }
    }
    Ok(0..0)
}

/// Why somebody may not register.
pub(super) enum Refused {
    OfSomebodyElse(String),
    SentAway(SentAway),
}

impl Asked<'_> {
    /// What is known of it, if it may register like this; whoever is there as they were may.
    pub(super) async fn look(
        &self,
        connection: &mut AnyConnection,
        places: &mut Range<i64>,
    ) -> Result<Result<Option<StoredRegistration>, Refused>, sqlx::Error> {
        let asked = self.registration;
        let before = known(connection, asked).await?;
        if before.as_ref().is_some_and(|before| is_same(before, asked)) {
            return Ok(Ok(before));
        }
        if places.is_empty() {
            // It was there a moment ago, and nobody held the counter then.
            let change = next_changes(connection, 1).await?;
            *places = change..change + 1;
        }
        match refused(connection, asked, self.owner).await? {
            Some(refused) => Ok(Err(refused)),
            None => Ok(Ok(known(connection, asked).await?)),
        }
    }

    /// Keeps it in place of what is known of it, with the next of these numbers if it is not as it was.
    pub(super) async fn keep(
        &self,
        connection: &mut AnyConnection,
        before: Option<StoredRegistration>,
        places: &mut Range<i64>,
    ) -> Result<StoredRegistration, sqlx::Error> {
        let asked = self.registration;
        if let Some(before) = before.as_ref().filter(|before| is_same(before, asked)) {
            keep_one_alive(connection, asked).await?;
            return Ok(before.clone());
        }
        let change = match places.next() {
            Some(change) => change,
            None => next_changes(connection, 1).await?,
        };
        let mut new = asked.clone();
        new.position = change;
        if let Some(before) = before {
            // The same machine that comes back is no newer than it was (wire protocol 12).
            if announces_the_same(&before, asked) {
                new.position = before.position;
            }
            new.id = before.id;
        }
        store(connection, &new, change).await?;
        Ok(new)
    }
}

/// Whether two announce the same. What they say of the computer that they run on does not count: those who share a registration run
/// on several (wire protocol 12).
fn announces_the_same(known: &StoredRegistration, asked: &StoredRegistration) -> bool {
    let announced = |body: &str| {
        let read = serde_json::from_str::<Registration>(body).ok();
        read.map(|registration| Registration {
            metadata: Metadata::default(),
            ..registration
        })
    };
    let is_alike = || announced(&known.body).is_some_and(|known| Some(known) == announced(&asked.body));
    known.policy == asked.policy && (known.body == asked.body || is_alike())
}

/// Whether somebody registers as before.
fn is_same(known: &StoredRegistration, asked: &StoredRegistration) -> bool {
    known.principal == asked.principal && announces_the_same(known, asked)
}

async fn known(
    connection: &mut AnyConnection,
    asked: &StoredRegistration,
) -> Result<Option<StoredRegistration>, sqlx::Error> {
    let statement =
        format!("SELECT {COLUMNS} FROM hub_registration WHERE workspace = $1 AND name = $2 AND version = $3");
    let row = sqlx::query(composed(statement))
        .bind(asked.workspace.as_str())
        .bind(asked.name.as_str())
        .bind(asked.version.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(registration).transpose()
}

fn sent_away(row: &AnyRow) -> Result<SentAway, sqlx::Error> {
    Ok(SentAway {
        id: row.try_get("id")?,
        workspace: row.try_get("workspace")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        owner: row.try_get("owner")?,
        at: moment(row, "at")?,
    })
}

/// Why somebody may not register like this.
async fn refused(
    connection: &mut AnyConnection,
    asked: &StoredRegistration,
    owner: &str,
) -> Result<Option<Refused>, sqlx::Error> {
    const WHOSE: &str = "SELECT k.owner FROM hub_registration r JOIN hub_key k ON k.id = r.principal \
        WHERE r.workspace = $1 AND r.name = $2 ORDER BY r.position DESC LIMIT 1";
    let whose = sqlx::query(WHOSE)
        .bind(asked.workspace.as_str())
        .bind(asked.name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let whose: Option<String> = whose.map(|row| row.try_get(0)).transpose()?;
    if let Some(whose) = whose.filter(|whose| whose != owner) {
        return Ok(Some(Refused::OfSomebodyElse(whose)));
    }
    let statement = format!(
        "SELECT {SENT_AWAY} FROM hub_sent_away WHERE workspace = $1 AND name = $2 AND version = $3 AND owner IN ($4, '') \
         LIMIT 1"
    );
    let away = sqlx::query(composed(statement))
        .bind(asked.workspace.as_str())
        .bind(asked.name.as_str())
        .bind(asked.version.as_str())
        .bind(owner)
        .fetch_optional(connection)
        .await?;
    let away = away.as_ref().map(sent_away).transpose()?;
    Ok(away.map(Refused::SentAway))
}

async fn store(
    connection: &mut AnyConnection,
    new: &StoredRegistration,
    change: i64,
) -> Result<(), sqlx::Error> {
    const UPSERT: &str = "INSERT INTO hub_registration \
        (id, workspace, name, version, policy, body, principal, position, alive_until, changed) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workspace, name, version) DO UPDATE SET \
        policy = excluded.policy, body = excluded.body, principal = excluded.principal, position = excluded.position, \
        alive_until = excluded.alive_until, changed = excluded.changed";
    sqlx::query(UPSERT)
        .bind(new.id.as_str())
        .bind(new.workspace.as_str())
        .bind(new.name.as_str())
        .bind(new.version.as_str())
        .bind(word(new.policy))
        .bind(new.body.as_str())
        .bind(new.principal.as_str())
        .bind(new.position)
        .bind(new.alive_until.as_micros())
        .bind(change)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes a registration away, with what waits for it; `false` when it was not there.
async fn drop_one(connection: &mut AnyConnection, id: &str) -> Result<bool, sqlx::Error> {
    count_gone(connection).await?;
    let dropped = sqlx::query("DELETE FROM hub_registration WHERE id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    // Also where nobody has registered: things wait for extensions under a name of their own.
    drop_what_waits(connection, id).await?;
    Ok(dropped.rows_affected() > 0)
}

/// Events go with the registration that they waited for. Somebody waits for what comes of a command: it is given up, and they are told.
async fn drop_what_waits(connection: &mut AnyConnection, id: &str) -> Result<(), sqlx::Error> {
    const GIVE_UP: &str = "UPDATE hub_delivery SET state = 'dead', session = '', because = 'its machine was taken away' \
        WHERE state IN ('waiting', 'sent') AND what = 'command' AND registration = $1";
    const DROP: &str = "DELETE FROM hub_delivery WHERE state IN ('waiting', 'sent', 'dead') AND what <> 'command' AND registration = $1";
    for statement in [GIVE_UP, DROP] {
        sqlx::query(statement).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Counts that some are taken away, as first of all: whoever registers takes the counter before their row too.
async fn count_gone(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    next_changes(connection, 1).await?;
    sqlx::query("UPDATE hub_counter SET value = value + 1 WHERE name = 'registrations_gone'")
        .execute(connection)
        .await
        .map(|_| ())
}

async fn drop_those_that_vanished(
    connection: &mut AnyConnection,
    since: Timestamp,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    const ARE_THERE: &str = "SELECT id FROM hub_registration WHERE policy = 'ephemeral' AND alive_until < $1 AND alive_until >= $2 LIMIT 1";
    // Whoever comes back in this moment is either in time, or finds that its registration is gone.
    const DROP: &str = "DELETE FROM hub_registration WHERE policy = 'ephemeral' AND alive_until < $1 AND alive_until >= $2 RETURNING id";
    let (since, now) = (since.as_micros(), now.as_micros());
    let found = sqlx::query(ARE_THERE).bind(now).bind(since);
    if found.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(0);
    }
    count_gone(connection).await?;
    let dropped = sqlx::query(DROP)
        .bind(now)
        .bind(since)
        .fetch_all(&mut *connection)
        .await?;
    for row in &dropped {
        drop_what_waits(connection, row.try_get(0)?).await?;
    }
    Ok(dropped.len() as u64)
}

/// Says until when one is alive.
async fn keep_one_alive(
    connection: &mut AnyConnection,
    asked: &StoredRegistration,
) -> Result<(), sqlx::Error> {
    const KEEP: &str = "UPDATE hub_registration SET alive_until = $1 \
        WHERE workspace = $2 AND name = $3 AND version = $4 AND alive_until < $1";
    sqlx::query(KEEP)
        .bind(asked.alive_until.as_micros())
        .bind(asked.workspace.as_str())
        .bind(asked.name.as_str())
        .bind(asked.version.as_str())
        .execute(connection)
        .await
        .map(|_| ())
}

/// How many of these, which are not too many for one statement, are there.
pub(super) async fn count_of(connection: &mut AnyConnection, ids: &[String]) -> Result<u64, sqlx::Error> {
    let statement = format!(
        "SELECT COUNT(*) FROM hub_registration WHERE id IN ({})",
        marks(1, ids.len())
    );
    let query = ids.iter().fold(sqlx::query(composed(statement)), |query, id| {
        query.bind(id.as_str())
    });
    let count: i64 = query.fetch_one(connection).await?.try_get(0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Says until when these, which are not too many for one statement, are alive; how many of them are there.
pub(super) async fn keep_alive(
    connection: &mut AnyConnection,
    ids: &[String],
    until: Timestamp,
) -> Result<u64, sqlx::Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    let statement = format!(
        "UPDATE hub_registration SET alive_until = $1 WHERE id IN ({})",
        marks(2, ids.len())
    );
    let query = sqlx::query(composed(statement)).bind(until.as_micros());
    let query = ids.iter().fold(query, |query, id| query.bind(id.as_str()));
    Ok(query.execute(connection).await?.rows_affected())
}

impl SqlHub {
    async fn listed(&self, conditions: &str, since: i64) -> Result<Vec<StoredRegistration>, HubStoreError> {
        let statement =
            format!("SELECT {COLUMNS} FROM hub_registration WHERE {conditions} ORDER BY position");
        let rows = sqlx::query(composed(statement))
            .bind(since)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list registrations")?;
        let read: Result<Vec<_>, _> = rows.iter().map(registration).collect();
        read.doing("list registrations")
    }
}

#[async_trait]
impl Registrations for SqlHub {
    async fn registrations(&self) -> Result<Vec<StoredRegistration>, HubStoreError> {
        self.listed("changed >= $1", 0).await
    }

    async fn registrations_in(&self, workspace: &str) -> Result<Vec<StoredRegistration>, HubStoreError> {
        const DOING: &str = "list registrations of a workspace";
        let statement =
            format!("SELECT {COLUMNS} FROM hub_registration WHERE workspace = $1 ORDER BY position");
        let rows = sqlx::query(composed(statement))
            .bind(workspace)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(registration).collect();
        read.doing(DOING)
    }

    async fn alive_until(&self, workspace: &str) -> Result<HashMap<String, Timestamp>, HubStoreError> {
        const DOING: &str = "look which machines are alive";
        const ASK: &str = "SELECT name, MAX(alive_until) AS alive_until FROM hub_registration WHERE workspace = $1 GROUP BY name";
        let rows = sqlx::query(ASK)
            .bind(workspace)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read = rows
            .iter()
            .map(|row| Ok((row.try_get("name")?, moment(row, "alive_until")?)));
        read.collect::<Result<_, sqlx::Error>>().doing(DOING)
    }

    async fn registrations_since(&self, changed: i64) -> Result<Vec<StoredRegistration>, HubStoreError> {
        self.listed("changed > $1", changed).await
    }

    async fn registration_ids(&self) -> Result<Vec<String>, HubStoreError> {
        let rows = sqlx::query("SELECT id FROM hub_registration")
            .fetch_all(&mut *self.reading().await?)
            .await;
        let read = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        read.doing("list registrations")
    }

    async fn registrations_changed(&self) -> Result<RegistrationChanges, HubStoreError> {
        const ASK: &str =
            "SELECT name, value FROM hub_counter WHERE name IN ('registrations', 'registrations_gone')";
        const DOING: &str = "ask for changes of registrations";
        let rows = sqlx::query(ASK).fetch_all(&mut *self.reading().await?).await;
        let mut changes = RegistrationChanges::default();
        for row in rows.doing(DOING)? {
            let value = row.try_get("value").doing(DOING)?;
            match row.try_get::<String, _>("name").doing(DOING)?.as_str() {
                "registrations" => changes.changed = value,
                _ => changes.gone = value,
            }
        }
        Ok(changes)
    }

    async fn keep_alive(&self, ids: &[String], until: Timestamp) -> Result<u64, HubStoreError> {
        let mut there = 0;
        for chunk in ids.chunks(500) {
            let kept = keep_alive(&mut *self.writer().await?, chunk, until).await;
            there += kept.doing("keep registrations")?;
        }
        Ok(there)
    }

    async fn drop_registration(&self, id: &str) -> Result<bool, HubStoreError> {
        const DOING: &str = "take a registration away";
        let mut transaction = self.transaction().await?;
        let is_dropped = drop_one(&mut transaction, id).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(is_dropped)
    }

    async fn send_away(
        &self,
        id: &str,
        now: Timestamp,
        deeds: &[ConsoleDeed],
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "send a machine away";
        const NOTE: &str = "INSERT INTO hub_sent_away (id, workspace, name, version, owner, at) \
            SELECT r.id, r.workspace, r.name, r.version, COALESCE(k.owner, ''), CAST($1 AS BIGINT) FROM hub_registration r \
            LEFT JOIN hub_key k ON k.id = r.principal WHERE r.id = $2 ON CONFLICT (id) DO NOTHING";
        let mut transaction = self.transaction().await?;
        sqlx::query(NOTE)
            .bind(now.as_micros())
            .bind(id)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        let is_dropped = drop_one(&mut transaction, id).await.doing(DOING)?;
        if is_dropped {
            console::keep(&mut transaction, deeds).await.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(is_dropped)
    }

    async fn sent_away(&self) -> Result<Vec<SentAway>, HubStoreError> {
        const DOING: &str = "list machines that were sent away";
        let statement = format!("SELECT {SENT_AWAY} FROM hub_sent_away ORDER BY at DESC, id");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(sent_away).collect();
        read.doing(DOING)
    }

    async fn let_in(&self, id: &str, deeds: &[ConsoleDeed]) -> Result<bool, HubStoreError> {
        const DOING: &str = "let a machine in again";
        let mut transaction = self.transaction().await?;
        let done = sqlx::query("DELETE FROM hub_sent_away WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        let is_done = done.rows_affected() > 0;
        if is_done {
            console::keep(&mut transaction, deeds).await.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(is_done)
    }

    async fn drop_vanished(&self, since: Timestamp, now: Timestamp) -> Result<u64, HubStoreError> {
        const DOING: &str = "take away machines that are gone";
        let mut transaction = self.transaction().await?;
        let dropped = drop_those_that_vanished(&mut transaction, since, now)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(dropped)
    }
}
