//! What is said between people and machines: invocations and messages.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::deliveries::insert;
use super::statement::{Doing, composed, marks, moment, moment_or_none};
use crate::model::Timestamp;
use crate::ports::hub::{
    ChangedMessage, HubStoreError, Invocations, Messages, NewDelivery, Overdue, Phase, Room,
    StoredInvocation, StoredMessage,
};

/// One that has not ended runs when its delivery does not wait any more.
const INVOCATION: &str = "id, workspace, registration, command, asked_by, asked_with, request, answer, created, due, ended, \
    CASE WHEN phase = 'PENDING' AND NOT EXISTS (SELECT 1 FROM hub_delivery d WHERE d.correlation = hub_invocation.id \
        AND d.registration = hub_invocation.registration AND d.state = 'waiting') THEN 'RUNNING' ELSE phase END AS phase";
/// The same without what was asked, and without an answer that is long.
const SHORT: &str =
    "'' AS request, CASE WHEN OCTET_LENGTH(answer) <= 65536 THEN answer ELSE '' END AS answer";
/// Why the delivery of an invocation was given up; empty when it was not.
const BECAUSE: &str = "COALESCE((SELECT MAX(d.because) FROM hub_delivery d WHERE d.correlation = hub_invocation.id \
    AND d.registration = hub_invocation.registration AND d.state = 'dead'), '') AS because";

/// Time is over. Whatever an earlier program asked has no time of its own.
const LATE: &str = "ended = 0 AND due <= $1 AND (due > 0 OR created <= $2)";

/// There is time, but nobody to answer.
const GIVEN_UP: &str = "ended = 0 AND due > $1 AND phase = 'PENDING' \
    AND EXISTS (SELECT 1 FROM hub_delivery d WHERE d.correlation = hub_invocation.id \
        AND d.registration = hub_invocation.registration AND d.state = 'dead')";

/// Most ids of one statement.
const CHUNK: usize = 500;

const KEEPING: &str = "keep what was asked";

const MESSAGE: &str = "workspace, place, id, invocation, machine, said_at, ttl, posted, body";

fn invocation(row: &AnyRow) -> Result<StoredInvocation, sqlx::Error> {
    let phase: String = row.try_get("phase")?;
    Ok(StoredInvocation {
        id: row.try_get("id")?,
        workspace: row.try_get("workspace")?,
        registration: row.try_get("registration")?,
        command: row.try_get("command")?,
        asked_by: row.try_get("asked_by")?,
        asked_with: row.try_get("asked_with")?,
        request: row.try_get("request")?,
        phase: Phase::read(&phase).unwrap_or(Phase::Pending),
        answer: row.try_get("answer")?,
        created: moment(row, "created")?,
        due: moment(row, "due")?,
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

/// Keeps what was asked; `false` when something of this id is there that asks for nothing.
async fn keep(connection: &mut AnyConnection, new: &StoredInvocation) -> Result<bool, sqlx::Error> {
    const INSERT: &str = "INSERT INTO hub_invocation \
        (id, workspace, registration, command, asked_by, asked_with, request, phase, answer, created, due, ended) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10, 0) ON CONFLICT (id) DO UPDATE SET request = excluded.request, \
        asked_with = excluded.asked_with, phase = excluded.phase, due = excluded.due WHERE hub_invocation.phase = 'ASKING' AND hub_invocation.ended = 0";
    let done = sqlx::query(INSERT)
        .bind(new.id.as_str())
        .bind(new.workspace.as_str())
        .bind(new.registration.as_str())
        .bind(new.command.as_str())
        .bind(new.asked_by.as_str())
        .bind(new.asked_with.as_str())
        .bind(new.request.as_str())
        .bind(new.phase.word())
        .bind(new.created.as_micros())
        .bind(new.due.as_micros())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

#[async_trait]
impl Invocations for SqlHub {
    async fn invoke(&self, new: &StoredInvocation, delivery: &NewDelivery) -> Result<bool, HubStoreError> {
        let mut transaction = self.transaction().await?;
        let is_kept = keep(&mut transaction, new).await.doing(KEEPING)?;
        if is_kept {
            insert(&mut transaction, delivery).await?;
            transaction.commit().await.doing(KEEPING)?;
        }
        Ok(is_kept)
    }

    async fn invoke_among(
        &self,
        new: &StoredInvocation,
        delivery: &NewDelivery,
        most: u32,
    ) -> Result<bool, HubStoreError> {
        let mut transaction = self.transaction().await?;
        let open = self.open_like(&mut transaction, new).await.doing(KEEPING)?;
        let is_kept = open < i64::from(most) && keep(&mut transaction, new).await.doing(KEEPING)?;
        if is_kept {
            insert(&mut transaction, delivery).await?;
            transaction.commit().await.doing(KEEPING)?;
        }
        Ok(is_kept)
    }

    async fn asked_lately(
        &self,
        (workspace, asker): (&str, &str),
        since: Timestamp,
        ended: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvocation>, HubStoreError> {
        const DOING: &str = "look what somebody has asked";
        let columns = INVOCATION.replace("request, answer", SHORT);
        let statement = format!(
            "SELECT {columns} FROM hub_invocation WHERE asked_by = $1 AND created > $2 AND workspace = $3 \
             AND (ended = 0 OR ended > $4) ORDER BY created DESC, id LIMIT $5"
        );
        let rows = sqlx::query(composed(statement))
            .bind(asker)
            .bind(since.as_micros())
            .bind(workspace)
            .bind(ended.as_micros())
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        rows.iter().map(invocation).collect::<Result<_, _>>().doing(DOING)
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
            Phase::Pending | Phase::Running | Phase::Asking => 0,
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

    async fn replace_request(&self, id: &str, before: &str, now: &str) -> Result<(), HubStoreError> {
        const REPLACE: &str = "UPDATE hub_invocation SET request = $1 WHERE id = $2 AND request = $3";
        let done = sqlx::query(REPLACE)
            .bind(now)
            .bind(id)
            .bind(before)
            .execute(&mut *self.writer().await?)
            .await;
        done.map(|_| ()).doing(KEEPING)
    }

    async fn prolong(
        &self,
        registrations: &[String],
        ids: &[String],
        due: Timestamp,
    ) -> Result<(), HubStoreError> {
        for chunk in ids.chunks(CHUNK) {
            let statement = format!(
                "UPDATE hub_invocation SET due = $1 WHERE ended = 0 AND due < $1 AND id IN ({}) AND registration IN ({})",
                marks(2, chunk.len()),
                marks(2 + chunk.len(), registrations.len())
            );
            let query = sqlx::query(composed(statement)).bind(due.as_micros());
            let values = chunk.iter().chain(registrations);
            let query = values.fold(query, |query, value| query.bind(value.as_str()));
            let done = query.execute(&mut *self.writer().await?).await;
            done.doing("give a command more time")?;
        }
        Ok(())
    }

    async fn overdue(
        &self,
        now: Timestamp,
        old: Timestamp,
        limit: u32,
    ) -> Result<Vec<Overdue>, HubStoreError> {
        let (now, old) = (now.as_micros(), old.as_micros());
        let mut found = self.overdue_when(LATE, &[now, old], limit).await?;
        found.extend(self.overdue_when(GIVEN_UP, &[now], limit).await?);
        Ok(found)
    }

    async fn unanswered(
        &self,
        invocation: &StoredInvocation,
        answer: &str,
        at: Timestamp,
    ) -> Result<bool, HubStoreError> {
        const END: &str = "UPDATE hub_invocation SET phase = $1, ended = $2, answer = $3 \
            WHERE id = $4 AND ended = 0 AND due = $5";
        let done = sqlx::query(END)
            .bind(Phase::Failure.word())
            .bind(at.as_micros())
            .bind(answer)
            .bind(invocation.id.as_str())
            .bind(invocation.due.as_micros())
            .execute(&mut *self.writer().await?)
            .await
            .doing("end a command that nobody answers")?;
        Ok(done.rows_affected() > 0)
    }
}

fn overdue(row: &AnyRow) -> Result<Overdue, sqlx::Error> {
    Ok(Overdue {
        invocation: invocation(row)?,
        because: row.try_get("because")?,
    })
}

/// The next place in the order of changes. Whoever comes meanwhile waits until this one is there, so that the order is one in which they
/// can be seen.
async fn next_change(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    const NEXT: &str = "INSERT INTO hub_counter (name, value) VALUES ('messages', 1) \
        ON CONFLICT (name) DO UPDATE SET value = hub_counter.value + 1 RETURNING value";
    sqlx::query(NEXT).fetch_one(connection).await?.try_get(0)
}

fn changed(row: &AnyRow) -> Result<ChangedMessage, sqlx::Error> {
    Ok(ChangedMessage {
        change: row.try_get("change")?,
        is_gone: row.try_get::<i64, _>("is_gone")? != 0,
        message: message(row)?,
    })
}

#[async_trait]
impl Messages for SqlHub {
    async fn message(
        &self,
        workspace: &str,
        place: &str,
        id: &str,
    ) -> Result<Option<StoredMessage>, HubStoreError> {
        let statement = format!(
            "SELECT {MESSAGE} FROM hub_message WHERE workspace = $1 AND place = $2 AND id = $3 AND is_gone = 0"
        );
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
        const DOING: &str = "post a message";
        const POST: &str = "INSERT INTO hub_message \
            (workspace, place, id, invocation, machine, said_at, ttl, posted, body, change, is_gone) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) ON CONFLICT (workspace, place, id) DO UPDATE SET \
            invocation = excluded.invocation, machine = excluded.machine, said_at = excluded.said_at, ttl = excluded.ttl, \
            posted = excluded.posted, body = excluded.body, change = excluded.change, is_gone = 0";
        let mut transaction = self.transaction().await?;
        let change = next_change(&mut transaction).await.doing(DOING)?;
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
            .bind(change)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)
    }

    async fn take_back(
        &self,
        (workspace, place, id): (&str, &str, &str),
        left: &str,
    ) -> Result<bool, HubStoreError> {
        const DOING: &str = "take a message back";
        const TAKE_BACK: &str = "UPDATE hub_message SET is_gone = 1, invocation = '', body = $1, change = $2 \
            WHERE workspace = $3 AND place = $4 AND id = $5 AND is_gone = 0";
        let mut transaction = self.transaction().await?;
        let change = next_change(&mut transaction).await.doing(DOING)?;
        let done = sqlx::query(TAKE_BACK)
            .bind(left)
            .bind(change)
            .bind(workspace)
            .bind(place)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        if done.rows_affected() == 0 {
            // Dropped, the transaction never was.
            return Ok(false);
        }
        transaction.commit().await.doing(DOING)?;
        Ok(true)
    }

    async fn changed_messages(
        &self,
        workspace: &str,
        places: &str,
        since: i64,
        room: Room,
    ) -> Result<Vec<ChangedMessage>, HubStoreError> {
        const DOING: &str = "look which messages have changed";
        const WHICH: &str = "workspace = $3 AND change > $4 AND SUBSTR(place, 1, $5) = $6";
        let statement = with_room("change, is_gone", WHICH, "change");
        let rows = sqlx::query(composed(statement))
            .bind(i64::from(room.messages))
            .bind(i64::from(room.bytes))
            .bind(workspace)
            .bind(since)
            .bind(i32::try_from(places.chars().count()).unwrap_or(i32::MAX))
            .bind(places)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(changed).collect();
        read.doing(DOING)
    }

    async fn messages_of(&self, invocation: &str, room: Room) -> Result<Vec<StoredMessage>, HubStoreError> {
        const WHICH: &str = "invocation = $3 AND is_gone = 0";
        let statement = with_room("is_gone", WHICH, "posted, id, place");
        self.listed_messages(statement, invocation, room).await
    }

    async fn messages(&self, workspace: &str, room: Room) -> Result<Vec<StoredMessage>, HubStoreError> {
        const WHICH: &str = "workspace = $3 AND is_gone = 0";
        let statement = with_room("is_gone", WHICH, "posted DESC, id, place");
        self.listed_messages(statement, workspace, room).await
    }
}

/// Asks for the messages of these conditions in this order, as many as have room: `$1` messages that say `$2` bytes. How long they are is
/// known without what they say, which is read of those alone that have room.
fn with_room(more: &str, which: &str, order: &str) -> String {
    let found = format!(
        "SELECT workspace, place, id, posted, change, OCTET_LENGTH(body) AS length FROM hub_message \
         WHERE {which} ORDER BY {order} LIMIT $1"
    );
    let counted = format!(
        "SELECT workspace, place, id, ROW_NUMBER() OVER (ORDER BY {order}) AS number, \
         SUM(length) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS bytes FROM ({found}) found"
    );
    let columns = format!("{MESSAGE}, {more}").replace(", ", ", m.");
    format!(
        "SELECT m.{columns} FROM ({counted}) c JOIN hub_message m \
         ON m.workspace = c.workspace AND m.place = c.place AND m.id = c.id \
         WHERE c.bytes <= $2 OR c.number = 1 ORDER BY c.number"
    )
}

impl SqlHub {
    /// How many have not ended of the same command and by the same asker. Nobody else asks the machine that way until the end.
    async fn open_like(
        &self,
        connection: &mut AnyConnection,
        new: &StoredInvocation,
    ) -> Result<i64, sqlx::Error> {
        const TAKE_TURN: &str = "SELECT id FROM hub_registration WHERE id = $1 FOR UPDATE";
        const COUNT: &str =
            "SELECT COUNT(*) FROM hub_invocation WHERE ended = 0 AND asked_by = $1 AND command = $2";
        if self.is_postgres() {
            let turn = sqlx::query(TAKE_TURN).bind(new.registration.as_str());
            turn.fetch_optional(&mut *connection).await?;
        }
        let counted = sqlx::query(COUNT)
            .bind(new.asked_by.as_str())
            .bind(new.command.as_str())
            .fetch_one(connection)
            .await?;
        counted.try_get(0)
    }

    async fn overdue_when(
        &self,
        conditions: &str,
        moments: &[i64],
        limit: u32,
    ) -> Result<Vec<Overdue>, HubStoreError> {
        const DOING: &str = "look for commands that nobody answers";
        let statement =
            format!("SELECT {INVOCATION}, {BECAUSE} FROM hub_invocation WHERE {conditions} LIMIT {limit}");
        let query = moments
            .iter()
            .fold(sqlx::query(composed(statement)), |query, moment| {
                query.bind(*moment)
            });
        let rows = query.fetch_all(&mut *self.reading().await?).await.doing(DOING)?;
        rows.iter().map(overdue).collect::<Result<_, _>>().doing(DOING)
    }

    async fn listed_messages(
        &self,
        statement: String,
        of: &str,
        room: Room,
    ) -> Result<Vec<StoredMessage>, HubStoreError> {
        let rows = sqlx::query(composed(statement))
            .bind(i64::from(room.messages))
            .bind(i64::from(room.bytes))
            .bind(of)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing("list messages")?;
        let read: Result<Vec<_>, _> = rows.iter().map(message).collect();
        read.doing("list messages")
    }
}
