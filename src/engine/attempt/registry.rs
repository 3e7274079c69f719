//! Which attempts this process follows: a goal is never followed twice, and each can be told to end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::model::{GoalKey, GoalSetId};

/// A goal of a set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The set.
    pub goal_set: GoalSetId,
    /// The goal.
    pub goal: GoalKey,
}

#[derive(Debug)]
struct Entry {
    stop: CancellationToken,
    process: bool,
    /// Set once the store shows the goal in process; only then may "not in process any more" end it.
    started: bool,
}

/// The attempts of this process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<HashMap<Place, Entry>>>);

/// The right to follow one goal; dropping it gives it back.
#[derive(Debug)]
pub struct Claim {
    place: Place,
    attempts: Attempts,
    stop: CancellationToken,
}

impl Attempts {
    fn entries(&self) -> MutexGuard<'_, HashMap<Place, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a goal that is in process already.
    pub fn claim(&self, place: Place) -> Option<Claim> {
        self.insert(place, true, true)
    }

    /// Claims a requested goal; `None` when it is claimed.
    pub fn claim_with(&self, place: Place, process: bool) -> Option<Claim> {
        self.insert(place, process, false)
    }

    fn insert(&self, place: Place, process: bool, started: bool) -> Option<Claim> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&place) {
            entry.started |= started;
            return None;
        }
        let stop = CancellationToken::new();
        entries.insert(
            place.clone(),
            Entry {
                stop: stop.clone(),
                process,
                started,
            },
        );
        Some(Claim {
            place,
            attempts: self.clone(),
            stop,
        })
    }

    /// Whether somebody follows this goal.
    pub fn is_claimed(&self, place: &Place) -> bool {
        self.entries().contains_key(place)
    }

    /// Tells attempts to end whose goal was in process and is not among these any more.
    pub fn stop_all_but(&self, in_process: &HashSet<Place>) {
        for (place, entry) in self.entries().iter_mut() {
            match in_process.contains(place) {
                true => entry.started = true,
                false if entry.started => entry.stop.cancel(),
                false => {}
            }
        }
    }

    /// How many are followed.
    pub fn count(&self) -> usize {
        self.entries().len()
    }

    /// How many of them run a process.
    pub fn processes(&self) -> usize {
        self.entries().values().filter(|entry| entry.process).count()
    }
}

impl Claim {
    /// Which goal.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Completes when the goal is over by somebody's word.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Notes that the goal does not count against the room for processes.
    pub fn without_process(&self) {
        if let Some(entry) = self.attempts.entries().get_mut(&self.place) {
            entry.process = false;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.attempts.entries().remove(&self.place);
    }
}
