//! What servers said they have, kept for the fetch that follows a look.
//!
//! Whoever looks at the heads of a repository and finds that one moved fetches it at once. Over http that fetch would begin
//! with the question that was answered a moment ago; the kept answer saves the request. It is used once, by a fetch
//! only, and only while it is fresh: a look always asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use tokio::time::Instant;

/// How long an answer is fresh.
const FRESH: Duration = Duration::from_secs(5);
/// Largest answer that is kept, in bytes.
pub(super) const LARGEST: usize = 256 << 10;
/// Answers kept at once; with more the oldest goes.
const MOST: usize = 64;

/// One answer.
struct Kept {
    at: Instant,
    base: Url,
    answer: Bytes,
}

/// Answers by the address that was asked.
#[derive(Default)]
pub(super) struct Advertisements(Mutex<HashMap<Url, Kept>>);

impl Advertisements {
    /// Keeps the answer of `asked`; `base` is where the repository is after redirects.
    pub(super) fn keep(&self, asked: Url, base: Url, answer: Bytes) {
        self.keep_at(Instant::now(), asked, base, answer);
    }

    fn keep_at(&self, at: Instant, asked: Url, base: Url, answer: Bytes) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| kept.at + FRESH > at);
        if all.len() == MOST {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.at);
            if let Some(oldest) = oldest.map(|(asked, _)| asked.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(asked, Kept { at, base, answer });
    }

    /// Takes the answer out, if it is fresh: where the repository is, and what it has.
    pub(super) fn take(&self, asked: &Url) -> Option<(Url, Bytes)> {
        self.take_at(Instant::now(), asked)
    }

    fn take_at(&self, now: Instant, asked: &Url) -> Option<(Url, Bytes)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.remove(asked)?;
        (kept.at + FRESH > now).then_some((kept.base, kept.answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(number: u32) -> Url {
        Url::parse(&format!("http://h/{number}")).unwrap()
    }

    #[test]
    fn an_answer_is_used_once_and_only_while_it_is_fresh() {
        let (kept, begun) = (Advertisements::default(), Instant::now());
        kept.keep_at(begun, url(1), url(2), Bytes::from_static(b"refs"));
        let found = kept.take_at(begun + FRESH / 2, &url(1));
        assert_eq!(found, Some((url(2), Bytes::from_static(b"refs"))));
        assert_eq!(kept.take_at(begun, &url(1)), None);
        kept.keep_at(begun, url(1), url(2), Bytes::new());
        assert_eq!(kept.take_at(begun + FRESH, &url(1)), None);
    }

    #[test]
    fn b7_answers_do_not_pile_up() {
        let (kept, begun) = (Advertisements::default(), Instant::now());
        for number in 0..1000_u32 {
            let at = begun + Duration::from_micros(number.into());
            kept.keep_at(at, url(number), url(0), Bytes::new());
        }
        assert_eq!(kept.0.lock().unwrap().len(), MOST);
        assert!(kept.take_at(begun, &url(999)).is_some() && kept.take_at(begun, &url(0)).is_none());
    }
}
