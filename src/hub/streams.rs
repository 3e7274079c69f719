//! Streams that are open: so many for each key, and of pages for each person, and each gives its place back when it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Streams that one key may have open.
const OF_A_KEY: u32 = 100;

/// Open streams by key.
#[derive(Debug, Default, Clone)]
pub(super) struct Streams(Arc<Mutex<HashMap<String, u32>>>);

impl Streams {
    /// One more of a key, as long as it is held; `None` when it has enough.
    pub(super) fn open(&self, key: &str) -> Option<Held> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key.to_owned()).or_default();
        if *count >= OF_A_KEY {
            return None;
        }
        *count += 1;
        Some(Held {
            streams: self.clone(),
            key: key.to_owned(),
        })
    }
}

/// A stream that is open.
pub(super) struct Held {
    streams: Streams,
    key: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_streams_and_they_are_given_back() {
        let streams = Streams::default();
        let held: Vec<Held> = (0..OF_A_KEY).filter_map(|_| streams.open("k")).collect();
        assert!(held.len() == OF_A_KEY as usize && streams.open("k").is_none());
        assert!(streams.open("other").is_some());
        drop(held);
        assert!(streams.open("k").is_some());
        assert!(streams.0.lock().unwrap().is_empty());
    }
}
