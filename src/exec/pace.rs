//! How fast phases are passed on: as they come while they are few, and the newest one now and then once they are many. Each of them
//! is written to the machine's memory, which takes longer than to print it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many may come at once.
const BURST: u32 = 20;

/// After how long one more may.
const PAUSE: Duration = Duration::from_millis(500);

/// The phases of one attempt on their way.
pub(super) struct Pace {
    waiting: VecDeque<String>,
    /// How many may be passed on now.
    allowed: u32,
    /// Since when that number counts.
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            allowed: BURST,
            since: now,
        }
    }

    /// Takes in the next one; older ones that may not be passed on any more are left out.
    pub(super) fn take_in(&mut self, phase: String) {
        self.waiting.push_back(phase);
        while self.waiting.len() > self.allowed.max(1) as usize {
            self.waiting.pop_front();
        }
    }

    /// The one that is to be passed on now.
    pub(super) fn due(&mut self, now: Instant) -> Option<String> {
        while self.allowed < BURST && now.saturating_duration_since(self.since) >= PAUSE {
            self.since += PAUSE;
            self.allowed += 1;
        }
        if self.allowed == BURST {
            self.since = now;
        }
        if self.allowed == 0 || self.waiting.is_empty() {
            return None;
        }
        self.allowed -= 1;
        self.waiting.pop_front()
    }

    /// How long it takes until one of those that wait is due.
    pub(super) fn until_due(&self, now: Instant) -> Option<Duration> {
        let moment = self.since + PAUSE;
        (!self.waiting.is_empty()).then(|| moment.saturating_duration_since(now))
    }

    /// What waits at the end.
    pub(super) fn rest(&mut self) -> VecDeque<String> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_phases_are_all_passed_on_and_of_many_the_newest() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for phase in ["one", "two", "three"] {
            pace.take_in(phase.to_owned());
        }
        assert_eq!(pace.due(start).as_deref(), Some("one"));
        for number in 0..30_000 {
            pace.take_in(number.to_string());
        }
        let passed: Vec<String> = std::iter::from_fn(|| pace.due(start)).collect();
        assert_eq!((passed.len(), passed[18].as_str()), (19, "29999"));
        pace.take_in("early".to_owned());
        pace.take_in("late".to_owned());
        assert_eq!((pace.due(start), pace.until_due(start)), (None, Some(PAUSE)));
        assert_eq!(pace.due(start + PAUSE).as_deref(), Some("late"));
        pace.take_in("last".to_owned());
        assert_eq!(pace.due(start + PAUSE), None);
        assert_eq!(pace.rest(), ["last"]);
    }

    #[test]
    fn whoever_was_silent_may_say_much_again() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let later = start + PAUSE * 100;
        for moment in [start, later] {
            (0..100).for_each(|number| pace.take_in(number.to_string()));
            let first = pace.due(moment).into_iter();
            (0..100).for_each(|number| pace.take_in(number.to_string()));
            assert_eq!(
                first.chain(std::iter::from_fn(|| pace.due(moment))).count(),
                BURST as usize
            );
        }
    }
}
