//! Keys: their public part and the digest of their secret.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::console;
use super::statement::{Doing, composed, json, moment, moment_or_none, to_json};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{HubStoreError, Keys, StoredKey};

const COLUMNS: &str =
    "id, digest, owner, workspaces, scopes, repositories, is_chosen, created, expires, revoked, last_used";

fn key(row: &AnyRow) -> Result<StoredKey, sqlx::Error> {
    Ok(StoredKey {
        id: row.try_get("id")?,
        digest: row.try_get("digest")?,
        owner: row.try_get("owner")?,
        workspaces: json(row, "workspaces")?,
        scopes: json(row, "scopes")?,
        repositories: json(row, "repositories")?,
        is_chosen: row.try_get::<i64, _>("is_chosen")? != 0,
        created: moment(row, "created")?,
        expires: moment(row, "expires")?,
        revoked: moment_or_none(row, "revoked")?,
        last_used: moment_or_none(row, "last_used")?,
    })
}

#[async_trait]
impl Keys for SqlHub {
    async fn add_key(&self, key: &StoredKey, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError> {
        const DOING: &str = "keep a key";
        const ADD: &str = "INSERT INTO hub_key \
            (id, digest, owner, workspaces, scopes, repositories, is_chosen, created, expires, revoked, last_used) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0)";
        let mut transaction = self.transaction().await?;
        console::keep(&mut transaction, deeds).await.doing(DOING)?;
        sqlx::query(ADD)
            .bind(key.id.as_str())
            .bind(key.digest.as_str())
            .bind(key.owner.as_str())
            .bind(to_json(&key.workspaces))
            .bind(to_json(&key.scopes))
            .bind(to_json(&key.repositories))
            .bind(i64::from(key.is_chosen))
            .bind(key.created.as_micros())
            .bind(key.expires.as_micros())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }

    async fn key(&self, id: &str) -> Result<Option<StoredKey>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_key WHERE id = $1");
        let row = sqlx::query(composed(statement))
            .bind(id)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing("look for a key")?;
        row.as_ref().map(key).transpose().doing("look for a key")
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_key ORDER BY created, id");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list keys")?;
        let read: Result<Vec<_>, _> = rows.iter().map(key).collect();
        read.doing("list keys")
    }

    async fn revoke_key(
        &self,
        id: &str,
        at: Timestamp,
        deeds: &[ConsoleDeed],
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "revoke a key";
        let mut transaction = self.transaction().await?;
        let done = sqlx::query("UPDATE hub_key SET revoked = $1 WHERE id = $2 AND revoked = 0")
            .bind(at.as_micros())
            .bind(id)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        console::keep(&mut transaction, deeds).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(true)
    }

    async fn key_used(&self, id: &str, at: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("UPDATE hub_key SET last_used = $1 WHERE id = $2 AND last_used < $1")
            .bind(at.as_micros())
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note the use of a key")
    }
}
