//! Who people are in chats.

use async_trait::async_trait;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::people::{count_change, link};
use super::statement::{Doing, added_after_expired};
use crate::model::Timestamp;
use crate::ports::chats::{ChatCode, ChatLinked, ChatUser, Chats};
use crate::ports::hub::HubStoreError;
use crate::ports::people::StoredIdentity;

/// Uses a code up; whose it is.
async fn use_up(
    connection: &mut AnyConnection,
    digest: &str,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    const USE: &str = "DELETE FROM hub_chat_code WHERE digest = $1 AND expires > $2 RETURNING person";
    let row = sqlx::query(USE)
        .bind(digest)
        .bind(now.as_micros())
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get("person")).transpose()
}

#[async_trait]
impl Chats for SqlHub {
    async fn add_chat_code(&self, new: &ChatCode, most: u32, now: Timestamp) -> Result<bool, HubStoreError> {
        const ADD: &str = "INSERT INTO hub_chat_code (digest, person, expires) \
            SELECT $1, $2, $3 WHERE (SELECT COUNT(*) FROM hub_chat_code WHERE person = $2) < $4";
        let add = sqlx::query(ADD)
            .bind(new.digest.as_str())
            .bind(new.person.as_str())
            .bind(new.expires.as_micros())
            .bind(i64::from(most));
        let mut writer = self.writer().await?;
        let added = added_after_expired(&mut writer, "hub_chat_code", add, now).await;
        added.doing("keep a code for a chat")
    }

    async fn link_chat(
        &self,
        digest: &str,
        who: &ChatUser,
        now: Timestamp,
    ) -> Result<ChatLinked, HubStoreError> {
        const DOING: &str = "note who a person is in a chat";
        let mut transaction = self.transaction().await?;
        count_change(&mut transaction).await.doing(DOING)?;
        let used = use_up(&mut transaction, digest, now).await.doing(DOING)?;
        let Some(person) = used else {
            return Ok(ChatLinked::NoCode);
        };
        let identity = StoredIdentity {
            provider: who.provider.clone(),
            subject: who.subject.clone(),
            login: who.login.clone(),
            email: None,
            person: person.clone(),
            linked: now,
        };
        let is_linked = link(&mut transaction, &identity).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(match is_linked {
            true => ChatLinked::Done { person },
            false => ChatLinked::SomebodyElse,
        })
    }
}
