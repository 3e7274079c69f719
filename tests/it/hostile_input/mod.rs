//! Whatever faces the outside takes anything: every parser is given texts that it takes, changed at random, and must answer with a value
//! or an error, never with a panic and never without end.
//!
//! In the suite each is asked some hundred times. `SDM_TEST_FUZZ=60` asks each for so many seconds, with other texts each time: for
//! longer runs, such as `SDM_TEST_FUZZ=600 cargo nextest run hostile_input`. What is found belongs into a test of its own.

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

/// Seconds that a longer run has for each parser, as the environment says.
pub fn longer() -> Option<u64> {
    std::env::var_os("SDM_TEST_FUZZ")?.to_str()?.parse().ok()
}

/// Asks about values of a strategy: a bounded number of them, or for as long as the environment says.
pub fn each<S: Strategy>(strategy: &S, check: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let begun = Instant::now();
    let patience = longer().map(Duration::from_secs);
    loop {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        });
        let asked = runner.run(strategy, |value| {
            check(value);
            Ok(())
        });
        if let Err(error) = asked {
            panic!("{error}");
        }
        if patience.is_none_or(|patience| begun.elapsed() >= patience) {
            return;
        }
    }
}
