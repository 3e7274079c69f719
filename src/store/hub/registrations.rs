//! Machines that registered, in the order in which they did.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::statement::{Doing, composed, marks, moment};
use super::{SqlHub, console};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{
    HubStoreError, Registering, RegistrationChanges, Registrations, SentAway, StoredRegistration,
};
use crate::wire::hub::PolicyName;

const COLUMNS: &str = "id, workspace, name, version, policy, body, principal, position, alive_until";
const DOING: &str = "take in a registration";
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

/// Counts a change; the counter's row is held until the end, so that changes follow one another.
async fn next_change(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    const NEXT: &str =
        "UPDATE hub_counter SET value = value + 1 WHERE name = 'registrations' RETURNING value";
    sqlx::query(NEXT).fetch_one(connection).await?.try_get(0)
}

/// Whether somebody registers as before.
fn is_same(known: &StoredRegistration, asked: &StoredRegistration) -> bool {
    known.body == asked.body && known.policy == asked.policy && known.principal == asked.principal
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
) -> Result<Option<Registering>, sqlx::Error> {
    const WHOSE: &str = "SELECT k.owner FROM hub_registration r JOIN hub_key k ON k.id = r.principal \
        WHERE r.workspace = $1 AND r.name = $2 ORDER BY r.position DESC LIMIT 1";
    let whose = sqlx::query(WHOSE)
        .bind(asked.workspace.as_str())
        .bind(asked.name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let whose: Option<String> = whose.map(|row| row.try_get(0)).transpose()?;
    if let Some(whose) = whose.filter(|whose| whose != owner) {
        return Ok(Some(Registering::OfSomebodyElse(whose)));
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
    Ok(away.map(Registering::SentAway))
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

/// Takes registrations away, with what waits for them.
async fn drop_all(connection: &mut AnyConnection, ids: &[String]) -> Result<u64, sqlx::Error> {
    let mut dropped = 0;
    for id in ids {
        for statement in [
            "DELETE FROM hub_delivery WHERE state IN ('waiting', 'sent', 'dead') AND registration = $1",
            "DELETE FROM hub_registration WHERE id = $1",
        ] {
            let query = sqlx::query(statement).bind(id.as_str());
            dropped = query.execute(&mut *connection).await?.rows_affected();
        }
    }
    if !ids.is_empty() {
        next_change(connection).await?;
        sqlx::query("UPDATE hub_counter SET value = value + 1 WHERE name = 'registrations_gone'")
            .execute(connection)
            .await?;
    }
    Ok(dropped)
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
    async fn register(&self, asked: &StoredRegistration, owner: &str) -> Result<Registering, HubStoreError> {
        let mut transaction = self.transaction().await?;
        let connection = &mut *transaction;
        // Nobody need look at all machines because one of them has come back.
        let before = known(connection, asked).await.doing(DOING)?;
        if let Some(before) = before.filter(|before| is_same(before, asked)) {
            keep_one_alive(connection, asked).await.doing(DOING)?;
            transaction.commit().await.doing(DOING)?;
            return Ok(Registering::Kept(before));
        }
        // Nobody else registers from here to the end, so what is seen now is true until then (threat G2).
        let position = next_change(connection).await.doing(DOING)?;
        if let Some(refused) = refused(connection, asked, owner).await.doing(DOING)? {
            transaction.rollback().await.doing(DOING)?;
            return Ok(refused);
        }
        let mut new = asked.clone();
        new.position = position;
        if let Some(known) = known(connection, asked).await.doing(DOING)? {
            new.id = known.id;
            // The same machine that comes back is no newer than it was (wire protocol 12).
            if known.body == asked.body && known.policy == asked.policy {
                new.position = known.position;
            }
        }
        store(connection, &new, position).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(Registering::Kept(new))
    }

    async fn registrations(&self) -> Result<Vec<StoredRegistration>, HubStoreError> {
        self.listed("changed >= $1", 0).await
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

    async fn keep_alive(&self, ids: &[String], until: Timestamp) -> Result<(), HubStoreError> {
        for chunk in ids.chunks(500) {
            let statement = format!(
                "UPDATE hub_registration SET alive_until = $1 WHERE id IN ({})",
                marks(2, chunk.len())
            );
            let mut query = sqlx::query(composed(statement)).bind(until.as_micros());
            for id in chunk {
                query = query.bind(id.as_str());
            }
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("keep registrations")?;
        }
        Ok(())
    }

    async fn drop_registration(&self, id: &str) -> Result<bool, HubStoreError> {
        const DOING: &str = "take a registration away";
        let mut transaction = self.transaction().await?;
        let dropped = drop_all(&mut transaction, &[id.to_owned()]).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(dropped > 0)
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
        let dropped = drop_all(&mut transaction, &[id.to_owned()]).await.doing(DOING)?;
        if dropped > 0 {
            console::keep(&mut transaction, deeds).await.doing(DOING)?;
        }
        transaction.commit().await.doing(DOING)?;
        Ok(dropped > 0)
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

    async fn drop_vanished(&self, now: Timestamp) -> Result<u64, HubStoreError> {
        const DOING: &str = "take away machines that are gone";
        const VANISHED: &str =
            "SELECT id FROM hub_registration WHERE policy = 'ephemeral' AND alive_until < $1";
        let mut transaction = self.transaction().await?;
        let rows = sqlx::query(VANISHED)
            .bind(now.as_micros())
            .fetch_all(&mut *transaction)
            .await
            .doing(DOING)?;
        let ids: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        let ids = ids.doing(DOING)?;
        drop_all(&mut transaction, &ids).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(ids.len() as u64)
    }
}
