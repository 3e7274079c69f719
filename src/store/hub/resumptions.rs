//! With what machines come back to their conversations: kept by the digest, and gone when used.

use sqlx::{AnyConnection, Row};

use super::statement::{json, to_json};
use crate::model::Timestamp;
use crate::ports::hub::Ticket;

/// A conversation that may be resumed.
pub(super) struct Resumable {
    /// Id of the conversation.
    pub(super) session: String,
    /// What it was opened with.
    pub(super) ticket: Ticket,
}

/// Keeps with what a run comes back, in place of what it had for that.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    digest: &str,
    ticket: &Ticket,
) -> Result<(), sqlx::Error> {
    const KEEP: &str = "INSERT INTO hub_resumption (owner, id, digest, body) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (owner, id) DO UPDATE SET digest = excluded.digest, body = excluded.body";
    let Some(run) = &ticket.run else {
        return Ok(());
    };
    sqlx::query(KEEP)
        .bind(run.owner.as_str())
        .bind(run.instance.as_str())
        .bind(digest)
        .bind(to_json(ticket))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes with what a run comes back, whose key this is and which was alive at a moment or later. Whoever comes with another key takes
/// nothing.
pub(super) async fn take(
    connection: &mut AnyConnection,
    (digest, key): (&str, &str),
    since: Timestamp,
) -> Result<Option<Resumable>, sqlx::Error> {
    const FIND: &str = "SELECT r.body, i.session, i.run FROM hub_resumption r \
        JOIN hub_instance i ON i.owner = r.owner AND i.id = r.id WHERE r.digest = $1 AND i.alive_until >= $2";
    let row = sqlx::query(FIND)
        .bind(digest)
        .bind(since.as_micros())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (ticket, session): (Ticket, String) = (json(&row, "body")?, row.try_get("session")?);
    let run: String = row.try_get("run")?;
    if ticket.key != key || ticket.run.as_ref().is_none_or(|own| own.id != run) {
        return Ok(None);
    }
    // Of two who come at once one finds nothing here.
    let taken = sqlx::query("DELETE FROM hub_resumption WHERE digest = $1")
        .bind(digest)
        .execute(connection)
        .await?;
    Ok((taken.rows_affected() > 0).then_some(Resumable { session, ticket }))
}

/// What a conversation had goes to the one that it is resumed in, and to nobody else meanwhile.
pub(super) async fn hand_on(
    connection: &mut AnyConnection,
    (before, after): (&str, &str),
    lease_until: Timestamp,
) -> Result<(), sqlx::Error> {
    const HAND_ON: &str =
        "UPDATE hub_delivery SET session = $1, lease_until = $2 WHERE session = $3 AND state = 'sent'";
    sqlx::query(HAND_ON)
        .bind(after)
        .bind(lease_until.as_micros())
        .bind(before)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Forgets those whose runs are not known any more.
pub(super) async fn forget(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    const FORGET: &str = "DELETE FROM hub_resumption WHERE NOT EXISTS (SELECT 1 FROM hub_instance i \
        WHERE i.owner = hub_resumption.owner AND i.id = hub_resumption.id)";
    sqlx::query(FORGET).execute(connection).await.map(|_| ())
}
