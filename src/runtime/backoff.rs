//! How long to wait before somebody elsewhere, who is away or busy or said no, is asked again.

use std::time::Duration;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause while they are away.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause after an answer that will be the same until somebody does something.
const REFUSED: Duration = Duration::from_secs(300);
/// Longest pause that they can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// What the last try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// They are away or busy, or ended the conversation; they may have said how long to wait.
    Away(Option<Duration>),
    /// They said no, and will say so again.
    Refused,
}

/// Doubles the pause with each failure, and spreads machines that failed together.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// All is well again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause before the next try: between half of what is due and all of it, as `chance` has it. Whoever asked for a pause
    /// asked all for the same: each waits for that and some while more.
    pub fn next(&mut self, setback: Setback, chance: u64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        match setback {
            Setback::Away(None) => spread(doubled, chance),
            Setback::Away(Some(wish)) => {
                let wish = wish.min(LONGEST_WISH);
                let more = doubled.max(wish).min(LONGEST);
                wish + more * share(chance) / 500
            }
            Setback::Refused => spread(REFUSED, chance),
        }
    }
}

/// Between half of a pause and all of it.
fn spread(pause: Duration, chance: u64) -> Duration {
    pause * (500 + share(chance)) / 1000
}

/// From 0 to 500.
fn share(chance: u64) -> u32 {
    u32::try_from(chance % 501).unwrap_or_default()
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
        let pause = Backoff::default().next(Setback::Away(absurd), 500);
        assert_eq!(pause, LONGEST_WISH + LONGEST);
    }

    #[test]
    fn g5_machines_that_failed_together_come_back_apart_also_when_all_were_told_the_same() {
        for wish in [None, Some(Duration::from_secs(5))] {
            let pause = |chance| Backoff::default().next(Setback::Away(wish), chance);
            let pauses: std::collections::BTreeSet<Duration> = (0..501).map(pause).collect();
            assert!(pauses.len() > 400, "{}", pauses.len());
            assert!(pauses.iter().all(|pause| *pause >= wish.unwrap_or_default()));
        }
    }
}
