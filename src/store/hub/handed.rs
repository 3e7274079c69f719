//! Tokens and handles by their digests, and what was used once.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::statement::{Doing, json, moment, moment_or_none, text_or_none, to_json};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::handed::{HandedOut, KeptHandle, KeptToken};

fn token(row: &AnyRow) -> Result<KeptToken, sqlx::Error> {
    let person: String = row.try_get("person")?;
    Ok(KeptToken {
        digest: row.try_get("digest")?,
        id: row.try_get("id")?,
        addon: row.try_get("addon")?,
        person: (!person.is_empty()).then_some(person),
        trust: text_or_none(row, "trust")?,
        limits: row.try_get("limits")?,
        given: moment(row, "given")?,
        ends: moment(row, "ends")?,
        revoked: moment_or_none(row, "revoked")?,
    })
}

fn handle(row: &AnyRow) -> Result<KeptHandle, sqlx::Error> {
    Ok(KeptHandle {
        digest: row.try_get("digest")?,
        addon: row.try_get("addon")?,
        person: row.try_get("person")?,
        invocation: row.try_get("invocation")?,
        resources: json(row, "resources")?,
        given: moment(row, "given")?,
    })
}

#[async_trait]
impl HandedOut for SqlHub {
    async fn keep_token(&self, token: &KeptToken) -> Result<(), HubStoreError> {
        const KEEP: &str = "INSERT INTO hub_handed_token (digest, id, addon, person, trust, limits, given, ends, revoked) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)";
        sqlx::query(KEEP)
            .bind(token.digest.as_str())
            .bind(token.id.as_str())
            .bind(token.addon.as_str())
            .bind(token.person.as_deref().unwrap_or_default())
            .bind(token.trust.as_deref().unwrap_or_default())
            .bind(token.limits.as_str())
            .bind(token.given.as_micros())
            .bind(token.ends.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("keep a token")
    }

    async fn token(&self, digest: &str) -> Result<Option<KeptToken>, HubStoreError> {
        let row = sqlx::query(
            "SELECT digest, id, addon, person, trust, limits, given, ends, revoked FROM hub_handed_token WHERE digest = $1",
        )
        .bind(digest)
        .fetch_optional(&mut *self.reading().await?)
        .await
        .doing("look for a token")?;
        row.as_ref().map(token).transpose().doing("look for a token")
    }

    async fn revoke_tokens(
        &self,
        addon: &str,
        person: Option<&str>,
        at: Timestamp,
    ) -> Result<u64, HubStoreError> {
        const REVOKE: &str = "UPDATE hub_handed_token SET revoked = $1 \
            WHERE addon = $2 AND revoked = 0 AND ($3 = '' OR person = $3)";
        sqlx::query(REVOKE)
            .bind(at.as_micros())
            .bind(addon)
            .bind(person.unwrap_or_default())
            .execute(&mut *self.writer().await?)
            .await
            .map(|done| done.rows_affected())
            .doing("take tokens back")
    }

    async fn keep_handle(&self, handle: &KeptHandle) -> Result<(), HubStoreError> {
        const KEEP: &str = "INSERT INTO hub_handle (digest, addon, person, invocation, resources, given) \
            VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(KEEP)
            .bind(handle.digest.as_str())
            .bind(handle.addon.as_str())
            .bind(handle.person.as_str())
            .bind(handle.invocation.as_str())
            .bind(to_json(&handle.resources))
            .bind(handle.given.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("keep a handle")
    }

    async fn handle(&self, digest: &str) -> Result<Option<KeptHandle>, HubStoreError> {
        let row = sqlx::query(
            "SELECT digest, addon, person, invocation, resources, given FROM hub_handle WHERE digest = $1",
        )
        .bind(digest)
        .fetch_optional(&mut *self.reading().await?)
        .await
        .doing("look for a handle")?;
        row.as_ref().map(handle).transpose().doing("look for a handle")
    }

    async fn use_once(&self, mark: &str, ends: Timestamp) -> Result<bool, HubStoreError> {
        let done = sqlx::query("INSERT INTO hub_used (mark, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(mark)
            .bind(ends.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .doing("note what was used")?;
        Ok(done.rows_affected() > 0)
    }

    async fn forget_ended(&self, now: Timestamp, handles_of: Timestamp) -> Result<(), HubStoreError> {
        const DOING: &str = "forget what has ended";
        let mut connection = self.writer().await?;
        for (statement, moment) in [
            ("DELETE FROM hub_used WHERE ends < $1", now),
            ("DELETE FROM hub_handed_token WHERE ends < $1", now),
            ("DELETE FROM hub_handle WHERE given < $1", handles_of),
        ] {
            sqlx::query(statement)
                .bind(moment.as_micros())
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        Ok(())
    }
}
