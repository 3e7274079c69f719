//! Whatever faces the outside takes anything: every parser is given texts that it takes, changed at random, and must answer with a value
//! or an error, never with a panic and never without end.
//!
//! In the suite each is asked some hundred times. With `SDM_TEST_FUZZ=60` each test goes on for so many seconds, which its parsers
//! share, with other texts each time: for longer runs, such as `SDM_TEST_FUZZ=600 cargo nextest run hostile_input`. What is found
//! belongs into a test of its own.

mod files;
mod hub;
mod mangle;
mod tokens;
mod wire;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

/// Texts of one kind in the suite.
const CASES: u32 = 400;

/// How long it is looked for less of a text that does harm.
const SHRINKS: Duration = Duration::from_secs(20);

/// How long a parser may take for one text: a text that takes longer takes as long as whoever sends it likes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seconds that a longer run has for each test, as the environment says.
fn longer() -> Option<Duration> {
    let seconds = std::env::var_os("SDM_TEST_FUZZ")?.to_str()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How long it goes on: for a number of times, or for a share of the time that the environment gives.
pub struct Going {
    until: Option<Instant>,
    left: usize,
}

impl Going {
    /// So many times, or one share of so many.
    pub fn of(times: usize, shares: u32) -> Self {
        Self {
            until: longer().map(|time| Instant::now() + time / shares),
            left: times,
        }
    }

    /// Whether it goes on, once more.
    pub fn on(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.until.map_or(more, |until| Instant::now() < until)
    }
}

/// Asks about values of a strategy, which is one of `shares` in its test: a bounded number of them, or for as long as the environment
/// says.
pub fn each<S: Strategy>(shares: u32, strategy: &S, check: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_time: u32::try_from(SHRINKS.as_millis()).unwrap(),
        ..Config::default()
    });
    let mut going = Going::of(usize::try_from(CASES).unwrap(), shares);
    while going.on() {
        let tree = strategy.new_tree(&mut runner).unwrap();
        let asked = runner.run_one(tree, |value| {
            let begun = Instant::now();
            check(value);
            assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
            Ok(())
        });
        if let Err(error) = asked {
            panic!("{error}");
        }
    }
}
