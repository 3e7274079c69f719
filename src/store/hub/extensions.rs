//! Extensions, each under a version that counts its changes, and the published halves of install keys.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::statement::{Doing, composed, json, moment, moment_or_none, to_json};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::extensions::{ExtensionStore, StoredExtension, StoredInstallKey};

const COLUMNS: &str = "key, workspaces, descriptor_url, descriptor, wished, client, installed, current_secret, previous_secret, \
    previous_until, next_secret, wants_secret, told, attempts, not_before, trouble, registered_by, version";

fn extension(row: &AnyRow) -> Result<StoredExtension, sqlx::Error> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(StoredExtension {
        key: row.try_get("key")?,
        workspaces: json(row, "workspaces")?,
        descriptor_url: row.try_get("descriptor_url")?,
        descriptor: row.try_get("descriptor")?,
        wished: row.try_get("wished")?,
        client: row.try_get("client")?,
        installed: row.try_get("installed")?,
        current: row.try_get("current_secret")?,
        previous: row.try_get("previous_secret")?,
        previous_until: moment_or_none(row, "previous_until")?,
        next: row.try_get("next_secret")?,
        wants_secret: row.try_get::<i64, _>("wants_secret")? != 0,
        told: row.try_get("told")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        not_before: moment_or_none(row, "not_before")?,
        trouble: row.try_get("trouble")?,
        registered_by: row.try_get("registered_by")?,
        version: row.try_get("version")?,
    })
}

fn install_key(row: &AnyRow) -> Result<StoredInstallKey, sqlx::Error> {
    Ok(StoredInstallKey {
        id: row.try_get("id")?,
        pem: row.try_get("pem")?,
        created: moment(row, "created")?,
        retired: moment_or_none(row, "retired")?,
    })
}

fn micros(moment: Option<Timestamp>) -> i64 {
    moment.map_or(0, Timestamp::as_micros)
}

/// A new extension is version 1; `$18` is the version that must be there.
const SAVE: &str = "INSERT INTO hub_extension (key, workspaces, descriptor_url, descriptor, wished, client, installed, \
    current_secret, previous_secret, previous_until, next_secret, wants_secret, told, attempts, not_before, trouble, registered_by, \
    version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1)";
const CHANGE: &str = "UPDATE hub_extension SET workspaces = $2, descriptor_url = $3, descriptor = $4, wished = $5, client = $6, \
    installed = $7, current_secret = $8, previous_secret = $9, previous_until = $10, next_secret = $11, wants_secret = $12, \
    told = $13, attempts = $14, not_before = $15, trouble = $16, registered_by = $17, version = version + 1 \
    WHERE key = $1 AND version = $18";

impl SqlHub {
    async fn one_extension(
        &self,
        column: &str,
        value: &str,
    ) -> Result<Option<StoredExtension>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_extension WHERE {column} = $1");
        let row = sqlx::query(composed(statement))
            .bind(value)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing("look for an extension")?;
        row.as_ref()
            .map(extension)
            .transpose()
            .doing("look for an extension")
    }
}

#[async_trait]
impl ExtensionStore for SqlHub {
    async fn identity(&self, name: &str, fresh: &str) -> Result<String, HubStoreError> {
        const DOING: &str = "read the hub's identity";
        let mut connection = self.writer().await?;
        sqlx::query("INSERT INTO hub_lasting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(fresh)
            .execute(&mut *connection)
            .await
            .doing(DOING)?;
        let row = sqlx::query("SELECT value FROM hub_lasting WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .doing(DOING)?;
        row.try_get(0).doing(DOING)
    }

    async fn extensions(&self) -> Result<Vec<StoredExtension>, HubStoreError> {
        let statement = format!("SELECT {COLUMNS} FROM hub_extension ORDER BY key");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list extensions")?;
        let read: Result<Vec<_>, _> = rows.iter().map(extension).collect();
        read.doing("list extensions")
    }

    async fn extension(&self, key: &str) -> Result<Option<StoredExtension>, HubStoreError> {
        self.one_extension("key", key).await
    }

    async fn extension_of_client(&self, client: &str) -> Result<Option<StoredExtension>, HubStoreError> {
        self.one_extension("client", client).await
    }

    async fn save_extension(&self, extension: &StoredExtension) -> Result<Option<i64>, HubStoreError> {
        let is_new = extension.version == 0;
        let statement = if is_new {
            format!("{SAVE} ON CONFLICT DO NOTHING")
        } else {
            CHANGE.to_owned()
        };
        let mut query = sqlx::query(composed(statement))
            .bind(extension.key.as_str())
            .bind(to_json(&extension.workspaces))
            .bind(extension.descriptor_url.as_str())
            .bind(extension.descriptor.as_str())
            .bind(extension.wished.as_str())
            .bind(extension.client.as_str())
            .bind(extension.installed.as_str())
            .bind(extension.current.as_str())
            .bind(extension.previous.as_str())
            .bind(micros(extension.previous_until))
            .bind(extension.next.as_str())
            .bind(i64::from(extension.wants_secret))
            .bind(extension.told.as_str())
            .bind(i64::from(extension.attempts))
            .bind(micros(extension.not_before))
            .bind(extension.trouble.as_str())
            .bind(extension.registered_by.as_str());
        if !is_new {
            query = query.bind(extension.version);
        }
        let done = query.execute(&mut *self.writer().await?).await;
        let done = done.doing("keep an extension")?;
        Ok((done.rows_affected() > 0).then_some(extension.version + 1))
    }

    async fn add_install_key(&self, key: &StoredInstallKey) -> Result<(), HubStoreError> {
        sqlx::query("INSERT INTO hub_install_key (id, pem, created, retired) VALUES ($1, $2, $3, $4)")
            .bind(key.id.as_str())
            .bind(key.pem.as_str())
            .bind(key.created.as_micros())
            .bind(micros(key.retired))
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("publish an install key")
    }

    async fn install_keys(&self) -> Result<Vec<StoredInstallKey>, HubStoreError> {
        let rows = sqlx::query("SELECT id, pem, created, retired FROM hub_install_key ORDER BY created, id")
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list install keys")?;
        let read: Result<Vec<_>, _> = rows.iter().map(install_key).collect();
        read.doing("list install keys")
    }

    async fn retire_other_install_keys(&self, id: &str, at: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("UPDATE hub_install_key SET retired = $1 WHERE id <> $2 AND retired = 0")
            .bind(at.as_micros())
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("retire install keys")
    }

    async fn forget_install_keys(&self, before: Timestamp) -> Result<Vec<String>, HubStoreError> {
        const FORGET: &str = "DELETE FROM hub_install_key WHERE retired <> 0 AND retired < $1 RETURNING id";
        let rows = sqlx::query(FORGET)
            .bind(before.as_micros())
            .fetch_all(&mut *self.writer().await?)
            .await;
        let read = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        read.doing("forget install keys")
    }
}
