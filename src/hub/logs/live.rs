//! A log as it grows, as server-sent events: `lines` with lines and where to go on, which is the event's id as well, and
//! `end` when nothing follows. Whoever comes back with `Last-Event-ID` misses nothing and gets nothing twice.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::Hub;
use super::super::follower::Follower;
use super::super::refusal::Refusal;
use super::super::streams::Held;
use super::read::Page;
use super::{Place, shown};
use crate::ports::hub::LogName;

/// Longest time without a look, for replicas that cannot tell.
const LOOK: Duration = Duration::from_secs(2);

/// Somebody who reads along.
struct Reader {
    hub: Hub,
    follower: Follower,
    place: Place,
    name: LogName,
    from: u64,
    grown: watch::Receiver<u64>,
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
        follower: Follower::new(hub.clone(), headers),
        hub,
        place,
        name,
        from: last.unwrap_or(from),
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
        match self.follower.again().await {
            Ok(Some(caller)) => self.hub.may_read_log(&caller, &self.place).await.is_ok(),
            Ok(None) => true,
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
