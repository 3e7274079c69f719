//! Commit statuses: forges are told how the goals of their commits stand, in one context for each machine (semantics 6).
//!
//! The log is read by cursor, and each commit that it says something of is noted together with how far it was read. What is told
//! is what holds at that moment ([`outcome`]), read from the store for the commit as a whole: however much happened meanwhile, its
//! forge hears the last of it, once. The note goes when the forge has answered, so whenever the machine ends it is told at least
//! once. A forge that is away is left alone for longer and longer, and holds up neither goals nor other forges ([`telling`]).

mod checking;
mod checks;
mod outcome;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Engine;
use super::words::chain;
use crate::model::{Cursor, FeedEntry, GoalSetId, News};
use crate::ports::statuses::NotedCommit;
use crate::ports::store::{Cause, GoalSetRecord, StoreError};
use telling::Line;

/// Entries of the log read at once.
const PAGE: u32 = 500;
/// Entries that may be read again after a restart: the mark is not moved for each.
const LAG: u64 = 256;
/// Pause after the store did not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// Complaints that are remembered, so that each is made once.
const MOST_COMPLAINTS: usize = 1_000;

/// What one run of the machine knows of this.
#[derive(Default)]
struct Desk {
    /// How far the log was read, and the mark in the store behind it.
    place: Option<(Cursor, Cursor)>,
    /// How it stands with each forge that has something to hear.
    lines: BTreeMap<String, Line>,
    /// What was complained of already.
    complaints: BTreeSet<String>,
}

impl Desk {
    /// Says once what is wrong.
    fn complain(&mut self, about: &str, because: &str) {
        if self.complaints.len() >= MOST_COMPLAINTS {
            self.complaints.clear();
        }
        if self.complaints.insert(format!("{about}\n{because}")) {
            tracing::warn!("{about}: {because}");
        }
    }

    /// When there is something to do at the latest.
    fn pause(&self, tick: Duration) -> Duration {
        let now = Instant::now();
        let waits = self.lines.values().map(|line| line.wait(now));
        waits.fold(tick, Duration::min)
    }
}

impl Engine {
    /// Tells forges until told to stop; of several replicas one does. What is not told then is told at the next start.
    pub async fn run_statuses(&self) {
        let stop = self.parts.tasks.stop_token();
        let mut changes = self.parts.store.subscribe();
        let mut desk = Desk::default();
        loop {
            changes.mark_unchanged();
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                pause = self.tell_forges(&mut desk) => pause,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changes.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Notes and tells what there is; when to look again at the latest.
    async fn tell_forges(&self, desk: &mut Desk) -> Duration {
        if !self.leads() {
            *desk = Desk::default();
            return self.settings.tick;
        }
        let told = match self.note_commits(desk).await {
            // Another replica has read on meanwhile: the store knows how far.
            Err(StoreError::Conflict(_)) => {
                desk.place = None;
                return Duration::ZERO;
            }
            Err(error) => Err(error),
            Ok(()) => self.tell_who_is_behind(desk).await,
        };
        match told {
            Ok(()) => desk.pause(self.settings.tick),
            Err(error) => {
                tracing::error!("commit statuses wait for the store: {}", chain(&error));
                AGAIN
            }
        }
    }

    /// Reads the log on, and notes the commits that it says something of.
    async fn note_commits(&self, desk: &mut Desk) -> Result<(), StoreError> {
        let (mut read, mut mark) = match desk.place {
            Some(place) => place,
            None => self.where_statuses_begin().await?,
        };
        loop {
            let page = self.parts.store.feed(read, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.cursor) else {
                desk.place = Some((read, mark));
                return Ok(());
            };
            let noted = self.commits_in(&page).await?;
            if !noted.is_empty() || last.0.saturating_sub(mark.0) >= LAG {
                self.parts.store.note_commits(Some(mark), last, &noted).await?;
                mark = last;
            }
            read = last;
        }
    }

    /// Where the last run was, or the end of the log at first: nobody is told of what was before.
    async fn where_statuses_begin(&self) -> Result<(Cursor, Cursor), StoreError> {
        let mark = match self.parts.store.statuses_read().await? {
            Some(mark) => mark,
            None => {
                let end = self.parts.store.last_cursor().await?;
                self.parts.store.note_commits(None, end, &[]).await?;
                end
            }
        };
        Ok((mark, mark))
    }

    /// The commits that a page of the log says something of, in its order.
    async fn commits_in(&self, page: &[FeedEntry]) -> Result<Vec<NotedCommit>, StoreError> {
        let mut last: BTreeMap<GoalSetId, Cursor> = BTreeMap::new();
        for entry in page {
            if let News::Goal { goal_set, event, .. } = &entry.news
                && event.change.is_new_state()
            {
                last.insert(*goal_set, entry.cursor);
            }
        }
        let mut noted = Vec::new();
        for (goal_set, due) in last {
            let record = self.readable_set(goal_set).await?;
            noted.extend(record.and_then(|record| self.noted(&record, due)));
        }
        noted.sort_by_key(|commit| commit.due);
        Ok(noted)
    }

    fn noted(&self, record: &GoalSetRecord, due: Cursor) -> Option<NotedCommit> {
        if matches!(record.cause, Cause::Command { .. }) {
            return None; // What a command does on a commit is not its delivery.
        }
        Some(NotedCommit {
            repo_key: record.push.repo.key.clone(),
            sha: record.push.after.clone(),
            forge: self.parts.forges.takes_reports(&record.push.repo)?,
            goal_set: record.set.id,
            due,
        })
    }

    /// A goal set; none when it is forgotten, or cannot be read, which whoever works on it says.
    async fn readable_set(&self, goal_set: GoalSetId) -> Result<Option<GoalSetRecord>, StoreError> {
        match self.parts.store.goal_set(goal_set).await {
            Err(StoreError::Corrupt { .. }) => Ok(None),
            outcome => outcome,
        }
    }

    /// All forges at once, so that none waits for a slow one.
    async fn tell_who_is_behind(&self, desk: &mut Desk) -> Result<(), StoreError> {
        let behind = self.parts.store.forges_behind().await?;
        let mut lines = std::mem::take(&mut desk.lines);
        let telling = behind.into_iter().map(|forge| {
            let mut line = lines.remove(&forge).unwrap_or_default();
            async move {
                let outcome = self.tell_forge(&forge, &mut line).await;
                (forge, line, outcome)
            }
        });
        let mut failed = None;
        for (forge, mut line, outcome) in join_all(telling).await {
            for (about, because) in line.take_complaints() {
                desk.complain(&about, &because);
            }
            failed = failed.or(outcome.err());
            desk.lines.insert(forge, line);
        }
        failed.map_or(Ok(()), Err)
    }
}
