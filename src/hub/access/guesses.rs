//! Guesses at keys: counted for each key and altogether, so that whoever tries many is told to wait (threat F10). A key that is
//! right is taken whoever guesses beside it: nobody shuts others out by guessing at their key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Timestamp;

/// Guesses at one key in a window, whether it is there or not.
const OF_ONE: u32 = 20;

/// Guesses altogether in a window.
const OF_ALL: u32 = 1_000;

/// How long guesses are counted.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Most keys that are counted one by one.
const COUNTED: usize = 10_000;

#[derive(Debug, Default)]
struct Counted {
    since: Option<Timestamp>,
    all: u32,
    by_key: HashMap<String, u32>,
}

/// What was guessed in the last window.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<Counted>);

impl Guesses {
    /// Counts a guess at a key; whether it is one too many.
    pub fn is_one_too_many(&self, key: &str, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: Timestamp| now.since(since) >= WINDOW || now < since;
        if counted.since.is_none_or(is_over) {
            *counted = Counted {
                since: Some(now),
                ..Counted::default()
            };
        }
        counted.all = counted.all.saturating_add(1);
        let is_full = counted.by_key.len() >= COUNTED && !counted.by_key.contains_key(key);
        if is_full {
            return true;
        }
        let of_one = counted.by_key.entry(key.to_owned()).or_insert(0);
        *of_one = of_one.saturating_add(1);
        *of_one > OF_ONE || counted.all > OF_ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_guesses_are_counted_for_each_key_and_altogether() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_micros(1_767_225_600_000_000));
        let many = |key: &str, count: u32| (0..count).filter(|_| guesses.is_one_too_many(key, now)).count();
        assert_eq!(many("a", OF_ONE), 0);
        assert_eq!(many("a", 5), 5, "whatever else is guessed");
        assert_eq!(many("b", 1), 0, "another key is not meant");
        let spread = (0..OF_ALL)
            .filter(|key| guesses.is_one_too_many(&format!("k{key}"), now))
            .count();
        assert!(spread > 0, "spread over many keys it is too much all the same");
        assert!(!guesses.is_one_too_many("a", now.plus(WINDOW)), "and it passes");
    }
}
