//! Goal sets, read by folding their events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqlitePool;
use sqlx::{FromRow, QueryBuilder, Sqlite};

use super::failure::{Doing, corrupt};
use super::rows;
use crate::model::{GoalEvent, GoalSet, GoalSetId, News, Timestamp};
use crate::ports::store::{GoalSetFilter, GoalSetRecord, StoreError};

/// Most sets of one answer.
const PAGE: u32 = 10_000;

/// Sets of one answer when the asker names no limit.
const DEFAULT_PAGE: u32 = 50;

const SELECT: &str =
    "SELECT s.id, s.cause, s.cause_body, s.name, plans.goals AS plan, s.state, s.active, s.events, s.created_at, p.body AS push
     FROM goal_sets s JOIN pushes p ON p.id = s.push_id JOIN plans ON plans.goal_set = s.id";

#[derive(FromRow)]
struct Row {
    id: String,
    cause: u32,
    cause_body: Option<String>,
    name: String,
    plan: String,
    state: String,
    active: bool,
    events: i64,
    created_at: i64,
    push: String,
}

/// The sets written or read last, so that acting on a set does not fold it anew each time. A set is the fold of its
/// log's first `events` entries and the log only grows by compare-and-set, so id and count say which set it is.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<VecDeque<Arc<GoalSet>>>);

impl Remembered {
    /// Sets kept.
    const SETS: usize = 32;

    pub(super) fn keep(&self, set: &GoalSet) {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|other| other.id != set.id);
        sets.truncate(Self::SETS - 1);
        sets.push_front(Arc::new(set.clone()));
    }

    fn get(&self, id: GoalSetId, events: u64) -> Option<GoalSet> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = sets
            .iter()
            .find(|set| set.id == id && set.events == events)
            .map(Arc::clone);
        drop(sets);
        found.map(|set| set.as_ref().clone())
    }
}

pub(super) async fn goal_set(
    readers: &SqlitePool,
    remembered: &Remembered,
    id: GoalSetId,
) -> Result<Option<GoalSetRecord>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE s.id = ").push_bind(id.to_string());
    let row: Option<Row> = query
        .build_query_as()
        .fetch_optional(readers)
        .await
        .doing("read a goal set")?;
    match row {
        None => Ok(None),
        Some(row) => record(readers, remembered, row).await,
    }
}

pub(super) async fn goal_sets(
    readers: &SqlitePool,
    remembered: &Remembered,
    filter: &GoalSetFilter,
) -> Result<Vec<GoalSetRecord>, StoreError> {
    let rows: Vec<Row> = select(filter)
        .build_query_as()
        .fetch_all(readers)
        .await
        .doing("read goal sets")?;
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        records.extend(record(readers, remembered, row).await?);
    }
    Ok(records)
}

fn select(filter: &GoalSetFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(" WHERE true");
    if filter.active {
        query.push(" AND s.active = 1");
    }
    if let Some(repo) = &filter.repo {
        query.push(" AND p.repo_owner = ").push_bind(repo.owner.clone());
        query.push(" AND p.repo_name = ").push_bind(repo.name.clone());
    }
    if let Some(branch) = &filter.branch {
        query
            .push(" AND p.branch = ")
            .push_bind(branch.as_str().to_owned());
    }
    if let Some(sha) = &filter.sha {
        query.push(" AND p.sha = ").push_bind(sha.as_str().to_owned());
    }
    if let Some(prefix) = &filter.id_prefix {
        let prefix = prefix.to_ascii_lowercase();
        // `~` comes after everything an id is written with.
        query.push(" AND s.id >= ").push_bind(prefix.clone());
        query.push(" AND s.id < ").push_bind(prefix + "~");
    }
    let limit = if filter.limit == 0 {
        DEFAULT_PAGE
    } else {
        filter.limit.min(PAGE)
    };
    query.push(" ORDER BY s.sequence DESC LIMIT ").push_bind(limit);
    query
}

/// `None` when it was pruned since its row was read.
async fn record(
    readers: &SqlitePool,
    remembered: &Remembered,
    row: Row,
) -> Result<Option<GoalSetRecord>, StoreError> {
    let what = format!("goal set {}", row.id);
    let id = rows::goal_set_id(&what, &row.id)?;
    let events = rows::count(&what, row.events)?;
    let set = match remembered.get(id, events) {
        Some(set) => set,
        None => {
            let Some(set) = fold(readers, &what, id, &row).await? else {
                return Ok(None);
            };
            remembered.keep(&set);
            set
        }
    };
    if set.state() != rows::state(&what, &row.state)? || set.is_active() != row.active {
        let folded = set.state();
        let because = format!(
            "its row says {} (active: {}) and its events say {folded}",
            row.state, row.active
        );
        return Err(corrupt(what, &because));
    }
    Ok(Some(GoalSetRecord {
        push: rows::from_json(&what, &row.push)?,
        cause: rows::cause(&what, row.cause, row.cause_body.as_deref())?,
        created_at: Timestamp::from_micros(row.created_at),
        set,
    }))
}

/// The row was read before its events, which may have become more since; its own are the first ones.
async fn fold(
    readers: &SqlitePool,
    what: &str,
    id: GoalSetId,
    row: &Row,
) -> Result<Option<GoalSet>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM events WHERE goal_set = ? ORDER BY cursor LIMIT ?")
            .bind(&row.id)
            .bind(row.events)
            .fetch_all(readers)
            .await
            .doing("read the events of a goal set")?;
    if rows::stored(bodies.len() as u64) != row.events {
        return match exists(readers, &row.id).await? {
            false => Ok(None),
            true => {
                let because = format!("it has {} events and its row says {}", bodies.len(), row.events);
                Err(corrupt(what, &because))
            }
        };
    }
    let events: Vec<GoalEvent> = bodies
        .iter()
        .map(|body| goal_event(what, id, body))
        .collect::<Result<_, _>>()?;
    let planned = rows::from_json(what, &row.plan)?;
    let folded = GoalSet::fold(id, &row.name, planned, &events);
    folded.map(Some).map_err(|error| corrupt(what, &error))
}

/// The event in an entry of this set.
pub(super) fn goal_event(what: &str, id: GoalSetId, body: &str) -> Result<GoalEvent, StoreError> {
    match rows::from_json(what, body)? {
        News::Goal { goal_set, event, .. } if goal_set == id => Ok(*event),
        News::Goal { .. }
        | News::Push { .. }
        | News::Planned { .. }
        | News::PlanningFailed { .. }
        | News::Command { .. }
        | News::Errand { .. }
        | News::Event { .. }
        | News::Message { .. } => Err(corrupt(what, "one of its entries is about something else")),
    }
}

async fn exists(readers: &SqlitePool, id: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM goal_sets WHERE id = ?)")
        .bind(id)
        .fetch_one(readers)
        .await
        .doing("read a goal set")
}
