//! Preferences. An expired one reads as absent; writing and deleting do not ask whether it has expired (PF-01).

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::AnyConnection;

use super::SqlStore;
use super::failure::Doing;
use super::rows;
use super::writer::{Done, Write};
use crate::model::Timestamp;
use crate::ports::PreferenceStore;
use crate::ports::store::StoreError;

#[async_trait]
impl PreferenceStore for SqlStore {
    async fn preference(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Value>, StoreError> {
        let value: Option<String> = sqlx::query_scalar(
            "SELECT value FROM preferences WHERE scope = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)",
        )
        .bind(scope)
        .bind(key)
        .bind(now.as_micros())
        .fetch_optional(&self.readers)
        .await
        .doing("read a preference")?;
        value
            .map(|value| rows::from_json("preference", &value))
            .transpose()
    }

    async fn preferences(&self, scope: &str, now: Timestamp) -> Result<BTreeMap<String, Value>, StoreError> {
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT key, value FROM preferences WHERE scope = $1 AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(scope)
        .bind(now.as_micros())
        .fetch_all(&self.readers)
        .await
        .doing("read the preferences")?;
        let read = |(key, value): (String, String)| Ok((key, rows::from_json("preference", &value)?));
        found.into_iter().map(read).collect()
    }

    async fn put_preference(
        &self,
        scope: &str,
        key: &str,
        value: &Value,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let put = PutPreference {
            scope: scope.to_owned(),
            key: key.to_owned(),
            value: rows::to_json(value),
            expires_at,
        };
        self.writer.write(put).await
    }

    async fn delete_preference(&self, scope: &str, key: &str) -> Result<bool, StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.writer.write(DeletePreference { scope, key }).await
    }
}

struct PutPreference {
    scope: String,
    key: String,
    value: String,
    expires_at: Option<Timestamp>,
}

#[async_trait]
impl Write for PutPreference {
    type Answer = ();
    const DOING: &'static str = "set a preference";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query(
            "INSERT INTO preferences (scope, key, value, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
        )
        .bind(&self.scope)
        .bind(&self.key)
        .bind(&self.value)
        .bind(self.expires_at.map(Timestamp::as_micros))
        .execute(connection)
        .await
        .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

struct DeletePreference {
    scope: String,
    key: String,
}

#[async_trait]
impl Write for DeletePreference {
    type Answer = bool;
    const DOING: &'static str = "delete a preference";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let deleted = sqlx::query("DELETE FROM preferences WHERE scope = $1 AND key = $2")
            .bind(&self.scope)
            .bind(&self.key)
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(deleted.rows_affected() == 1))
    }
}
