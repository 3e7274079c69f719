//! A log as it grows, as server-sent events: `lines` with lines and where to go on, which is the event's id as well, and
//! `end` when nothing follows. Whoever comes back with `Last-Event-ID` misses nothing and gets nothing twice.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::read::Page;
use super::{Place, shown};
use crate::ports::hub::LogName;

/// Streams that one key may have open.
const OF_A_KEY: u32 = 100;

/// Rights are looked at again after this.
const CHECKED: Duration = Duration::from_secs(30);

/// Longest time without a look, for replicas that cannot tell.
const LOOK: Duration = Duration::from_secs(2);

/// Open streams by key.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct Streams(Arc<Mutex<HashMap<String, u32>>>);

impl Streams {
    /// One more of a key, as long as it is held; `None` when it has enough.
    fn open(&self, key: &str) -> Option<Held> {
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
struct Held {
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

/// Somebody who reads along.
struct Reader {
    hub: Hub,
    headers: HeaderMap,
    place: Place,
    name: LogName,
    from: u64,
    grown: watch::Receiver<u64>,
    checked: Instant,
    has_ended: bool,
    _held: Held,
}

/// The stream from an offset on, or from where whoever comes back was.
pub(super) fn stream(
    hub: Hub,
    key: &str,
    (place, name, from): (Place, LogName, u64),
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let held = hub
        .streams()
        .open(key)
        .ok_or_else(|| Refusal::busy("this key reads too many logs at once", 5))?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let grown = hub.whispers().logs();
    let reader = Reader {
        grown,
        hub,
        headers: headers.clone(),
        place,
        name,
        from: last.unwrap_or(from),
        checked: Instant::now(),
        has_ended: false,
        _held: held,
    };
    Ok(Sse::new(events(reader))
        .keep_alive(KeepAlive::default())
        .into_response())
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    })
}

impl Reader {
    /// The next event; `None` when it is over.
    async fn next(&mut self) -> Option<Event> {
        let stop = self.hub.tasks().stop_token();
        while !self.has_ended && !stop.is_cancelled() {
            if !self.may_go_on().await {
                return None;
            }
            self.grown.mark_unchanged();
            // Whoever reads comes back when the memory does not answer.
            let page = self.hub.log_page(&self.name, self.from).await.ok()?;
            if page.next > self.from {
                self.from = page.next;
                return Some(event(&self.name, &page));
            }
            if page.is_complete {
                self.has_ended = true;
                let end = Event::default().event("end").id(self.from.to_string());
                return Some(end.data(json!({"attempt": self.name.attempt}).to_string()));
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
                _ = self.grown.changed() => {}
            }
        }
        None
    }

    /// A key that was revoked, or lost its right, reads no further.
    async fn may_go_on(&mut self) -> bool {
        if self.checked.elapsed() < CHECKED {
            return true;
        }
        self.checked = Instant::now();
        match self.hub.caller(&self.headers).await {
            Ok(caller) => self.hub.may_read_log(&caller, &self.place).await.is_ok(),
            Err(_) => false,
        }
    }
}

fn event(name: &LogName, page: &Page) -> Event {
    let lines: Vec<Value> = page.lines.iter().map(shown).collect();
    let data = json!({"attempt": name.attempt, "lines": lines, "next": page.next});
    Event::default()
        .event("lines")
        .id(page.next.to_string())
        .data(data.to_string())
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
