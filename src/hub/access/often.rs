//! How often somebody asks (security model 13, step 13): every credential has a budget that fills up again. It is far more than an
//! honest program needs, so that one that runs wild is told to wait before others wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::Timestamp;

/// Requests of one credential that are answered in a second, in the long run.
const PER_SECOND: u64 = 5_000;

/// Requests of one credential at once.
const AT_ONCE: u64 = 20_000;

/// Most credentials that are counted; those that have all of their budget are forgotten first.
const COUNTED: usize = 10_000;

const SECOND: u64 = 1_000_000;

/// What is left of a budget, in millionths of a request, and since when.
#[derive(Debug, Clone, Copy)]
struct Budget {
    left: u64,
    at: Timestamp,
}

impl Budget {
    fn whole(now: Timestamp) -> Self {
        Self {
            left: AT_ONCE * SECOND,
            at: now,
        }
    }

    /// As it is now; a clock that went back fills nothing.
    fn now(self, now: Timestamp) -> Self {
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(0);
        let more = micros.saturating_mul(PER_SECOND);
        Self {
            left: self.left.saturating_add(more).min(AT_ONCE * SECOND),
            at: now,
        }
    }
}

/// Budgets by the credentials' ids.
#[derive(Debug, Default)]
pub struct Often(Mutex<HashMap<String, Budget>>);

impl Often {
    /// Counts a request; whether it is one too many.
    pub fn is_too_often(&self, credential: &str, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= COUNTED && !all.contains_key(credential) {
            all.retain(|_, budget| budget.now(now).left < AT_ONCE * SECOND);
        }
        if all.len() >= COUNTED && !all.contains_key(credential) {
            return false;
        }
        let known = all.get(credential).copied();
        let budget = known.unwrap_or_else(|| Budget::whole(now)).now(now);
        let left = budget.left.checked_sub(SECOND);
        let budget = Budget {
            left: left.unwrap_or(budget.left),
            ..budget
        };
        all.insert(credential.to_owned(), budget);
        left.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    #[test]
    fn c7_whoever_asks_too_often_waits_and_nobody_else_does() {
        let often = Often::default();
        let all = (0..AT_ONCE).filter(|_| often.is_too_often("one", NOW)).count();
        assert_eq!(all, 0);
        assert!(often.is_too_often("one", NOW));
        assert!(!often.is_too_often("other", NOW), "each has its own");
        let later = NOW.plus(Duration::from_millis(1));
        let soon = (0..10).filter(|_| !often.is_too_often("one", later)).count();
        assert_eq!(soon, 5, "five thousand in a second");
        assert!(
            often.is_too_often("one", NOW),
            "a clock that went back gives nothing"
        );
        for number in 0..COUNTED + 10 {
            often.is_too_often(&number.to_string(), later.plus(Duration::from_secs(60)));
        }
        assert!(often.0.lock().unwrap().len() <= COUNTED);
    }
}
