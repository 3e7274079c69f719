//! Whether the hub does what it must do all the time: what its health is judged by (threat I8), and whether it takes requests.
//!
//! That the memory can be read says little: a full disk, a writer that is stuck and a task that rests for ever leave that as it is.
//! The hub writes at each renewal of leases, so the age of the last one says whether it can. After `linger` without one other hubs
//! take its machines for lost, and so it is not well then. It is not ready sooner: when a renewal has failed, or two are overdue; and when it
//! is about to end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::{Instant, timeout};

use super::{Hub, Rhythm};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;

/// How long the memory may take to answer whoever asks for the hub's health.
const PATIENCE: Duration = Duration::from_secs(2);

/// The step that writes again and again.
pub(super) const RENEWING: &str = "renewing what machines have";

/// A round of housekeeping that has not ended after so long never will.
const LONGEST_ROUND: Duration = Duration::from_secs(10 * 60);

/// What the hub knows of itself.
#[derive(Debug)]
pub(super) struct Vitals {
    moments: Mutex<Moments>,
    /// What fails, by the step that does it.
    failing: Mutex<BTreeMap<&'static str, &'static str>>,
    /// By how many microseconds the memory's clock is ahead of this computer's.
    ahead: AtomicI64,
    /// It is about to end, and says so before it takes no more requests.
    is_leaving: AtomicBool,
}

#[derive(Debug)]
struct Moments {
    /// Leases were renewed.
    renewed: Instant,
    /// Since when leases are renewed without a gap, by the memory's clock.
    regained: Timestamp,
    /// A round of housekeeping has ended.
    looked: Instant,
}

impl Vitals {
    /// Of a hub that begins now.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            moments: Mutex::new(Moments {
                renewed: Instant::now(),
                regained: now,
                looked: Instant::now(),
            }),
            failing: Mutex::default(),
            ahead: AtomicI64::new(0),
            is_leaving: AtomicBool::new(false),
        }
    }

    fn moments(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<&'static str, &'static str>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases were renewed at this moment of the memory's. After a gap in which leases of others may have run out as well, everybody
    /// has to come back first.
    fn renewed(&self, memory: Timestamp, linger: Duration, at: Instant) {
        let mut moments = self.moments();
        // Others may have renewed theirs a third of it before the gap began.
        if at.duration_since(moments.renewed) > linger / 3 * 2 {
            moments.regained = memory;
        }
        moments.renewed = at;
    }

    /// Since when leases are renewed without a gap, by the memory's clock.
    pub(super) fn regained(&self) -> Timestamp {
        self.moments().regained
    }

    /// A round of housekeeping has ended, however.
    pub(super) fn looked(&self, at: Instant) {
        self.moments().looked = at;
    }

    /// The hub is about to end.
    pub(super) fn leaves(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Why the hub takes no requests, if it takes none.
    fn hindrance(&self, rhythm: Rhythm, now: Instant) -> Option<String> {
        if self.is_leaving.load(Ordering::Relaxed) {
            return Some("the hub is about to end".to_owned());
        }
        let renewed = now.duration_since(self.moments().renewed);
        let is_overdue = renewed > rhythm.linger / 3 * 2;
        let is_failing = self.failing().contains_key(RENEWING);
        if is_overdue || is_failing {
            return Some("the memory cannot be written".to_owned());
        }
        self.trouble(rhythm, now)
    }

    /// Why the hub is not well, if it is not.
    fn trouble(&self, rhythm: Rhythm, now: Instant) -> Option<String> {
        let moments = self.moments();
        let (renewed, looked) = (
            now.duration_since(moments.renewed),
            now.duration_since(moments.looked),
        );
        if renewed > rhythm.linger {
            let age = renewed.as_secs();
            return Some(format!(
                "what machines have was last renewed {age} seconds ago: the memory cannot be written, or nobody does it"
            ));
        }
        (looked > LONGEST_ROUND + rhythm.tidy)
            .then(|| format!("housekeeping has not ended in {} seconds", looked.as_secs()))
    }
}

impl Hub {
    /// Now, by the clock that all hubs on one memory share: what they say of each other's leases is said by this one.
    pub(super) fn shared_now(&self) -> Timestamp {
        self.shared(self.now())
    }

    /// A moment of this hub's clock by that one.
    pub(super) fn shared(&self, own: Timestamp) -> Timestamp {
        let ahead = self.vitals().ahead.load(Ordering::Relaxed);
        Timestamp::from_micros(own.as_micros().saturating_add(ahead))
    }

    /// Writes that this hub lives, and reads what time it is for all.
    ///
    /// # Errors
    /// The memory cannot be written.
    pub(super) async fn set_clock(&self) -> Result<(), HubStoreError> {
        let (before, asked) = (self.now(), Instant::now());
        let memory = self.store().beat(before).await?;
        // The answer is of some moment between the question and now.
        let asked_at = before.plus(asked.elapsed() / 2);
        let ahead = memory.as_micros().saturating_sub(asked_at.as_micros());
        // An SQLite memory has this computer's clock.
        let ahead = if memory == before { 0 } else { ahead };
        self.vitals().ahead.store(ahead, Ordering::Relaxed);
        Ok(())
    }

    /// Leases were renewed.
    pub(super) fn leases_are_renewed(&self) {
        let linger = self.rhythm().linger;
        self.vitals().renewed(self.shared_now(), linger, Instant::now());
    }

    /// Notes how a step went that is done again and again; whether it went well. What fails as it did before is not said again.
    pub(super) fn did(&self, step: &'static str, outcome: &Result<(), HubStoreError>) -> bool {
        let before = match outcome {
            Ok(()) => self.vitals().failing().remove(step),
            Err(error) => self.vitals().failing().insert(step, error.doing),
        };
        match (outcome, before) {
            (Ok(()), Some(_)) => tracing::info!(step, "the hub looks after this again"),
            (Err(error), before) if before != Some(error.doing) => tracing::warn!(
                step,
                error = error as &dyn std::error::Error,
                "the hub cannot look after its memory"
            ),
            (_, _) => {}
        }
        outcome.is_ok()
    }
}

/// `GET /health/ready`: whether the hub takes requests.
pub(super) async fn ready(State(hub): State<Hub>) -> (StatusCode, String) {
    let not = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("NOT READY: {why}"));
    if hub.is_stopping() {
        hub.vitals().leaves();
    }
    if let Some(why) = hub.vitals().hindrance(hub.rhythm(), Instant::now()) {
        return not(why);
    }
    match timeout(PATIENCE, hub.store().ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "READY".to_owned()),
        Ok(Err(_)) | Err(_) => not("the memory does not answer".to_owned()),
    }
}

/// `GET /health`: whether the hub does what it must, and what fails.
pub(super) async fn health(State(hub): State<Hub>) -> (StatusCode, String) {
    let down = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("DOWN: {why}"));
    if !matches!(timeout(PATIENCE, hub.store().ping()).await, Ok(Ok(()))) {
        return down("the memory does not answer".to_owned());
    }
    if let Some(trouble) = hub.vitals().trouble(hub.rhythm(), Instant::now()) {
        return down(trouble);
    }
    let failing: Vec<String> = hub
        .vitals()
        .failing()
        .iter()
        .map(|(step, doing)| format!("{step} (failed to {doing})"))
        .collect();
    match failing.is_empty() {
        true => (StatusCode::OK, "UP".to_owned()),
        false => (StatusCode::OK, format!("UP, but not {}", failing.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_secs(30);

    fn second(number: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(Duration::from_secs(number))
    }

    #[test]
    fn after_a_gap_everybody_has_to_come_back_first() {
        let (vitals, begun) = (Vitals::new(second(1)), Instant::now());
        for at in [10, 20] {
            vitals.renewed(second(at), LINGER, begun + Duration::from_secs(at));
            assert_eq!(vitals.regained(), second(1), "no gap");
        }
        // Another hub may have renewed ten seconds before the gap began.
        vitals.renewed(second(41), LINGER, begun + Duration::from_secs(41));
        assert_eq!(vitals.regained(), second(41));
    }

    #[test]
    fn i8_a_hub_that_cannot_write_or_leaves_is_not_ready_before_it_is_not_well() {
        let (vitals, rhythm, begun) = (Vitals::new(second(1)), Rhythm::default(), Instant::now());
        assert_eq!(vitals.hindrance(rhythm, begun), None);
        let overdue = begun + rhythm.linger / 3 * 2 + Duration::from_secs(1);
        let why = vitals.hindrance(rhythm, overdue).unwrap();
        assert!(why.contains("cannot be written"), "{why}");
        assert_eq!(vitals.trouble(rhythm, overdue), None, "it is well");
        vitals.renewed(second(22), rhythm.linger, overdue);
        assert_eq!(vitals.hindrance(rhythm, overdue), None);
        vitals.failing().insert(RENEWING, "write that the hub lives");
        assert!(vitals.hindrance(rhythm, overdue).is_some());
        vitals.failing().remove(RENEWING);
        vitals.leaves();
        let why = vitals.hindrance(rhythm, overdue).unwrap();
        assert!(why.contains("about to end"), "{why}");
        assert_eq!(vitals.trouble(rhythm, overdue), None, "it is well to the end");
    }

    #[test]
    fn i8_a_hub_that_renews_nothing_or_whose_housekeeping_rests_is_not_well() {
        let (vitals, rhythm, begun) = (Vitals::new(second(1)), Rhythm::default(), Instant::now());
        assert_eq!(vitals.trouble(rhythm, begun), None);
        let late = begun + rhythm.linger + Duration::from_secs(2);
        let trouble = vitals.trouble(rhythm, late).unwrap();
        assert!(trouble.contains("seconds ago"), "{trouble}");
        vitals.renewed(second(32), rhythm.linger, late);
        assert_eq!(vitals.trouble(rhythm, late), None);
        let later = late + LONGEST_ROUND;
        vitals.renewed(second(700), rhythm.linger, later);
        let trouble = vitals.trouble(rhythm, later).unwrap();
        assert!(trouble.contains("housekeeping"), "{trouble}");
        vitals.looked(later);
        assert_eq!(vitals.trouble(rhythm, later), None);
    }
}
