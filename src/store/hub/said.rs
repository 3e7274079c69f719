//! What is said between people and machines: invocations and messages.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlHub;
use super::deliveries::insert;
use super::statement::{Doing, composed, moment, moment_or_none};
use crate::model::Timestamp;
use crate::ports::hub::{
    HubStoreError, Invocations, Messages, NewDelivery, Phase, StoredInvocation, StoredMessage,
};

const INVOCATION: &str =
    "id, workspace, registration, command, asked_by, request, phase, answer, created, ended";
const MESSAGE: &str = "workspace, place, id, invocation, machine, said_at, ttl, posted, body";

fn invocation(row: &AnyRow) -> Result<StoredInvocation, sqlx::Error> {
    let phase: String = row.try_get("phase")?;
    Ok(StoredInvocation {
        id: row.try_get("id")?,
        workspace: row.try_get("workspace")?,
        registration: row.try_get("registration")?,
        command: row.try_get("command")?,
        asked_by: row.try_get("asked_by")?,
        request: row.try_get("request")?,
        phase: Phase::read(&phase).unwrap_or(Phase::Pending),
        answer: row.try_get("answer")?,
        created: moment(row, "created")?,
        ended: moment_or_none(row, "ended")?,
    })
}

fn message(row: &AnyRow) -> Result<StoredMessage, sqlx::Error> {
    Ok(StoredMessage {
        workspace: row.try_get("workspace")?,
        place: row.try_get("place")?,
        id: row.try_get("id")?,
        invocation: row.try_get("invocation")?,
        machine: row.try_get("machine")?,
        said_at: row.try_get("said_at")?,
        ttl: row.try_get("ttl")?,
        posted: moment(row, "posted")?,
        body: row.try_get("body")?,
    })
}

#[async_trait]
impl Invocations for SqlHub {
    async fn invoke(&self, new: &StoredInvocation, delivery: &NewDelivery) -> Result<(), HubStoreError> {
        const DOING: &str = "keep what was asked";
        const INSERT: &str = "INSERT INTO hub_invocation \
            (id, workspace, registration, command, asked_by, request, phase, answer, created, ended) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, 0) ON CONFLICT (id) DO UPDATE SET request = excluded.request, \
            phase = excluded.phase, ended = 0";
        let mut transaction = self.transaction().await?;
        sqlx::query(INSERT)
            .bind(new.id.as_str())
            .bind(new.workspace.as_str())
            .bind(new.registration.as_str())
            .bind(new.command.as_str())
            .bind(new.asked_by.as_str())
            .bind(new.request.as_str())
            .bind(new.phase.word())
            .bind(new.created.as_micros())
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        insert(&mut transaction, delivery).await?;
        transaction.commit().await.doing(DOING)
    }

    async fn invocation(&self, id: &str) -> Result<Option<StoredInvocation>, HubStoreError> {
        let statement = format!("SELECT {INVOCATION} FROM hub_invocation WHERE id = $1");
        let row = sqlx::query(composed(statement))
            .bind(id)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing("look for an invocation")?;
        row.as_ref()
            .map(invocation)
            .transpose()
            .doing("look for an invocation")
    }

    async fn answered(
        &self,
        id: &str,
        phase: Phase,
        answer: &str,
        at: Timestamp,
    ) -> Result<bool, HubStoreError> {
        const ANSWERED: &str = "UPDATE hub_invocation SET phase = $1, ended = $2, \
            answer = CASE WHEN $3 = '' THEN answer ELSE $3 END WHERE id = $4 AND ended = 0";
        let ended = match phase {
            Phase::Pending | Phase::Asking => 0,
            Phase::Success | Phase::Failure => at.as_micros(),
        };
        let done = sqlx::query(ANSWERED)
            .bind(phase.word())
            .bind(ended)
            .bind(answer)
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .doing("note an answer")?;
        Ok(done.rows_affected() > 0)
    }
}

#[async_trait]
impl Messages for SqlHub {
    async fn message(
        &self,
        workspace: &str,
        place: &str,
        id: &str,
    ) -> Result<Option<StoredMessage>, HubStoreError> {
        let statement =
            format!("SELECT {MESSAGE} FROM hub_message WHERE workspace = $1 AND place = $2 AND id = $3");
        let row = sqlx::query(composed(statement))
            .bind(workspace)
            .bind(place)
            .bind(id)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing("look for a message")?;
        row.as_ref().map(message).transpose().doing("look for a message")
    }

    async fn post(&self, new: &StoredMessage) -> Result<(), HubStoreError> {
        const POST: &str = "INSERT INTO hub_message \
            (workspace, place, id, invocation, machine, said_at, ttl, posted, body) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (workspace, place, id) DO UPDATE SET \
            invocation = excluded.invocation, machine = excluded.machine, said_at = excluded.said_at, ttl = excluded.ttl, \
            posted = excluded.posted, body = excluded.body";
        sqlx::query(POST)
            .bind(new.workspace.as_str())
            .bind(new.place.as_str())
            .bind(new.id.as_str())
            .bind(new.invocation.as_str())
            .bind(new.machine.as_str())
            .bind(new.said_at)
            .bind(new.ttl)
            .bind(new.posted.as_micros())
            .bind(new.body.as_str())
            .execute(&mut *self.writer().await?)
            .await
            .map(|_| ())
            .doing("post a message")
    }

    async fn take_back(&self, workspace: &str, place: &str, id: &str) -> Result<bool, HubStoreError> {
        let done = sqlx::query("DELETE FROM hub_message WHERE workspace = $1 AND place = $2 AND id = $3")
            .bind(workspace)
            .bind(place)
            .bind(id)
            .execute(&mut *self.writer().await?)
            .await
            .doing("take a message back")?;
        Ok(done.rows_affected() > 0)
    }

    async fn messages_of(&self, invocation: &str, limit: u32) -> Result<Vec<StoredMessage>, HubStoreError> {
        let statement =
            format!("SELECT {MESSAGE} FROM hub_message WHERE invocation = $1 ORDER BY posted, id LIMIT $2");
        self.listed_messages(statement, invocation, limit).await
    }

    async fn messages(&self, workspace: &str, limit: u32) -> Result<Vec<StoredMessage>, HubStoreError> {
        let statement = format!(
            "SELECT {MESSAGE} FROM hub_message WHERE workspace = $1 ORDER BY posted DESC, id LIMIT $2"
        );
        self.listed_messages(statement, workspace, limit).await
    }
}

impl SqlHub {
    async fn listed_messages(
        &self,
        statement: String,
        of: &str,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, HubStoreError> {
        let rows = sqlx::query(composed(statement))
            .bind(of)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list messages")?;
        let read: Result<Vec<_>, _> = rows.iter().map(message).collect();
        read.doing("list messages")
    }
}
