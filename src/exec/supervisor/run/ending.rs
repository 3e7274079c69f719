//! When a command is told to end, and when it is made to: pure decisions about moments.

use std::time::{Duration, Instant};

use super::super::limits::Breach;
use super::super::outcome::Cause;
use super::super::tree::{PATIENCE, PAUSE};

/// How long what a command left behind may take to finish by itself: the end of a pipeline, a last line.
const SETTLING: Duration = Duration::from_millis(200);

/// Longest time between TERM and KILL for what a command left behind.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);

/// How far the ending of an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has ended; the time limit is set unless it lies beyond all time.
    Running { until: Option<Instant> },
    /// The last command has ended by itself.
    Settling { until: Instant },
    /// All were asked to end.
    Asked { until: Instant },
    /// All are being killed.
    Killing { next: Instant, give_up: Instant },
    /// Some could not be killed.
    GivenUp,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Wait,
    /// Ask the command and all it started to end.
    Ask,
    /// Ask what the command left behind to end.
    AskLeftovers,
    /// Kill everything.
    Kill,
    /// Leave those that cannot be killed.
    GiveUp,
}

/// What is known about the attempt's processes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The last command has ended, and none will be started.
    pub(super) has_ended: bool,
    /// Something of its family lives.
    pub(super) has_family: bool,
    /// Its output may still come.
    pub(super) has_output: bool,
}

/// The ending of one attempt.
#[derive(Debug)]
pub(super) struct Ending {
    stage: Stage,
    grace: Duration,
    /// Why it ends.
    pub(super) cause: Cause,
}

impl Ending {
    pub(super) fn new(now: Instant, timeout: Duration, grace: Duration) -> Self {
        Self {
            stage: Stage::Running {
                until: now.checked_add(timeout),
            },
            grace,
            cause: Cause::Itself,
        }
    }

    /// Somebody wants it to end; says whether that is news.
    pub(super) fn stop(&mut self, now: Instant, reason: &str) -> Act {
        match self.stage {
            Stage::Running { .. } => self.ask(now, Cause::Stop(reason.to_owned())),
            // What is left is to be gone at once now.
            Stage::Settling { .. } => {
                self.stage = Stage::Settling { until: now };
                Act::Wait
            }
            Stage::Asked { .. } | Stage::Killing { .. } | Stage::GivenUp => Act::Wait,
        }
    }

    /// It broke a limit: everything is killed, without a grace that would be time to go on.
    pub(super) fn break_off(&mut self, now: Instant, breach: Breach) -> Act {
        match self.stage {
            Stage::Running { .. } | Stage::Settling { .. } | Stage::Asked { .. } => {
                if self.cause == Cause::Itself {
                    self.cause = Cause::Breach(breach);
                }
                self.stage = Stage::Killing {
                    next: now + PAUSE,
                    give_up: now + PATIENCE,
                };
                Act::Kill
            }
            Stage::Killing { .. } | Stage::GivenUp => Act::Wait,
        }
    }

    /// Whether all is over.
    pub(super) fn is_over(&self, now: Instant, standing: Standing) -> bool {
        let is_silent =
            !standing.has_output || !matches!(self.stage, Stage::Running { .. } | Stage::Settling { .. });
        let has_settled = matches!(self.stage, Stage::Settling { until } if now >= until);
        self.stage == Stage::GivenUp
            || (standing.has_ended && !standing.has_family && (is_silent || has_settled))
    }

    /// When to decide again; `None` when only an event can change anything.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        match self.stage {
            Stage::Running { until } => until,
            Stage::Settling { until } | Stage::Asked { until } => Some(until),
            Stage::Killing { next, .. } => Some(next),
            Stage::GivenUp => None,
        }
    }

    /// Decides what to do now.
    pub(super) fn step(&mut self, now: Instant, standing: Standing) -> Act {
        match self.stage {
            Stage::Running { .. } if standing.has_ended => {
                self.stage = Stage::Settling {
                    until: now + SETTLING,
                };
                Act::Wait
            }
            Stage::Running { until: Some(until) } if now >= until => self.ask(now, Cause::Timeout),
            Stage::Settling { until } if now >= until && standing.has_family => {
                self.stage = Stage::Asked {
                    until: now + self.grace.min(LEFTOVER_GRACE),
                };
                Act::AskLeftovers
            }
            Stage::Asked { until } if now >= until => {
                self.stage = Stage::Killing {
                    next: now + PAUSE,
                    give_up: now + PATIENCE,
                };
                Act::Kill
            }
            Stage::Killing { give_up, .. } if now >= give_up => {
                self.stage = Stage::GivenUp;
                Act::GiveUp
            }
            Stage::Killing { next, give_up } if now >= next => {
                self.stage = Stage::Killing {
                    next: now + PAUSE,
                    give_up,
                };
                Act::Kill
            }
            Stage::Running { .. }
            | Stage::Settling { .. }
            | Stage::Asked { .. }
            | Stage::Killing { .. }
            | Stage::GivenUp => Act::Wait,
        }
    }

    fn ask(&mut self, now: Instant, cause: Cause) -> Act {
        self.cause = cause;
        let until = now.checked_add(self.grace).unwrap_or(now + LEFTOVER_GRACE);
        self.stage = Stage::Asked { until };
        Act::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVES: Standing = Standing {
        has_ended: false,
        has_family: true,
        has_output: true,
    };
    const LEFT: Standing = Standing {
        has_ended: true,
        has_family: true,
        has_output: true,
    };
    const GONE: Standing = Standing {
        has_ended: true,
        has_family: false,
        has_output: false,
    };

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_time_limit_asks_then_kills_then_gives_up() {
        let start = Instant::now();
        let mut ending = Ending::new(start, seconds(10), seconds(30));
        assert_eq!(ending.step(start + seconds(9), LIVES), Act::Wait);
        assert_eq!(ending.step(start + seconds(10), LIVES), Act::Ask);
        assert_eq!(ending.cause, Cause::Timeout);
        assert_eq!(ending.stop(start + seconds(11), "late"), Act::Wait);
        assert_eq!(ending.step(start + seconds(39), LIVES), Act::Wait);
        assert_eq!(ending.step(start + seconds(40), LIVES), Act::Kill);
        assert_eq!(ending.step(start + seconds(41), LIVES), Act::Kill);
        assert!(!ending.is_over(start + seconds(41), LIVES));
        assert_eq!(ending.step(start + seconds(46), LIVES), Act::GiveUp);
        assert!(ending.is_over(start + seconds(46), LIVES));
    }

    #[test]
    fn i3_what_is_left_behind_is_ended_soon() {
        let start = Instant::now();
        let mut ending = Ending::new(start, Duration::MAX, seconds(30));
        assert_eq!(ending.step(start, LEFT), Act::Wait);
        assert!(!ending.is_over(start, LEFT));
        assert_eq!(ending.step(start + seconds(1), LEFT), Act::AskLeftovers);
        assert_eq!(ending.step(start + seconds(2), LEFT), Act::Kill);
        assert_eq!(ending.cause, Cause::Itself);
        assert!(ending.is_over(start + seconds(2), GONE));
    }
}
