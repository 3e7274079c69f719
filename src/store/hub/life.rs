//! The life of the memory, and what is needed to put it back to an older point.

use std::path::Path;

use async_trait::async_trait;
use sqlx::{AnyConnection, Row};

use super::statement::{Doing, composed, moment, moment_or_none};
use super::{SqlHub, console};
use crate::model::Timestamp;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::hub::{HubStoreError, Life, Lives};

#[async_trait]
impl Lives for SqlHub {
    async fn life(&self) -> Result<Option<Life>, HubStoreError> {
        const DOING: &str = "read the life of the hub's memory";
        let row = sqlx::query("SELECT id, known_until FROM hub_life WHERE one = 1")
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Life {
            id: row.try_get("id").doing(DOING)?,
            known_until: moment_or_none(&row, "known_until").doing(DOING)?,
        }))
    }

    async fn beat(&self, now: Timestamp) -> Result<Timestamp, HubStoreError> {
        const DOING: &str = "write that the hub lives";
        // One file is one computer's, whose clock counts. Replicas may be on several.
        let time = match self.is_postgres() {
            true => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
            false => "value",
        };
        let statement = format!(
            "INSERT INTO hub_counter (name, value) VALUES ('beat', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING {time} AS moment"
        );
        let row = sqlx::query(composed(statement))
            .bind(now.as_micros())
            .fetch_one(&mut *self.writer().await?)
            .await
            .doing(DOING)?;
        moment(&row, "moment").doing(DOING)
    }
}

/// What is of now also in a memory that is put back to an older point: who is who, who may do what, and what others rely on, of
/// which nothing may be given twice and nothing that was taken away may come back.
const OF_NOW: [&str; 19] = [
    "hub_person",
    "hub_identity",
    "hub_addon",
    "hub_addon_term",
    "hub_grant",
    "hub_consent",
    "hub_trust",
    "hub_policy",
    "hub_deed",
    "hub_console_deed",
    "hub_secret",
    "hub_authorization",
    "hub_lost_authorization",
    "hub_extension",
    "hub_install_key",
    "hub_lasting",
    "hub_handle",
    "hub_used",
    "hub_sent_away",
];

/// What nobody has any more in another life.
const SHORT_LIVED: [&str; 9] = [
    "hub_ticket",
    "hub_resumption",
    "hub_session",
    "hub_sign_in_link",
    "hub_handed_token",
    "hub_pending_sign_in",
    "hub_authorize_link",
    "hub_chat_code",
    "hub_login",
];

/// A key that was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Id of the key.
    pub key: String,
    /// When.
    pub at: Timestamp,
}

impl SqlHub {
    /// Begins the first life of a memory, with this id, unless it has one.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn begin_first_life(&self, fresh: &str) -> Result<(), HubStoreError> {
        const BEGIN: &str =
            "INSERT INTO hub_life (one, id, known_until) VALUES (1, $1, 0) ON CONFLICT (one) DO NOTHING";
        sqlx::query(BEGIN)
            .bind(fresh)
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("begin the life of the hub's memory")
    }

    /// The last moment of which the memory knows something.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn last_known(&self) -> Result<Timestamp, HubStoreError> {
        const DOING: &str = "find how far the hub's memory goes";
        const LATEST: &str = "SELECT COALESCE(MAX(moment), 0) AS moment FROM (
            SELECT MAX(at) AS moment FROM hub_received
            UNION ALL SELECT MAX(created) FROM hub_invocation
            UNION ALL SELECT MAX(posted) FROM hub_message
            UNION ALL SELECT MAX(changed) FROM hub_goal_log
            UNION ALL SELECT MAX(created) FROM hub_key
            UNION ALL SELECT MAX(last_used) FROM hub_key) AS moments";
        let row = sqlx::query(LATEST)
            .fetch_one(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        moment(&row, "moment").doing(DOING)
    }

    /// How many webhooks came after a moment.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn received_since(&self, since: Timestamp) -> Result<u64, HubStoreError> {
        const DOING: &str = "count what came since";
        let row = sqlx::query("SELECT COUNT(*) AS number FROM hub_received WHERE at > $1")
            .bind(since.as_micros())
            .fetch_one(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let number: i64 = row.try_get("number").doing(DOING)?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// Whether an SQLite memory is whole; what is wrong with it otherwise.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub async fn damage(&self) -> Result<Option<String>, HubStoreError> {
        const DOING: &str = "check the hub's database";
        let row = sqlx::query("PRAGMA quick_check(1)")
            .fetch_one(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let said: String = row.try_get(0).doing(DOING)?;
        Ok((said != "ok").then_some(said))
    }

    /// Takes over from another SQLite memory, as it is now, who is who, what add-ons and people were granted and denied, for whom
    /// add-ons act, whose jobs are trusted, what is in the safe, and what is agreed with extensions.
    ///
    /// # Errors
    /// It cannot be read; then this memory is not to be used.
    pub async fn take_over_rights(&self, other: &Path) -> Result<(), HubStoreError> {
        const DOING: &str = "take over who may do what";
        let mut connection = self.writer().await?;
        sqlx::query("ATTACH DATABASE $1 AS other")
            .bind(other.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await
            .doing(DOING)?;
        for table in OF_NOW {
            for statement in [
                format!("DELETE FROM main.{table}"),
                format!("INSERT INTO main.{table} SELECT * FROM other.{table}"),
            ] {
                sqlx::query(composed(statement))
                    .execute(&mut *connection)
                    .await
                    .doing(DOING)?;
            }
        }
        sqlx::query("DETACH DATABASE other")
            .execute(&mut *connection)
            .await
            .map(|_| ())
            .doing(DOING)
    }

    /// Begins another life: whoever was signed in is not any more, and keys that were revoked meanwhile stay revoked. What somebody
    /// at the console does by that is kept with it.
    ///
    /// # Errors
    /// It cannot be written; then nothing is changed.
    pub async fn begin_life(
        &self,
        life: &Life,
        revoked: &[Revoked],
        deeds: &[ConsoleDeed],
    ) -> Result<(), HubStoreError> {
        const DOING: &str = "begin another life of the hub's memory";
        let mut transaction = self.transaction().await?;
        write_life(&mut transaction, life).await?;
        for table in SHORT_LIVED {
            sqlx::query(composed(format!("DELETE FROM {table}")))
                .execute(&mut *transaction)
                .await
                .doing(DOING)?;
        }
        for one in revoked {
            sqlx::query("UPDATE hub_key SET revoked = $1 WHERE id = $2 AND revoked = 0")
                .bind(one.at.as_micros())
                .bind(one.key.as_str())
                .execute(&mut *transaction)
                .await
                .doing(DOING)?;
        }
        console::keep(&mut transaction, deeds).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }
}

async fn write_life(connection: &mut AnyConnection, life: &Life) -> Result<(), HubStoreError> {
    const WRITE: &str = "INSERT INTO hub_life (one, id, known_until) VALUES (1, $1, $2) \
        ON CONFLICT (one) DO UPDATE SET id = excluded.id, known_until = excluded.known_until";
    sqlx::query(WRITE)
        .bind(life.id.as_str())
        .bind(life.known_until.map_or(0, Timestamp::as_micros))
        .execute(connection)
        .await
        .map(|_| ())
        .doing("begin another life of the hub's memory")
}
