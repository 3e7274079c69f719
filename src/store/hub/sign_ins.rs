//! Sessions of people in browsers, and links that sign them in.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::console;
use super::people::{PERSON, add, count_change, link as link_identity, person, word};
use super::statement::{Doing, composed, moment, text_or_none};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::people::{
    Invited, PendingSignIn, PersonRole, SignIn, SignIns, StoredLink, StoredPerson, StoredSession,
};

const SESSION: &str = "s.digest, s.id AS session, s.person, s.means, s.user_agent, s.signed_in, s.last_seen";
const PENDING: &str = "state_digest, browser_digest, provider, place, link, connects, authorizes, expires";
const LINK: &str = "digest, id, person, name, role, made_by, created, expires";

fn session(row: &AnyRow) -> Result<StoredSession, sqlx::Error> {
    Ok(StoredSession {
        digest: row.try_get("digest")?,
        id: row.try_get("session")?,
        person: row.try_get("person")?,
        means: row.try_get("means")?,
        user_agent: row.try_get("user_agent")?,
        signed_in: moment(row, "signed_in")?,
        last_seen: moment(row, "last_seen")?,
    })
}

fn link(row: &AnyRow) -> Result<StoredLink, sqlx::Error> {
    let invites = !row.try_get::<String, _>("role")?.is_empty();
    let invited = || {
        Ok::<_, sqlx::Error>(Invited {
            name: row.try_get("name")?,
            role: word(row, "role", PersonRole::read)?,
        })
    };
    Ok(StoredLink {
        digest: row.try_get("digest")?,
        id: row.try_get("id")?,
        person: row.try_get("person")?,
        invited: invites.then(invited).transpose()?,
        made_by: row.try_get("made_by")?,
        created: moment(row, "created")?,
        expires: moment(row, "expires")?,
    })
}

fn pending(row: &AnyRow) -> Result<PendingSignIn, sqlx::Error> {
    Ok(PendingSignIn {
        state_digest: row.try_get("state_digest")?,
        browser_digest: row.try_get("browser_digest")?,
        provider: row.try_get("provider")?,
        place: row.try_get("place")?,
        link: text_or_none(row, "link")?,
        connects: text_or_none(row, "connects")?,
        authorizes: text_or_none(row, "authorizes")?,
        expires: moment(row, "expires")?,
    })
}

/// Uses a link up; `false` when it is not there or has ended.
async fn use_up(connection: &mut AnyConnection, digest: &str, now: Timestamp) -> Result<bool, sqlx::Error> {
    let used = sqlx::query("DELETE FROM hub_sign_in_link WHERE digest = $1 AND expires > $2")
        .bind(digest)
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    Ok(used.rows_affected() > 0)
}

async fn open(connection: &mut AnyConnection, new: &StoredSession) -> Result<(), sqlx::Error> {
    const OPEN: &str = "INSERT INTO hub_session (digest, id, person, means, user_agent, signed_in, last_seen) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(OPEN)
        .bind(new.digest.as_str())
        .bind(new.id.as_str())
        .bind(new.person.as_str())
        .bind(new.means.as_str())
        .bind(new.user_agent.as_str())
        .bind(new.signed_in.as_micros())
        .bind(new.last_seen.as_micros())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Everything about somebody who signs in; `false` when a part of it cannot be.
async fn come_in(connection: &mut AnyConnection, sign_in: &SignIn) -> Result<bool, sqlx::Error> {
    if sign_in.makes.is_some() || sign_in.identity.is_some() {
        count_change(connection).await?;
    }
    if let Some(digest) = &sign_in.link
        && !use_up(connection, digest, sign_in.session.signed_in).await?
    {
        return Ok(false);
    }
    if let Some(made) = &sign_in.makes
        && !add(connection, made).await?
    {
        return Ok(false);
    }
    if let Some(identity) = &sign_in.identity
        && !link_identity(connection, identity).await?
    {
        return Ok(false);
    }
    if let Some(digest) = &sign_in.replaces {
        sqlx::query("DELETE FROM hub_session WHERE digest = $1")
            .bind(digest.as_str())
            .execute(&mut *connection)
            .await?;
    }
    open(connection, &sign_in.session).await.map(|()| true)
}

#[async_trait]
impl SignIns for SqlHub {
    async fn sign_in(&self, sign_in: &SignIn) -> Result<bool, HubStoreError> {
        const DOING: &str = "sign somebody in";
        let mut transaction = self.transaction().await?;
        let is_in = come_in(&mut transaction, sign_in).await.doing(DOING)?;
        if is_in {
            transaction.commit().await.doing(DOING)?;
        }
        Ok(is_in)
    }

    async fn session(&self, digest: &str) -> Result<Option<(StoredSession, StoredPerson)>, HubStoreError> {
        const DOING: &str = "look for a session";
        let statement = format!(
            "SELECT {SESSION}, {PERSON} FROM hub_session s JOIN hub_person p ON p.id = s.person WHERE s.digest = $1"
        );
        let row = sqlx::query(composed(statement))
            .bind(digest)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let both = |row: AnyRow| Ok::<_, sqlx::Error>((session(&row)?, person(&row)?));
        row.map(both).transpose().doing(DOING)
    }

    async fn session_seen(&self, digest: &str, at: Timestamp) -> Result<(), HubStoreError> {
        sqlx::query("UPDATE hub_session SET last_seen = $1 WHERE digest = $2 AND last_seen < $1")
            .bind(at.as_micros())
            .bind(digest)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("note the use of a session")
    }

    async fn sessions_of(&self, of: &str) -> Result<Vec<StoredSession>, HubStoreError> {
        const DOING: &str = "list sessions";
        let statement = format!(
            "SELECT {SESSION} FROM hub_session s WHERE s.person = $1 ORDER BY s.signed_in DESC, s.id"
        );
        let rows = sqlx::query(composed(statement))
            .bind(of)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(session).collect();
        read.doing(DOING)
    }

    async fn end_session(&self, of: &str, id: &str) -> Result<bool, HubStoreError> {
        let done = sqlx::query("DELETE FROM hub_session WHERE person = $1 AND id = $2")
            .bind(of)
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .doing("end a session")?;
        Ok(done.rows_affected() > 0)
    }

    async fn add_link(&self, new: &StoredLink, deeds: &[ConsoleDeed]) -> Result<(), HubStoreError> {
        const DOING: &str = "keep a link to sign in";
        const ADD: &str = "INSERT INTO hub_sign_in_link (digest, id, person, name, role, made_by, created, expires) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (name, role) = new
            .invited
            .as_ref()
            .map_or(("", ""), |invited| (invited.name.as_str(), invited.role.word()));
        let mut transaction = self.transaction().await?;
        console::keep(&mut transaction, deeds).await.doing(DOING)?;
        sqlx::query(ADD)
            .bind(new.digest.as_str())
            .bind(new.id.as_str())
            .bind(new.person.as_str())
            .bind(name)
            .bind(role)
            .bind(new.made_by.as_str())
            .bind(new.created.as_micros())
            .bind(new.expires.as_micros())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }

    async fn link(&self, digest: &str) -> Result<Option<StoredLink>, HubStoreError> {
        const DOING: &str = "look for a link to sign in";
        let statement = format!("SELECT {LINK} FROM hub_sign_in_link WHERE digest = $1");
        let row = sqlx::query(composed(statement))
            .bind(digest)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(link).transpose().doing(DOING)
    }

    async fn links(&self) -> Result<Vec<StoredLink>, HubStoreError> {
        const DOING: &str = "list links to sign in";
        let statement = format!("SELECT {LINK} FROM hub_sign_in_link ORDER BY created DESC, id");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(link).collect();
        read.doing(DOING)
    }

    async fn drop_link(&self, id: &str) -> Result<bool, HubStoreError> {
        let done = sqlx::query("DELETE FROM hub_sign_in_link WHERE id = $1")
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .doing("take back a link to sign in")?;
        Ok(done.rows_affected() > 0)
    }

    async fn begin_sign_in(
        &self,
        new: &PendingSignIn,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "remember a sign-in";
        const BEGIN: &str = "INSERT INTO hub_pending_sign_in \
            (state_digest, browser_digest, provider, place, link, connects, authorizes, expires) \
            SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE (SELECT COUNT(*) FROM hub_pending_sign_in) < $9";
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM hub_pending_sign_in WHERE expires <= $1")
            .bind(now.as_micros())
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        let begun = sqlx::query(BEGIN)
            .bind(new.state_digest.as_str())
            .bind(new.browser_digest.as_str())
            .bind(new.provider.as_str())
            .bind(new.place.as_str())
            .bind(new.link.as_deref().unwrap_or_default())
            .bind(new.connects.as_deref().unwrap_or_default())
            .bind(new.authorizes.as_deref().unwrap_or_default())
            .bind(new.expires.as_micros())
            .bind(i64::from(most))
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        Ok(begun.rows_affected() > 0)
    }

    async fn take_sign_in(&self, state_digest: &str) -> Result<Option<PendingSignIn>, HubStoreError> {
        const DOING: &str = "take out a sign-in";
        let statement =
            format!("DELETE FROM hub_pending_sign_in WHERE state_digest = $1 RETURNING {PENDING}");
        let row = sqlx::query(composed(statement))
            .bind(state_digest)
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(pending).transpose().doing(DOING)
    }

    async fn tidy_sign_ins(
        &self,
        now: Timestamp,
        signed_in: Timestamp,
        last_seen: Timestamp,
    ) -> Result<(), HubStoreError> {
        const DOING: &str = "forget sign-ins that ended";
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM hub_sign_in_link WHERE expires <= $1")
            .bind(now.as_micros())
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        sqlx::query("DELETE FROM hub_session WHERE signed_in <= $1 OR last_seen <= $2")
            .bind(signed_in.as_micros())
            .bind(last_seen.as_micros())
            .execute(&mut *writer)
            .await
            .map(|_| ())
            .doing(DOING)
    }
}
