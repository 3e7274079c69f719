//! Sealed secrets by their rows.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::statement::{Doing, composed, moment};
use crate::ports::hub::HubStoreError;
use crate::ports::hub::secrets::{SealedSecret, SealedSecrets};

const COLUMNS: &str = "kind, owner, id, sealed, changed";

fn sealed(row: &AnyRow) -> Result<SealedSecret, sqlx::Error> {
    Ok(SealedSecret {
        kind: row.try_get("kind")?,
        owner: row.try_get("owner")?,
        id: row.try_get("id")?,
        sealed: row.try_get("sealed")?,
        changed: moment(row, "changed")?,
    })
}

#[async_trait]
impl SealedSecrets for SqlHub {
    async fn keep_secret(&self, secret: &SealedSecret) -> Result<(), HubStoreError> {
        const KEEP: &str = "INSERT INTO hub_secret (kind, owner, id, sealed, changed) VALUES ($1, $2, $3, $4, $5) \
            ON CONFLICT (kind, owner, id) DO UPDATE SET sealed = $4, changed = $5";
        sqlx::query(KEEP)
            .bind(secret.kind.as_str())
            .bind(secret.owner.as_str())
            .bind(secret.id.as_str())
            .bind(secret.sealed.as_str())
            .bind(secret.changed.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("keep a secret")
    }

    async fn secret(&self, kind: &str, owner: &str, id: &str) -> Result<Option<SealedSecret>, HubStoreError> {
        let statement =
            format!("SELECT {COLUMNS} FROM hub_secret WHERE kind = $1 AND owner = $2 AND id = $3");
        let row = sqlx::query(composed(statement))
            .bind(kind)
            .bind(owner)
            .bind(id)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing("look for a secret")?;
        row.as_ref().map(sealed).transpose().doing("look for a secret")
    }

    async fn secrets(&self) -> Result<Vec<SealedSecret>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_secret ORDER BY kind, owner, id");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list secrets")?;
        let read: Result<Vec<_>, _> = rows.iter().map(sealed).collect();
        read.doing("list secrets")
    }

    async fn seal_again(&self, known: &SealedSecret, sealed: &str) -> Result<bool, HubStoreError> {
        const SEAL: &str =
            "UPDATE hub_secret SET sealed = $1 WHERE kind = $2 AND owner = $3 AND id = $4 AND sealed = $5";
        let done = sqlx::query(SEAL)
            .bind(sealed)
            .bind(known.kind.as_str())
            .bind(known.owner.as_str())
            .bind(known.id.as_str())
            .bind(known.sealed.as_str())
            .execute(&mut *self.writer().await?)
            .await
            .doing("seal a secret again")?;
        Ok(done.rows_affected() > 0)
    }

    async fn destroy_secret(&self, kind: &str, owner: &str, id: &str) -> Result<bool, HubStoreError> {
        let done = sqlx::query("DELETE FROM hub_secret WHERE kind = $1 AND owner = $2 AND id = $3")
            .bind(kind)
            .bind(owner)
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .doing("destroy a secret")?;
        Ok(done.rows_affected() > 0)
    }

    async fn destroy_secrets_of(&self, owner: &str) -> Result<u64, HubStoreError> {
        sqlx::query("DELETE FROM hub_secret WHERE owner = $1")
            .bind(owner)
            .execute(&mut *self.writer().await?)
            .await
            .map(|done| done.rows_affected())
            .doing("destroy secrets")
    }
}
