//! The doors for time and identity, with a real and a steppable side each.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use uuid::Uuid;

use crate::model::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}

/// A clock that moves when it is told to, in either direction.
#[derive(Debug)]
pub struct SteppableClock(AtomicI64);

impl SteppableClock {
    /// Starts at a moment.
    pub fn at(moment: Timestamp) -> Self {
        Self(AtomicI64::new(moment.as_micros()))
    }

    /// Moves to a moment, which may lie before the last.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.as_micros(), Ordering::SeqCst);
    }

    /// Moves forward.
    pub fn step(&self, by: std::time::Duration) {
        self.set(self.now().plus(by));
    }
}

impl Clock for SteppableClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Where new identities come from.
pub trait Ids: Send + Sync {
    /// One that was never given before, ordered by time where it can be.
    fn fresh(&self) -> Uuid;
}

/// Random identities.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Identities that count up, for tests.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn fresh(&self) -> Uuid {
        Uuid::from_u64_pair(self.0.fetch_add(1, Ordering::SeqCst) + 1, 0)
    }
}
