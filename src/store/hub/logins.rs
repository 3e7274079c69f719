//! Programs on their way to a key: kept by their digest, and gone when used.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::statement::{Doing, moment};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, LoginStep, Logins, StoredLogin};

const ALLOWED: &str = "allowed";
const PROVEN: &str = "proven";

fn word(step: LoginStep) -> &'static str {
    match step {
        LoginStep::Allowed => ALLOWED,
        LoginStep::Proven => PROVEN,
    }
}

fn login(row: &AnyRow) -> Result<StoredLogin, sqlx::Error> {
    let step: String = row.try_get("step")?;
    Ok(StoredLogin {
        digest: row.try_get("digest")?,
        step: match step == PROVEN {
            true => LoginStep::Proven,
            false => LoginStep::Allowed,
        },
        person: row.try_get("person")?,
        challenge: row.try_get("challenge")?,
        expires: moment(row, "expires")?,
    })
}

#[async_trait]
impl Logins for SqlHub {
    async fn keep_login(
        &self,
        login: &StoredLogin,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "remember a program that somebody signs in with";
        const KEEP: &str = "INSERT INTO hub_login (digest, step, person, challenge, expires) \
            SELECT $1, $2, $3, $4, $5 WHERE (SELECT COUNT(*) FROM hub_login) < $6";
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM hub_login WHERE expires <= $1")
            .bind(now.as_micros())
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        let kept = sqlx::query(KEEP)
            .bind(login.digest.as_str())
            .bind(word(login.step))
            .bind(login.person.as_str())
            .bind(login.challenge.as_str())
            .bind(login.expires.as_micros())
            .bind(i64::from(most))
            .execute(&mut *writer)
            .await
            .doing(DOING)?;
        Ok(kept.rows_affected() > 0)
    }

    async fn take_login(&self, digest: &str) -> Result<Option<StoredLogin>, HubStoreError> {
        const DOING: &str = "take out a program that somebody signs in with";
        const TAKE: &str =
            "DELETE FROM hub_login WHERE digest = $1 RETURNING digest, step, person, challenge, expires";
        let row = sqlx::query(TAKE)
            .bind(digest)
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(login).transpose().doing(DOING)
    }
}
