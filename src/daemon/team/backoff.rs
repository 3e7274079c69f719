//! How long to wait before the hub is asked again.

use std::time::Duration;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause while the hub is away.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause after an answer that will be the same until somebody does something.
const REFUSED: Duration = Duration::from_secs(300);
/// Longest pause that a hub can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// What the last try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setback {
    /// The hub is away or busy, or ended the conversation; it may have said how long to wait.
    Away(Option<Duration>),
    /// The hub said no, and will say so again.
    Refused,
}

/// Doubles the pause with each failure, and spreads machines that failed together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause before the next try: between half of what is due and all of it, as `chance` has it, and never less than the
    /// hub asked for.
    pub(super) fn next(&mut self, setback: Setback, chance: u64) -> Duration {
        let (due, wish) = match setback {
            Setback::Away(wish) => {
                let doubled = FIRST.saturating_mul(1 << self.failures.min(16));
                (doubled.min(LONGEST), wish.unwrap_or_default().min(LONGEST_WISH))
            }
            Setback::Refused => (REFUSED, Duration::ZERO),
        };
        self.failures = self.failures.saturating_add(1);
        spread(due.max(wish), chance).max(wish)
    }
}

/// Between half of a pause and all of it.
fn spread(pause: Duration, chance: u64) -> Duration {
    let share = 500 + u32::try_from(chance % 501).unwrap_or_default();
    pause * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..9)
            .map(|_| backoff.next(Setback::Away(None), 500).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
        );
        backoff.reset();
        assert_eq!(backoff.next(Setback::Away(None), 0), FIRST / 2);
    }

    #[test]
    fn g7_a_refusal_and_a_busy_hub_are_not_asked_fast() {
        let mut backoff = Backoff::default();
        assert!(backoff.next(Setback::Refused, 0) >= REFUSED / 2);
        let wish = Some(Duration::from_secs(20));
        assert!(Backoff::default().next(Setback::Away(wish), 0) >= Duration::from_secs(20));
        let absurd = Some(Duration::from_secs(1 << 40));
        assert_eq!(Backoff::default().next(Setback::Away(absurd), 500), LONGEST_WISH);
    }

    #[test]
    fn machines_that_failed_together_come_back_apart() {
        let pause = |chance| Backoff::default().next(Setback::Away(None), chance);
        let pauses: std::collections::BTreeSet<Duration> = (0..501).map(pause).collect();
        assert!(pauses.len() > 400, "{}", pauses.len());
    }
}
