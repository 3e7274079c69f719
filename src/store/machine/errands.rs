//! Errands and the events that lead to them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlStore;
use super::composed::Composed;
use super::failure::Doing;
use super::feed::Entry;
use super::marks::Mark;
use super::rows;
use super::timers::{FireTimer, ForgetTimer};
use super::writer::{Done, Write};
use super::{tags, timers};
use crate::model::{CommitSha, Cursor, Errand, ErrandId, Event, News, Timestamp};
use crate::ports::errands::ErrandFilter;
use crate::ports::store::StoreError;
use crate::ports::{AttemptRef, ErrandStore};

/// Most errands of one answer.
const PAGE: u32 = 10_000;
/// Errands of one answer when the asker names no limit.
const DEFAULT_PAGE: u32 = 50;

const MARK: Mark = Mark {
    name: "mark of the listeners",
    select: "SELECT cursor FROM listened",
    insert: "INSERT INTO listened (\"only\", cursor) VALUES (1, $1) ON CONFLICT DO NOTHING",
    update: "UPDATE listened SET cursor = $1 WHERE cursor = $2",
    reading: "read how far listeners are",
    moving: "move the mark of the listeners",
};

#[async_trait]
impl ErrandStore for SqlStore {
    async fn raise(&self, events: &[Event]) -> Result<(), StoreError> {
        self.writer.write(Raise(entries(events))).await
    }

    async fn listened(&self) -> Result<Option<Cursor>, StoreError> {
        MARK.read(&self.readers).await
    }

    async fn listen(&self, from: Option<Cursor>, to: Cursor, errands: &[Errand]) -> Result<(), StoreError> {
        let listen = Listen {
            from,
            to,
            errands: errands
                .iter()
                .map(|errand| ErrandRow::of(errand, &self.replica))
                .collect(),
        };
        self.writer.write(listen).await
    }

    async fn stop_listening(&self) -> Result<(), StoreError> {
        self.writer.write(StopListening).await
    }

    async fn store_errand(&self, errand: &Errand) -> Result<bool, StoreError> {
        self.writer
            .write(StoreErrand(ErrandRow::of(errand, &self.replica)))
            .await
    }

    async fn errand(&self, id: ErrandId) -> Result<Option<Errand>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM errands WHERE id = $1")
            .bind(id.0.to_string())
            .fetch_optional(&self.readers)
            .await
            .doing("read an errand")?;
        body.map(|body| rows::from_json("errand", &body)).transpose()
    }

    async fn errands(&self, filter: &ErrandFilter) -> Result<Vec<Errand>, StoreError> {
        let bodies: Vec<String> = select(filter).texts(&self.readers).await.doing("read errands")?;
        bodies
            .iter()
            .map(|body| rows::from_json("errand", body))
            .collect()
    }

    async fn change_errand(&self, errand: &Errand, at: Timestamp) -> Result<bool, StoreError> {
        let row = ErrandRow {
            changed_at: at,
            ..ErrandRow::of(errand, &self.replica)
        };
        self.writer.write(ChangeErrand(row)).await
    }

    async fn timers(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        timers::all(&self.readers).await
    }

    async fn fire_timer(
        &self,
        name: &str,
        last: Option<Timestamp>,
        at: Timestamp,
        event: Option<&Event>,
    ) -> Result<bool, StoreError> {
        let fire = FireTimer {
            name: name.to_owned(),
            last,
            at,
            event: event.map(entry),
        };
        self.writer.write(fire).await
    }

    async fn forget_timer(&self, name: &str) -> Result<(), StoreError> {
        self.writer.write(ForgetTimer(name.to_owned())).await
    }

    async fn tags(&self, repo_key: &str) -> Result<Option<BTreeMap<String, CommitSha>>, StoreError> {
        tags::seen(&self.readers, repo_key).await
    }

    async fn set_tags(
        &self,
        repo_key: &str,
        tags: &BTreeMap<String, CommitSha>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let set = tags::SetTags {
            repo_key: repo_key.to_owned(),
            tags: rows::to_json(tags),
            entries: entries(events),
        };
        self.writer.write(set).await
    }
}

fn entry(event: &Event) -> Entry {
    let news = News::Event {
        event: Box::new(event.clone()),
    };
    Entry::new(&news, event.at)
}

fn entries(events: &[Event]) -> Vec<Entry> {
    events.iter().map(entry).collect()
}

fn select(filter: &ErrandFilter) -> Composed {
    let mut query = Composed::new("SELECT body FROM errands WHERE 1 = 1");
    if filter.open {
        query.push(" AND open = 1");
    }
    if let Some(name) = &filter.name {
        query.push(" AND name = ").bind(name.as_str());
    }
    if let Some(prefix) = &filter.id_prefix {
        let prefix = prefix.to_ascii_lowercase();
        query.push(" AND id >= ").bind(prefix.as_str());
        query.push(" AND id < ").bind(prefix + "~");
    }
    query.push(match filter.open {
        true => " ORDER BY sequence LIMIT ",
        false => " ORDER BY sequence DESC LIMIT ",
    });
    query.bind(i64::from(match filter.limit {
        0 => DEFAULT_PAGE,
        limit => limit.min(PAGE),
    }));
    query
}

/// Events to write.
struct Raise(Vec<Entry>);

#[async_trait]
impl Write for Raise {
    type Answer = ();
    const DOING: &'static str = "write events";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        for entry in &self.0 {
            entry.insert(connection).await?;
        }
        Ok(Done::News(()))
    }
}

/// An errand with what its row and the log say of it.
struct ErrandRow {
    errand: Errand,
    body: String,
    entry: Entry,
    changed_at: Timestamp,
    /// Who writes it.
    replica: String,
}

impl ErrandRow {
    fn of(errand: &Errand, replica: &str) -> Self {
        let news = News::Errand {
            errand: errand.id,
            name: errand.name.clone(),
            state: errand.state,
            attempt: errand.attempt,
            text: errand.text(),
        };
        let at = errand.ended_at.or(errand.started_at).unwrap_or(errand.created_at);
        Self {
            body: rows::to_json(errand),
            entry: Entry::new(&news, at),
            changed_at: at,
            replica: replica.to_owned(),
            errand: errand.clone(),
        }
    }

    /// `false` when its key is known.
    async fn insert(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let errand = &self.errand;
        let inserted = sqlx::query(
            "INSERT INTO errands (id, key, name, state, open, version, changed_at, body, replica)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key) DO NOTHING",
        )
        .bind(errand.id.0.to_string())
        .bind(&errand.key)
        .bind(&errand.name)
        .bind(errand.state.as_str())
        .bind(i64::from(!errand.has_ended()))
        .bind(i64::from(errand.version))
        .bind(self.changed_at.as_micros())
        .bind(&self.body)
        .bind(&self.replica)
        .execute(&mut *connection)
        .await
        .doing("store an errand")?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        self.entry.insert(connection).await?;
        Ok(true)
    }
}

struct StoreErrand(ErrandRow);

#[async_trait]
impl Write for StoreErrand {
    type Answer = bool;
    const DOING: &'static str = "store an errand";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        Ok(match self.0.insert(connection).await? {
            true => Done::News(true),
            false => Done::Quiet(false),
        })
    }
}

/// Errands of events, and the mark behind those events.
struct Listen {
    from: Option<Cursor>,
    to: Cursor,
    errands: Vec<ErrandRow>,
}

#[async_trait]
impl Write for Listen {
    type Answer = ();
    const DOING: &'static str = "store what listeners are to do";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        MARK.move_on(connection, self.from, self.to).await?;
        let mut is_news = false;
        for errand in &self.errands {
            is_news |= errand.insert(connection).await?;
        }
        Ok(if is_news { Done::News(()) } else { Done::Quiet(()) })
    }
}

struct StopListening;

#[async_trait]
impl Write for StopListening {
    type Answer = ();
    const DOING: &'static str = "forget how far listeners are";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<()>, StoreError> {
        sqlx::query("DELETE FROM listened")
            .execute(connection)
            .await
            .doing(Self::DOING)?;
        Ok(Done::Quiet(()))
    }
}

/// The next version of an errand.
struct ChangeErrand(ErrandRow);

#[async_trait]
impl Write for ChangeErrand {
    type Answer = bool;
    const DOING: &'static str = "change an errand";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<bool>, StoreError> {
        let row = &self.0;
        let changed = sqlx::query(
            "UPDATE errands SET state = $1, open = $2, version = $3, changed_at = $4, body = $5, replica = $8
             WHERE id = $6 AND version = $7",
        )
        .bind(row.errand.state.as_str())
        .bind(i64::from(!row.errand.has_ended()))
        .bind(i64::from(row.errand.version))
        .bind(row.changed_at.as_micros())
        .bind(&row.body)
        .bind(row.errand.id.0.to_string())
        .bind(i64::from(row.errand.version.saturating_sub(1)))
        .bind(&row.replica)
        .execute(&mut *connection)
        .await
        .doing(Self::DOING)?;
        if changed.rows_affected() == 0 {
            return Ok(Done::Quiet(false));
        }
        row.entry.insert(connection).await?;
        Ok(Done::News(true))
    }
}

/// Removes errands that ended before a moment; their attempts, so that logs can go too.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    before: Timestamp,
) -> Result<Vec<AttemptRef>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("DELETE FROM errands WHERE open = 0 AND changed_at < $1 RETURNING body")
            .bind(before.as_micros())
            .fetch_all(connection)
            .await
            .doing("forget errands")?;
    let mut attempts = Vec::new();
    for body in &bodies {
        let errand: Errand = rows::from_json("errand", body)?;
        attempts.extend((1..=errand.attempt).map(|attempt| AttemptRef::of_errand(errand.id, attempt)));
    }
    Ok(attempts)
}
