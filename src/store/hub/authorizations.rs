//! What people let the hub do for them elsewhere, and links by which they do.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::statement::{
    Doing, added_after_expired, composed, json, moment, moment_or_none, text_or_none, to_json,
};
use crate::model::Timestamp;
use crate::ports::authorizations::{
    Authorizations, AuthorizeLink, Loss, LostAuthorization, StoredAuthorization,
};
use crate::ports::hub::HubStoreError;

const AUTHORIZATION: &str = "person, provider, subject, scopes, granted, expires, token_ends";
const LINK: &str = "digest, person, session, provider, scopes, resumes, expires";

fn authorization(row: &AnyRow) -> Result<StoredAuthorization, sqlx::Error> {
    Ok(StoredAuthorization {
        person: row.try_get("person")?,
        provider: row.try_get("provider")?,
        subject: row.try_get("subject")?,
        scopes: json(row, "scopes")?,
        granted: moment(row, "granted")?,
        expires: moment_or_none(row, "expires")?,
        token_ends: moment_or_none(row, "token_ends")?,
    })
}

fn link(row: &AnyRow) -> Result<AuthorizeLink, sqlx::Error> {
    Ok(AuthorizeLink {
        digest: row.try_get("digest")?,
        person: row.try_get("person")?,
        session: text_or_none(row, "session")?,
        provider: row.try_get("provider")?,
        scopes: json(row, "scopes")?,
        resumes: row.try_get("resumes")?,
        expires: moment(row, "expires")?,
    })
}

fn lost(row: &AnyRow) -> Result<LostAuthorization, sqlx::Error> {
    let how: String = row.try_get("how")?;
    Ok(LostAuthorization {
        provider: row.try_get("provider")?,
        // What a later version wrote is an end all the same.
        how: Loss::read(&how).unwrap_or(Loss::Refused),
        lost: moment(row, "lost")?,
    })
}

#[async_trait]
impl Authorizations for SqlHub {
    async fn authorizations_of(&self, person: &str) -> Result<Vec<StoredAuthorization>, HubStoreError> {
        const DOING: &str = "list authorisations";
        let statement =
            format!("SELECT {AUTHORIZATION} FROM hub_authorization WHERE person = $1 ORDER BY provider");
        let rows = sqlx::query(composed(statement))
            .bind(person)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(authorization).collect();
        read.doing(DOING)
    }

    async fn authorizations_at(
        &self,
        provider: &str,
        subject: &str,
    ) -> Result<Vec<StoredAuthorization>, HubStoreError> {
        const DOING: &str = "look for authorisations";
        let statement =
            format!("SELECT {AUTHORIZATION} FROM hub_authorization WHERE provider = $1 AND subject = $2");
        let rows = sqlx::query(composed(statement))
            .bind(provider)
            .bind(subject)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(authorization).collect();
        read.doing(DOING)
    }

    async fn keep_authorization(&self, new: &StoredAuthorization) -> Result<(), HubStoreError> {
        const KEEP: &str = "INSERT INTO hub_authorization (person, provider, subject, scopes, granted, expires, token_ends) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (person, provider) DO UPDATE SET subject = excluded.subject, \
            scopes = excluded.scopes, granted = excluded.granted, expires = excluded.expires, \
            token_ends = excluded.token_ends";
        const DOING: &str = "keep an authorisation";
        let mut transaction = self.transaction().await?;
        sqlx::query("DELETE FROM hub_lost_authorization WHERE person = $1 AND provider = $2")
            .bind(new.person.as_str())
            .bind(new.provider.as_str())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        sqlx::query(KEEP)
            .bind(new.person.as_str())
            .bind(new.provider.as_str())
            .bind(new.subject.as_str())
            .bind(to_json(&new.scopes))
            .bind(new.granted.as_micros())
            .bind(new.expires.map_or(0, Timestamp::as_micros))
            .bind(new.token_ends.map_or(0, Timestamp::as_micros))
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }

    async fn drop_authorization(&self, person: &str, provider: &str) -> Result<bool, HubStoreError> {
        let done = sqlx::query("DELETE FROM hub_authorization WHERE person = $1 AND provider = $2")
            .bind(person)
            .bind(provider)
            .execute(&mut *self.writer().await?)
            .await
            .doing("forget an authorisation")?;
        Ok(done.rows_affected() > 0)
    }

    async fn lose_authorization(
        &self,
        person: &str,
        lost: &LostAuthorization,
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "note the end of an authorisation";
        const NOTE: &str = "INSERT INTO hub_lost_authorization (person, provider, how, lost) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (person, provider) DO UPDATE SET how = excluded.how, lost = excluded.lost";
        if !self.drop_authorization(person, &lost.provider).await? {
            return Ok(false);
        }
        sqlx::query(NOTE)
            .bind(person)
            .bind(lost.provider.as_str())
            .bind(lost.how.word())
            .bind(lost.lost.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        Ok(true)
    }

    async fn lost_authorizations(&self, person: &str) -> Result<Vec<LostAuthorization>, HubStoreError> {
        const DOING: &str = "list what ended of authorisations";
        const LIST: &str =
            "SELECT provider, how, lost FROM hub_lost_authorization WHERE person = $1 ORDER BY provider";
        let rows = sqlx::query(LIST)
            .bind(person)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(lost).collect();
        read.doing(DOING)
    }

    async fn add_authorize_link(
        &self,
        new: &AuthorizeLink,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, HubStoreError> {
        const ADD: &str = "INSERT INTO hub_authorize_link (digest, person, session, provider, scopes, resumes, expires) \
            SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT COUNT(*) FROM hub_authorize_link WHERE person = $2) < $8";
        let add = sqlx::query(ADD)
            .bind(new.digest.as_str())
            .bind(new.person.as_str())
            .bind(new.session.as_deref().unwrap_or_default())
            .bind(new.provider.as_str())
            .bind(to_json(&new.scopes))
            .bind(new.resumes.as_str())
            .bind(new.expires.as_micros())
            .bind(i64::from(most));
        let mut writer = self.writer().await?;
        let added = added_after_expired(&mut writer, "hub_authorize_link", add, now).await;
        added.doing("keep a link to authorise")
    }

    async fn authorize_link(&self, digest: &str) -> Result<Option<AuthorizeLink>, HubStoreError> {
        const DOING: &str = "look for a link to authorise";
        let statement = format!("SELECT {LINK} FROM hub_authorize_link WHERE digest = $1");
        let row = sqlx::query(composed(statement))
            .bind(digest)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(link).transpose().doing(DOING)
    }

    async fn take_authorize_link(&self, digest: &str) -> Result<Option<AuthorizeLink>, HubStoreError> {
        const DOING: &str = "take out a link to authorise";
        let statement = format!("DELETE FROM hub_authorize_link WHERE digest = $1 RETURNING {LINK}");
        let row = sqlx::query(composed(statement))
            .bind(digest)
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(link).transpose().doing(DOING)
    }
}
