//! Time by which things are over. A clock that is set, or a computer that has slept, does not end at once all that waits: whoever has it
//! coming is given some time to come for it (threat G5).

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Timestamp;

/// How far the clock may be from where it should be by the time that has passed.
const APART: Duration = Duration::from_secs(60);

/// How long a clock that was set is not believed.
const GRACE: Duration = Duration::from_secs(15 * 60);

/// A clock that is believed when it has been right for a while.
#[derive(Debug)]
pub(super) struct Steady {
    /// What the clock said when it was last believed, and when that was.
    believed: (Timestamp, Instant),
    /// Since when it is not.
    doubted: Option<Instant>,
}

impl Steady {
    pub(super) fn begin(clock: Timestamp, now: Instant) -> Self {
        Self {
            believed: (clock, now),
            doubted: None,
        }
    }

    /// The moment before which things are over, by what the clock says now.
    pub(super) fn over(&mut self, clock: Timestamp, now: Instant) -> Timestamp {
        let (said, at) = self.believed;
        let expected = said.plus(now.duration_since(at));
        // One of them is nothing: a moment is never before a later one.
        let apart = clock.since(expected).max(expected.since(clock));
        let since = *self.doubted.get_or_insert(now);
        if apart <= APART || now.duration_since(since) >= GRACE {
            *self = Self::begin(clock, now);
            return clock;
        }
        if since == now {
            tracing::warn!(
                seconds = apart.as_secs(),
                "the clock was set, or this computer has slept; nothing that waits is over because of that for a while"
            );
        }
        clock.min(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const ROUND: Duration = Duration::from_secs(2);

    fn noon() -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }

    #[test]
    fn g5_a_clock_that_jumps_forward_ends_nothing_until_it_has_been_there_for_a_while() {
        let begin = Instant::now();
        let mut steady = Steady::begin(noon(), begin);
        let jumped = |passed: Duration| noon().plus(passed).plus(DAY);
        assert_eq!(steady.over(noon().plus(ROUND), begin + ROUND), noon().plus(ROUND));
        for passed in [ROUND * 2, GRACE] {
            assert_eq!(steady.over(jumped(passed), begin + passed), noon().plus(passed));
        }
        let passed = GRACE + ROUND * 2;
        assert_eq!(steady.over(jumped(passed), begin + passed), jumped(passed));
        let next = passed + ROUND;
        assert_eq!(
            steady.over(jumped(next), begin + next),
            jumped(next),
            "it is right now"
        );
    }

    #[test]
    fn g5_a_clock_that_comes_right_again_is_believed_at_once_and_one_that_goes_back_too() {
        let begin = Instant::now();
        let mut steady = Steady::begin(noon(), begin);
        steady.over(noon().plus(DAY), begin + ROUND);
        let passed = ROUND * 2;
        assert_eq!(
            steady.over(noon().plus(passed), begin + passed),
            noon().plus(passed)
        );
        let back = noon().minus(DAY);
        assert_eq!(
            steady.over(back, begin + ROUND * 3),
            back,
            "nothing is over by it"
        );
        // Slowly it may go where it likes.
        let mut slow = Steady::begin(noon(), begin);
        for round in 1..100_u32 {
            let clock = noon().plus(ROUND * round * 2);
            assert_eq!(slow.over(clock, begin + ROUND * round), clock);
        }
    }
}
