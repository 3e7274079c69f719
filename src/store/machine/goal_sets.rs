//! Goal sets, read by folding their events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AnyPool;
use sqlx::FromRow;

use super::composed::Composed;
use super::failure::{Doing, corrupt};
use super::rows;
use crate::model::{GoalEvent, GoalSet, GoalSetId, News, Timestamp};
use crate::ports::store::{GoalSetFilter, GoalSetRecord, StoreError};

/// Most sets of one answer.
const PAGE: u32 = 10_000;

/// Sets of one answer when the asker names no limit.
const DEFAULT_PAGE: u32 = 50;

const SELECT: &str =
    "SELECT s.id, s.cause, s.cause_body, s.name, plans.goals AS plan, plans.tags, s.state, s.active, s.events, s.created_at, p.body AS push
     FROM goal_sets s JOIN pushes p ON p.id = s.push_id JOIN plans ON plans.goal_set = s.id";

#[derive(FromRow)]
struct Row {
    id: String,
    cause: i64,
    cause_body: Option<String>,
    name: String,
    plan: String,
    tags: String,
    state: String,
    active: i64,
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
    readers: &AnyPool,
    remembered: &Remembered,
    id: GoalSetId,
) -> Result<Option<GoalSetRecord>, StoreError> {
    let mut query = Composed::new(SELECT);
    query.push(" WHERE s.id = ").bind(id.to_string());
    let mut rows: Vec<Row> = query.rows(readers).await.doing("read a goal set")?;
    match rows.pop() {
        None => Ok(None),
        Some(row) => record(readers, remembered, row).await,
    }
}

pub(super) async fn goal_sets(
    readers: &AnyPool,
    remembered: &Remembered,
    filter: &GoalSetFilter,
) -> Result<Vec<GoalSetRecord>, StoreError> {
    let rows: Vec<Row> = select(filter).rows(readers).await.doing("read goal sets")?;
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        records.extend(record(readers, remembered, row).await?);
    }
    Ok(records)
}

fn select(filter: &GoalSetFilter) -> Composed {
    let mut query = Composed::new(SELECT);
    query.push(" WHERE 1 = 1");
    if filter.active {
        query.push(" AND s.active = 1");
    }
    if let Some(repo) = &filter.repo {
        query.push(" AND p.repo_owner = ").bind(repo.owner.as_str());
        query.push(" AND p.repo_name = ").bind(repo.name.as_str());
    }
    if let Some(branch) = &filter.branch {
        query.push(" AND p.branch = ").bind(branch.as_str());
    }
    if let Some(sha) = &filter.sha {
        query.push(" AND p.sha = ").bind(sha.as_str());
    }
    if let Some(prefix) = &filter.id_prefix {
        let prefix = prefix.to_ascii_lowercase();
        // `~` comes after everything an id is written with.
        query.push(" AND s.id >= ").bind(prefix.as_str());
        query.push(" AND s.id < ").bind(prefix + "~");
    }
    if let Some(tag) = &filter.tag {
        query.push(" AND EXISTS (SELECT 1 FROM goal_set_tags t WHERE t.goal_set = s.id AND t.name = ");
        query.bind(tag.name.as_str());
        if let Some(value) = &tag.value {
            query.push(" AND t.value = ").bind(value.as_str());
        }
        query.push(")");
    }
    let limit = if filter.limit == 0 {
        DEFAULT_PAGE
    } else {
        filter.limit.min(PAGE)
    };
    query
        .push(" ORDER BY s.sequence DESC LIMIT ")
        .bind(i64::from(limit));
    query
}

/// `None` when it was pruned since its row was read.
async fn record(
    readers: &AnyPool,
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
    if set.state() != rows::state(&what, &row.state)? || set.is_active() != (row.active == 1) {
        let folded = set.state();
        let because = format!(
            "its row says {} (active: {}) and its events say {folded}",
            row.state,
            row.active == 1
        );
        return Err(corrupt(what, &because));
    }
    Ok(Some(GoalSetRecord {
        push: rows::from_json(&what, &row.push)?,
        cause: rows::cause(&what, rows::small(&what, row.cause)?, row.cause_body.as_deref())?,
        created_at: Timestamp::from_micros(row.created_at),
        tags: rows::from_json(&what, &row.tags)?,
        set,
    }))
}

/// The row was read before its events, which may have become more since; its own are the first ones.
async fn fold(
    readers: &AnyPool,
    what: &str,
    id: GoalSetId,
    row: &Row,
) -> Result<Option<GoalSet>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM events WHERE goal_set = $1 ORDER BY cursor LIMIT $2")
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

async fn exists(readers: &AnyPool, id: &str) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT 1 FROM goal_sets WHERE id = $1")
        .bind(id)
        .fetch_optional(readers)
        .await
        .doing("read a goal set")?;
    Ok(found.is_some())
}
