//! Machines that registered, in the order in which they did.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::statement::{Doing, composed, marks, moment};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Registrations, StoredRegistration};
use crate::wire::hub::PolicyName;

const COLUMNS: &str = "id, workspace, name, version, policy, body, principal, position, alive_until";
const DOING: &str = "take in a registration";
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

async fn next_position(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    const NEXT: &str =
        "UPDATE hub_counter SET value = value + 1 WHERE name = 'registrations' RETURNING value";
    sqlx::query(NEXT).fetch_one(connection).await?.try_get(0)
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

async fn store(connection: &mut AnyConnection, new: &StoredRegistration) -> Result<(), sqlx::Error> {
    const UPSERT: &str = "INSERT INTO hub_registration \
        (id, workspace, name, version, policy, body, principal, position, alive_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (workspace, name, version) DO UPDATE SET \
        policy = excluded.policy, body = excluded.body, principal = excluded.principal, position = excluded.position, \
        alive_until = excluded.alive_until";
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
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes registrations away, with what waits for them.
async fn drop_all(connection: &mut AnyConnection, ids: &[String]) -> Result<u64, sqlx::Error> {
    let mut dropped = 0;
    for id in ids {
        for statement in [
            "DELETE FROM hub_delivery WHERE registration = $1",
            "DELETE FROM hub_registration WHERE id = $1",
        ] {
            let query = sqlx::query(statement).bind(id.as_str());
            dropped = query.execute(&mut *connection).await?.rows_affected();
        }
    }
    if !ids.is_empty() {
        next_position(connection).await?;
    }
    Ok(dropped)
}

#[async_trait]
impl Registrations for SqlHub {
    async fn register(&self, asked: &StoredRegistration) -> Result<StoredRegistration, HubStoreError> {
        let mut transaction = self.transaction().await?;
        let connection = &mut *transaction;
        // The counter's row is held first, so that two registrations of one machine follow one another.
        let position = next_position(connection).await.doing(DOING)?;
        let mut new = asked.clone();
        new.position = position;
        if let Some(known) = known(connection, asked).await.doing(DOING)? {
            new.id = known.id;
            // The same machine that comes back is no newer than it was (wire protocol 12).
            if known.body == asked.body && known.policy == asked.policy {
                new.position = known.position;
            }
        }
        store(connection, &new).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(new)
    }

    async fn registrations(&self) -> Result<Vec<StoredRegistration>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_registration ORDER BY position");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list registrations")?;
        let read: Result<Vec<_>, _> = rows.iter().map(registration).collect();
        read.doing("list registrations")
    }

    async fn registrations_changed(&self) -> Result<i64, HubStoreError> {
        const ASK: &str = "SELECT value FROM hub_counter WHERE name = 'registrations'";
        let row = sqlx::query(ASK).fetch_one(&mut *self.reading().await?).await;
        row.and_then(|row| row.try_get(0))
            .doing("ask for changes of registrations")
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
