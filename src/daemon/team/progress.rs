//! Says to the hub what commands are at while they run: the newest line that they wrote, at most once a second (wire protocol 18).
//!
//! It is news and nothing more: what finds no room on the way, or no hub, is not said.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use uuid::Uuid;

use super::session::Saying;
use super::{Inner, client};
use crate::model::{ErrandId, GoalSetId, JobId, StateName, TaskState};
use crate::ports::AttemptRef;
use crate::ports::executor::ExecutionError;
use crate::ports::store::StoreError;
use crate::ports::team::{Delivered, Delivery};
use crate::runtime::causes::chain;
use crate::wire::hub::Control;
use crate::wire::hub::extensions::{self, LONGEST_PROGRESS};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Deliveries that are looked at.
const AT_ONCE: u32 = 200;

/// Bytes of a log that are read at once, and how often in one look; what is behind them comes with the next.
const PAGE: u64 = 64 * 1024;
const PAGES: usize = 16;

/// The lines of the machine itself in a log.
const OWN: &str = "sdm";

/// How far a log was read, and what was said of it.
#[derive(Debug, Default)]
struct Read {
    attempt: Option<AttemptRef>,
    offset: u64,
    newest: Option<String>,
    said: Option<String>,
}

/// What was said of deliveries, by their keys.
type Said = HashMap<String, Read>;

impl Inner {
    /// Says it while there is something to say, until told to stop.
    pub(super) async fn run_progress(&self) {
        let stop = self.tasks.stop_token();
        let mut changes = self.engine.store().subscribe();
        let mut takes = self.takes_progress.subscribe();
        let mut said = Said::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = takes.wait_for(|takes| *takes) => {}
            }
            changes.mark_unchanged();
            let is_some = self.say_progress(&mut said).await.unwrap_or_else(|error| {
                tracing::warn!("the hub is not told what commands are at: {}", chain(&error));
                true
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            if !is_some {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = changes.changed() => {}
                }
            }
        }
    }

    /// Says what is new; whether there are commands.
    async fn say_progress(&self, said: &mut Said) -> Result<bool, StoreError> {
        let open = self.engine.store().open_deliveries(0, AT_ONCE).await?;
        let commands: Vec<(&Delivery, Uuid)> = open
            .iter()
            .filter_map(|(_, delivery)| match delivery.what {
                Delivered::Command { runs_as, .. } => Some((delivery, runs_as)),
                Delivered::Event { .. } => None,
            })
            .collect();
        let keys: HashSet<&str> = commands
            .iter()
            .map(|(delivery, _)| delivery.key.as_str())
            .collect();
        said.retain(|key, _| keys.contains(key.as_str()));
        for (delivery, runs_as) in &commands {
            let read = said.entry(delivery.key.clone()).or_default();
            if let Some(attempt) = self.runs(*runs_as).await? {
                self.read_on(read, attempt).await;
            }
            self.tell_progress(&delivery.correlation, read);
        }
        Ok(!commands.is_empty())
    }

    /// What a command runs now.
    async fn runs(&self, runs_as: Uuid) -> Result<Option<AttemptRef>, StoreError> {
        let store = self.engine.store();
        if let Some(errand) = store.errand(ErrandId(runs_as)).await? {
            return Ok((!errand.has_ended()).then(|| AttemptRef::of_errand(errand.id, errand.attempt)));
        }
        let Some((_, tasks)) = store.job(JobId(runs_as)).await? else {
            return Ok(None);
        };
        let mut begun = tasks.iter().filter(|task| task.state == TaskState::Begun);
        match begun.find_map(|task| task.goal_set) {
            Some(set) => self.goal_that_runs(set).await,
            None => Ok(None),
        }
    }

    async fn goal_that_runs(&self, set: GoalSetId) -> Result<Option<AttemptRef>, StoreError> {
        let record = self.engine.store().goal_set(set).await?;
        let goals = record.iter().flat_map(|record| record.set.goals());
        let mut running = goals.filter(|goal| goal.state.name() == StateName::InProcess);
        let last = running.next_back();
        Ok(last.map(|goal| AttemptRef::of_any_lease(set, goal.key(), goal.attempt)))
    }

    /// Reads what has come to a log since.
    async fn read_on(&self, read: &mut Read, attempt: AttemptRef) {
        if read.attempt.as_ref() != Some(&attempt) {
            *read = Read {
                said: read.said.take(),
                ..Read::default()
            };
        }
        for _ in 0..PAGES {
            let page = self.engine.executor().read_log(&attempt, read.offset, PAGE).await;
            let page = match page {
                Ok(page) => page,
                // It has not begun.
                Err(ExecutionError::Unknown) => break,
                Err(error) => {
                    tracing::debug!("a log cannot be read: {}", chain(&error));
                    break;
                }
            };
            let mut lines = page.lines.iter().rev().filter(|line| line.stream != OWN);
            if let Some(line) = lines.find_map(|line| shown(&line.text)) {
                read.newest = Some(line);
            }
            if page.next_offset == read.offset {
                break;
            }
            read.offset = page.next_offset;
        }
        read.attempt = Some(attempt);
    }

    fn tell_progress(&self, correlation: &str, read: &mut Read) {
        let Some(newest) = read
            .newest
            .clone()
            .filter(|newest| read.said.as_ref() != Some(newest))
        else {
            return;
        };
        let control = Control::named(extensions::PROGRESS)
            .with("correlation_id", correlation)
            .with("text", newest.as_str());
        if self.speaker.mention(Saying::control(&control)) {
            read.said = Some(newest);
        }
    }
}

/// A line as it is said; `None` when there is nothing in it.
fn shown(line: &str) -> Option<String> {
    let plain = client::plain(&without_escapes(line));
    let cut: String = plain.chars().take(LONGEST_PROGRESS).collect();
    (!cut.is_empty()).then_some(cut)
}

/// A line without what colours it, and of what was written over only the last.
fn without_escapes(line: &str) -> String {
    let last = line
        .trim_end_matches('\r')
        .rsplit('\r')
        .next()
        .unwrap_or_default();
    let (mut shown, mut rest) = (String::with_capacity(last.len()), last.chars());
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            shown.push(c);
        } else if rest.next() == Some('[') {
            // Up to the letter that says what it does.
            rest.find(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_without_colours_and_short() {
        assert_eq!(shown("\u{1b}[1;32m  ok\u{1b}[0m 3/4 "), Some("ok 3/4".to_owned()));
        assert_eq!(shown("10 %\r50 %\r"), Some("50 %".to_owned()));
        assert_eq!(shown(" \u{1b}[K\u{7}"), None);
        assert_eq!(shown("\u{1b}"), None);
        assert_eq!(shown(&"ä".repeat(300)).unwrap().chars().count(), LONGEST_PROGRESS);
    }
}
